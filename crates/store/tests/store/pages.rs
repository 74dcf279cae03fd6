//! Answers of the Hub that are kept.

use hearth_store::CachedPage;

use crate::{Home, connect};

#[tokio::test]
async fn what_was_seen_can_be_seen_again() {
    let home = Home::new().await;
    let key = "/api/models?search=tea";
    assert_eq!(home.store.page(key).await.unwrap(), None);
    home.store
        .put_page(key, "[1]", Some("<…>; rel=\"next\""))
        .await
        .unwrap();
    home.store.put_page("another", "[]", None).await.unwrap();

    let home = home.restart().await;
    let first = home.store.page(key).await.unwrap().unwrap();
    assert_eq!(
        (first.body.as_str(), first.link.as_deref()),
        ("[1]", Some("<…>; rel=\"next\""))
    );
    home.store.put_page(key, "[2]", None).await.unwrap();
    let second = home.store.page(key).await.unwrap().unwrap();
    assert_eq!(
        second,
        CachedPage {
            body: "[2]".into(),
            link: None,
            fetched_at: second.fetched_at
        }
    );
    assert!(second.fetched_at >= first.fetched_at);
}

/// Puts pages into the database that were fetched in 1970, a millisecond after each other.
async fn fetched_long_ago(home: &Home, count: i64, bytes: i64) {
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO hub_pages (key, body, size_bytes, fetched_at)
         SELECT 'old-' || i, printf('%.*c', ?2, 'x'), ?2, i FROM n",
    )
    .bind(count)
    .bind(bytes)
    .execute(&mut connect(&home.database()).await)
    .await
    .unwrap();
}

async fn kept(home: &Home, key: &str) -> bool {
    home.store.page(key).await.unwrap().is_some()
}

#[tokio::test]
async fn the_oldest_of_too_many_pages_goes() {
    let home = Home::new().await;
    fetched_long_ago(&home, 2_000, 10).await;
    home.store.put_page("new", "[]", None).await.unwrap();
    assert!(!kept(&home, "old-1").await && kept(&home, "old-2").await && kept(&home, "new").await);
}

#[tokio::test]
async fn the_oldest_of_too_large_pages_go() {
    let home = Home::new().await;
    fetched_long_ago(&home, 8, 8 << 20).await;
    home.store
        .put_page("new", &"茶".repeat(3 << 20), None)
        .await
        .unwrap();
    assert!(
        !kept(&home, "old-1").await && !kept(&home, "old-2").await,
        "bytes count, not characters"
    );
    assert!(kept(&home, "old-3").await && kept(&home, "new").await);

    home.store
        .put_page("endless", &"x".repeat((64 << 20) + 1), None)
        .await
        .unwrap();
    assert!(!kept(&home, "endless").await);
}
