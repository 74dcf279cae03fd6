//! What networks and servers do to an answer.

use std::time::Duration;

use hearth_fake_hub::{Bucket, Fault};
use hearth_hub::{HubError, SearchQuery};

use crate::setup::{REPO, Setup, repo_id};

async fn setup() -> Setup {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox");
    setup
}

async fn error_with(fault: Fault) -> HubError {
    let setup = setup().await;
    setup.fake.fault("", fault, 9);
    setup
        .impatient()
        .search(&SearchQuery::default())
        .await
        .unwrap_err()
}

const HOST: &str = "127.0.0.1";

#[tokio::test]
async fn a_web_page_is_told_from_data() {
    let host = HOST.to_owned();
    assert_eq!(error_with(Fault::Html).await, HubError::NotJson { host });
}

#[tokio::test]
async fn a_fault_that_passes_is_not_noticed() {
    for fault in [
        Fault::Unavailable,
        Fault::Reset { after: 5 },
        Fault::TooManyRequests { retry_in: 1 },
    ] {
        let setup = setup().await;
        let handle = setup.fake.fault(
            "/api/models",
            fault.clone(),
            if fault == Fault::Unavailable { 2 } else { 1 },
        );
        let handle = handle.at(hearth_fake_hub::Stage::Api);
        let page = setup.hub.search(&SearchQuery::default()).await.unwrap();
        assert_eq!((page.models.len(), page.cached_at), (1, None), "{fault:?}");
        assert!(handle.fired() > 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_a_sentence() {
    assert_eq!(
        error_with(Fault::Unavailable).await,
        HubError::Server { status: 503 }
    );
    let host = HOST.to_owned();
    assert_eq!(error_with(Fault::NoReply).await, HubError::Timeout { host });
    let error = error_with(Fault::RedirectLoop).await;
    assert!(matches!(error, HubError::BadAnswer { .. }), "{error}");
}

#[tokio::test]
async fn a_long_pause_is_told_and_kept() {
    let setup = setup().await;
    setup.fake.fault("", Fault::TooManyRequests { retry_in: 55 }, 1);
    let error = setup.hub.search(&SearchQuery::default()).await.unwrap_err();
    assert_eq!(
        error,
        HubError::RateLimited {
            retry_in: Duration::from_secs(55)
        }
    );
    let error = setup.hub.repo(&repo_id(), None).await.unwrap_err();
    assert!(matches!(error, HubError::RateLimited { .. }), "{error}");
    assert_eq!(setup.asked().len(), 1, "the Hub asked not to be asked");
}

#[tokio::test]
async fn the_last_request_of_a_window_closes_it_from_this_side() {
    let setup = setup().await;
    setup.fake.quota(Bucket::Api, 1);
    setup.hub.search(&SearchQuery::default()).await.unwrap();
    let error = setup.hub.repo(&repo_id(), None).await.unwrap_err();
    assert!(matches!(error, HubError::RateLimited { .. }), "{error}");
    assert_eq!(setup.asked().len(), 1);
}

#[tokio::test]
async fn a_repository_that_vanishes_between_list_and_click_says_so() {
    let setup = setup().await;
    let page = setup.hub.search(&SearchQuery::default()).await.unwrap();
    setup.fake.remove_repo(REPO);
    let error = setup.hub.repo(&page.models[0].id, None).await.unwrap_err();
    assert_eq!(error, HubError::RepoNotFound { repo: repo_id() });
}

#[tokio::test]
async fn a_clock_that_is_off_does_no_harm_while_the_hub_answers() {
    let setup = setup().await;
    setup.fake.fault("", Fault::WrongDate { off_by: 86_400 }, 9);
    assert_eq!(
        setup
            .hub
            .search(&SearchQuery::default())
            .await
            .unwrap()
            .models
            .len(),
        1
    );
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_offline() {
    let setup = setup().await;
    setup.fake.go_offline().await;
    let error = setup.hub.search(&SearchQuery::default()).await.unwrap_err();
    let HubError::Offline { host, detail } = error else {
        panic!("{error}")
    };
    assert_eq!(host, HOST);
    assert!(!detail.is_empty());
}
