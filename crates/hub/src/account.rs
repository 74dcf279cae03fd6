//! Whose access token it is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::pages::parse;
use crate::refusal::Asked;
use crate::request::{Get, Wanted};
use crate::token::Token;
use crate::{Hub, HubError};

const LONGEST_ANSWER: u64 = 1 << 20;
/// How long the keychain may take: long enough for a person to unlock it, and browsing works without.
const KEYCHAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// The person or organisation that an access token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The name on the Hub.
    pub name: String,
}

impl Hub {
    /// Whose the kept token is; none where none is kept.
    ///
    /// # Errors
    /// [`HubError::TokenWrong`], and whatever keeps the Hub from answering.
    pub async fn whoami(&self) -> Result<Option<Account>, HubError> {
        match self.token().await {
            Some(token) => self.account(token).await.map(Some),
            None => Ok(None),
        }
    }

    /// Asks the Hub whose a token is, and keeps it in the keychain.
    ///
    /// # Errors
    /// [`HubError::TokenWrong`], [`HubError::Keychain`], and whatever keeps the Hub from answering. Nothing is kept
    /// then.
    pub async fn set_token(&self, token: Token) -> Result<Account, HubError> {
        let account = self.account(token.clone()).await?;
        let (vault, kept) = (self.shared.vault.clone(), token.clone());
        blocking(move || vault.keep(&kept)).await?;
        *self.shared.token.lock().await = Some(Some(token));
        Ok(account)
    }

    /// Takes the token out of the keychain.
    ///
    /// # Errors
    /// [`HubError::Keychain`]; [`HubError::TokenFromEnvironment`] when there is one that only the person can remove.
    pub async fn clear_token(&self) -> Result<(), HubError> {
        let vault = self.shared.vault.clone();
        let cleared = blocking(move || vault.forget()).await;
        *self.shared.token.lock().await = None;
        cleared
    }

    /// The kept token. A keychain that cannot be opened counts as an empty one: what is public needs none.
    ///
    /// The keychain is asked once, also where nobody waits for the answer any more: it may be asking a person.
    pub(crate) async fn token(&self) -> Option<Token> {
        if let Some(token) = &*self.shared.token.lock().await {
            return token.clone();
        }
        let shared = self.shared.clone();
        let asking = tokio::spawn(async move {
            let mut known = shared.token.lock().await;
            if let Some(token) = &*known {
                return token.clone();
            }
            let vault = shared.vault.clone();
            let token = match timeout(KEYCHAIN_TIMEOUT, blocking(move || vault.read())).await {
                Ok(Ok(token)) => token,
                Ok(Err(error)) => {
                    tracing::info!(%error, "no access token");
                    None
                }
                Err(_) => {
                    tracing::warn!("the keychain did not answer; going on without an access token");
                    None
                }
            };
            *known = Some(token.clone());
            token
        });
        asking.await.unwrap_or_default()
    }

    /// Whether the Hub, asked about the kept token alone, does not know it.
    pub(crate) async fn is_token_wrong(&self) -> bool {
        let url = self.url(["api", "whoami-v2"]);
        let Some(token) = self.token().await else {
            return false;
        };
        let request = self.shared.client.get(url).bearer_auth(token.secret()).send();
        matches!(request.await, Ok(response) if response.status() == reqwest::StatusCode::UNAUTHORIZED)
    }

    async fn account(&self, token: Token) -> Result<Account, HubError> {
        let get = Get {
            url: self.url(["api", "whoami-v2"]),
            body: Wanted::Whole(LONGEST_ANSWER),
            asked: Asked::default(),
            token: Some(token),
        };
        let answer = match self.ask(&get).await {
            Err(HubError::NeedsToken { .. }) => return Err(HubError::TokenWrong),
            answer => answer?,
        };
        parse(&answer, &get.url)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HubError> + Send + 'static,
) -> Result<T, HubError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(HubError::Keychain {
            detail: error.to_string(),
        })
    })
}
