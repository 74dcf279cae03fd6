//! The person's account on the Hub: only what gated models need.

use hearth_hub::{HubError, Token};

use crate::{App, ErrorReport};

impl App {
    /// The name of the account that the token belongs to; `None` without a token.
    ///
    /// # Errors
    /// The Hub's, or the keychain's.
    pub async fn hub_account(&self) -> Result<Option<String>, ErrorReport> {
        let account = self.online().await?.hub.whoami().await?;
        Ok(account.map(|account| account.name))
    }

    /// Checks a token with the Hub, keeps it in the system's keychain, and returns the account's name.
    ///
    /// # Errors
    /// The Hub's, or the keychain's; a token that the Hub does not accept is not kept.
    pub async fn set_hub_token(&self, token: &str) -> Result<String, ErrorReport> {
        let token = Token::new(token).ok_or(HubError::TokenWrong)?;
        Ok(self.online().await?.hub.set_token(token).await?.name)
    }

    /// Takes the token out of the keychain.
    ///
    /// # Errors
    /// The keychain's.
    pub async fn clear_hub_token(&self) -> Result<(), ErrorReport> {
        Ok(self.online().await?.hub.clear_token().await?)
    }
}
