//! Settings.

use serde::{Deserialize, Serialize};

use crate::{Home, connect};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Idle {
    unload_minutes: Option<u32>,
}

#[tokio::test]
async fn a_setting_is_there_after_a_restart() {
    let home = Home::new().await;
    assert_eq!(home.store.setting::<Idle>("idle").await.unwrap(), None);
    home.store
        .set_setting(
            "idle",
            &Idle {
                unload_minutes: Some(10),
            },
        )
        .await
        .unwrap();
    home.store
        .set_setting("idle", &Idle { unload_minutes: None })
        .await
        .unwrap();
    let home = home.restart().await;
    assert_eq!(
        home.store.setting("idle").await.unwrap(),
        Some(Idle { unload_minutes: None })
    );
}

#[tokio::test]
async fn a_setting_of_another_shape_counts_as_unset() {
    let home = Home::new().await;
    home.store.set_setting("idle", "whenever").await.unwrap();
    assert_eq!(home.store.setting::<Idle>("idle").await.unwrap(), None);
    let kept: String = sqlx::query_scalar("SELECT value FROM settings WHERE key = 'idle'")
        .fetch_one(&mut connect(&home.database()).await)
        .await
        .unwrap();
    assert_eq!(
        kept, "\"whenever\"",
        "the version that wrote it can still read it"
    );
}
