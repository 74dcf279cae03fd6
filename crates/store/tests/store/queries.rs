//! The committed `.sqlx` folder, which the query macros compile against, says what the migrations say.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::{Home, connect};

#[tokio::test]
async fn the_query_data_matches_the_schema() {
    let home = Home::new().await;
    let mut connection = connect(&home.database()).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = fs::read_dir(root.join("src"))
        .unwrap()
        .map(|entry| {
            fs::read_to_string(entry.unwrap().path())
                .unwrap()
                .replace("\r\n", "\n")
        })
        .collect();

    let mut checked = 0;
    for entry in fs::read_dir(root.join(".sqlx")).unwrap() {
        let committed: Value = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let query = committed["query"].as_str().unwrap();
        assert!(
            sources.contains(query),
            "no longer asked, so write .sqlx anew (see src/lib.rs): {query}"
        );
        let described = (&mut connection)
            .describe(AssertSqlSafe(query).into_sql_str())
            .await
            .unwrap();
        assert_eq!(
            serde_json::to_value(&described).unwrap(),
            committed["describe"],
            "the schema has changed, so write .sqlx anew (see src/lib.rs): {query}"
        );
        checked += 1;
    }
    assert!(checked > 20, "{checked} queries");
}
