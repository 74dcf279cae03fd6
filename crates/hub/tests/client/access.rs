//! Gated repositories and the access token.

use std::sync::Arc;
use std::time::Duration;

use hearth_fake_hub::{Content, Denial, Fault, Gate, Server};
use hearth_hub::{Hub, HubConfig, HubError, SearchQuery, Timeouts, Token, TokenVault};

use crate::setup::{REPO, Setup, TOKEN, Vault, path, repo_id};

const FILE: &str = "fox-Q8_0.gguf";

async fn gated(vault: Vault) -> Setup {
    let setup = Setup::with(vault).await;
    setup
        .repo()
        .file(FILE, Content::generated(1000, 1))
        .gated(Gate::Manual);
    setup
}

async fn refusal(setup: &Setup) -> HubError {
    setup
        .hub
        .metadata(&repo_id(), &setup.commit(), &path(FILE))
        .await
        .unwrap_err()
}

fn gated_error(setup: &Setup, with_token: bool) -> HubError {
    HubError::Gated {
        repo: repo_id(),
        page_url: format!("{}/{REPO}", setup.fake.url),
        with_token,
    }
}

#[tokio::test]
async fn a_gated_file_asks_for_the_licence_to_be_accepted_first() {
    let setup = gated(Vault::default()).await;
    assert_eq!(refusal(&setup).await, gated_error(&setup, false));
}

#[tokio::test]
async fn with_a_token_it_is_the_approval_that_is_missing() {
    let setup = gated(Vault::holding(TOKEN)).await;
    setup.fake.account("ada", TOKEN);
    assert_eq!(refusal(&setup).await, gated_error(&setup, true));

    setup.fake.let_in(TOKEN, REPO);
    let error = refusal(&setup).await;
    assert!(
        matches!(error, HubError::BadHeader { .. }),
        "let in, and it is noise: {error}"
    );
}

#[tokio::test]
async fn a_wrong_token_is_told_from_a_missing_approval_although_the_hub_answers_alike() {
    let setup = gated(Vault::holding("hf_garbage")).await;
    assert_eq!(refusal(&setup).await, HubError::TokenWrong);
    assert_eq!(
        setup.hub.search(&SearchQuery::default()).await,
        Err(HubError::TokenWrong)
    );
    assert_eq!(setup.hub.whoami().await, Err(HubError::TokenWrong));
}

#[tokio::test]
async fn the_three_kinds_of_401_are_three_sentences() {
    for (denial, expected) in [
        (Denial::RepoNotFound, HubError::RepoNotFound { repo: repo_id() }),
        (Denial::BadToken, HubError::TokenWrong),
    ] {
        let setup = Setup::new().await;
        setup.repo().file(FILE, "fox");
        setup.fake.fault("", Fault::Unauthorised(denial), 9);
        assert_eq!(setup.hub.repo(&repo_id(), None).await.unwrap_err(), expected);
    }
    let setup = Setup::new().await;
    setup.repo().file(FILE, "fox");
    setup.fake.fault("", Fault::Unauthorised(Denial::GatedRepo), 9);
    let error = setup.hub.repo(&repo_id(), None).await.unwrap_err();
    assert_eq!(error, gated_error(&setup, false));
}

#[tokio::test]
async fn a_token_is_kept_once_the_hub_knows_whose_it_is() {
    let setup = Setup::new().await;
    setup.fake.account("ada", TOKEN);
    assert_eq!(setup.hub.whoami().await, Ok(None));
    assert!(setup.asked().is_empty(), "nobody to ask about");

    let wrong = Token::new("hf_mistyped").unwrap();
    assert_eq!(setup.hub.set_token(wrong).await, Err(HubError::TokenWrong));
    assert_eq!(setup.vault.read(), Ok(None));

    let token = Token::new(&format!("  {TOKEN}\n")).unwrap();
    assert_eq!(setup.hub.set_token(token).await.unwrap().name, "ada");
    assert_eq!(setup.restarted().whoami().await.unwrap().unwrap().name, "ada");

    setup.hub.clear_token().await.unwrap();
    assert_eq!(setup.vault.read(), Ok(None));
    assert_eq!(setup.hub.whoami().await, Ok(None));
}

#[tokio::test]
async fn the_token_goes_to_the_hub_and_not_where_it_redirects_to() {
    let setup = gated(Vault::holding(TOKEN)).await;
    setup.fake.account("ada", TOKEN);
    setup.fake.let_in(TOKEN, REPO);
    refusal(&setup).await;
    let (hub, cdn) = (setup.requests(Server::Hub), setup.requests(Server::Cdn));
    assert!(!hub.is_empty() && !cdn.is_empty());
    assert!(hub.iter().all(|request| request.had_authorization));
    assert!(cdn.iter().all(|request| !request.had_authorization));
}

#[tokio::test]
async fn nothing_that_is_printed_or_kept_holds_the_token() {
    let setup = gated(Vault::holding(TOKEN)).await;
    setup.fake.account("ada", TOKEN);
    setup.hub.search(&SearchQuery::default()).await.unwrap();
    let printed = format!(
        "{:?} {:?} {:?} {:?}",
        setup.hub,
        setup.vault,
        Token::new(TOKEN),
        refusal(&setup).await
    );
    assert!(printed.contains("Token(…)"));
    assert!(!printed.contains("SecretThatNobody"), "{printed}");
    setup.store.close().await;
    let database = std::fs::read(setup.store.path()).unwrap();
    assert!(
        !database
            .windows(TOKEN.len())
            .any(|bytes| bytes == TOKEN.as_bytes())
    );
}

#[test]
fn what_cannot_be_a_token_is_none() {
    for text in [
        "",
        "   ",
        "hf_two words",
        "hf_line\nbreak",
        "hf_ünïcode",
        &"x".repeat(5000),
    ] {
        assert_eq!(Token::new(text), None, "{text:?}");
    }
}

/// A keychain that takes its time, as one does that asks a person.
#[derive(Debug, Default)]
struct Slow(std::sync::atomic::AtomicU32);

impl TokenVault for Slow {
    fn read(&self) -> Result<Option<Token>, HubError> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(300));
        Ok(Token::new(TOKEN))
    }

    fn keep(&self, _: &Token) -> Result<(), HubError> {
        Ok(())
    }

    fn forget(&self) -> Result<(), HubError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_person_is_asked_for_the_keychain_once_however_often_a_search_is_begun_anew() {
    let setup = Setup::new().await;
    setup.fake.account("ada", TOKEN);
    let slow = Arc::new(Slow::default());
    let hub = Hub::new(HubConfig {
        endpoint: setup.fake.url.parse().unwrap(),
        store: setup.store.clone(),
        token: slow.clone(),
        timeouts: Timeouts::default(),
    })
    .unwrap();
    let query = SearchQuery::default();
    for _ in 0..3 {
        let typing = hub.search(&query);
        // Given up, as the search of a word is when the next letter is typed.
        let _ = tokio::time::timeout(Duration::from_millis(20), typing).await;
    }
    hub.search(&query).await.unwrap();
    assert_eq!(slow.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(setup.asked().iter().all(|request| request.had_authorization));
}
