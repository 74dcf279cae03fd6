//! Browsing again without a connection.

use std::time::{SystemTime, UNIX_EPOCH};

use hearth_fake_hub::Fault;
use hearth_hub::{HubError, SearchQuery, Sort};

use crate::setup::{REPO, Setup, repo_id};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn what_was_seen_is_seen_again_with_its_time() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox").card("# Fox");
    let query = SearchQuery::default();
    let before = now();
    let page = setup.hub.search(&query).await.unwrap();
    let repo = setup.hub.repo(&repo_id(), None).await.unwrap();
    let card = setup.hub.card(&repo_id(), &repo.commit).await.unwrap();
    let seen = before..=now();

    setup.fake.go_offline().await;
    let hub = setup.later();
    let page_again = hub.search(&query).await.unwrap();
    let repo_again = hub.repo(&repo_id(), None).await.unwrap();
    assert_eq!(page_again.models, page.models);
    assert_eq!(repo_again.files, repo.files);
    assert!(seen.contains(&page_again.cached_at.unwrap()));
    assert!(seen.contains(&repo_again.cached_at.unwrap()));
    assert_eq!(hub.card(&repo_id(), &repo.commit).await.unwrap(), card);

    let other = SearchQuery {
        sort: Sort::Likes,
        ..query.clone()
    };
    assert!(matches!(hub.search(&other).await, Err(HubError::Offline { .. })));

    setup.fake.come_back().await;
    assert_eq!(hub.search(&query).await.unwrap().cached_at, None);
}

#[tokio::test]
async fn a_hub_in_trouble_is_out_of_reach_too() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox");
    let query = SearchQuery::default();
    setup.hub.search(&query).await.unwrap();
    for fault in [
        Fault::Html,
        Fault::Unavailable,
        Fault::NoReply,
        Fault::TooManyRequests { retry_in: 200 },
    ] {
        setup.fake.clear_faults();
        setup.fake.fault("", fault.clone(), 9);
        let page = setup.impatient().search(&query).await.unwrap();
        assert!(page.cached_at.is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_repository_that_vanished_is_not_shown_from_memory() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox");
    setup.hub.repo(&repo_id(), None).await.unwrap();
    setup.fake.remove_repo(REPO);
    let error = setup.later().repo(&repo_id(), None).await.unwrap_err();
    assert_eq!(error, HubError::RepoNotFound { repo: repo_id() });
}

#[tokio::test]
async fn a_page_that_is_damaged_is_asked_for_anew_and_mended() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox");
    setup.hub.repo(&repo_id(), None).await.unwrap();
    let url = format!("{}/api/models/{REPO}/revision/main?blobs=true", setup.fake.url);
    setup
        .store
        .put_page(&format!("1 repo {url}"), "{}", None)
        .await
        .unwrap();
    for _ in 0..2 {
        let told = setup.hub.repo(&repo_id(), None).await.unwrap();
        assert_eq!(told.files.len(), 1);
    }
    assert_eq!(setup.asked().len(), 2);
}
