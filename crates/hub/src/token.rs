//! The access token: where it is kept, and how it is kept out of logs.

use std::fmt;

use crate::HubError;

/// The name under which the system's keychain shows the entry.
const SERVICE: &str = "dev.hearth.desktop";
const ACCOUNT: &str = "Hugging Face access token";
/// What huggingface_hub reads too.
const VARIABLE: &str = "HF_TOKEN";
/// The Hub's tokens have 37 characters.
const LONGEST: usize = 512;

/// An access token. Its text leaves this crate only in an `Authorization` header.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as a person pastes it. None where it cannot be one: empty, too long, or with characters that
    /// no header may hold.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let sound =
            !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
        sound.then(|| Self(text.to_owned()))
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Where the token is kept. Its functions may block, for as long as the person takes to unlock a keychain.
pub trait TokenVault: fmt::Debug + Send + Sync {
    /// The token, where there is one.
    ///
    /// # Errors
    /// [`HubError::Keychain`].
    fn read(&self) -> Result<Option<Token>, HubError>;

    /// Keeps a token in place of the one before.
    ///
    /// # Errors
    /// [`HubError::Keychain`].
    fn keep(&self, token: &Token) -> Result<(), HubError>;

    /// Forgets the token.
    ///
    /// # Errors
    /// [`HubError::Keychain`]; [`HubError::TokenFromEnvironment`] when there is one that Hearth does not keep.
    fn forget(&self) -> Result<(), HubError>;
}

/// The system's keychain (Keychain Services, Windows Credential Manager, Secret Service), and after it the
/// environment variable `HF_TOKEN`, which is only read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keychain;

impl Keychain {
    fn entry() -> Result<keyring::Entry, HubError> {
        // Asked first, because the entry's own error does not say what is missing.
        if let Err(error) = keyring::Entry::store_status() {
            return Err(fault(error));
        }
        keyring::Entry::new(SERVICE, ACCOUNT).map_err(|error| fault(&error))
    }
}

impl TokenVault for Keychain {
    fn read(&self) -> Result<Option<Token>, HubError> {
        let kept = Self::entry().and_then(|entry| match entry.get_password() {
            Ok(text) => Ok(Token::new(&text)),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(fault(&error)),
        });
        match (kept, from_environment()) {
            (Ok(Some(token)), _) | (_, Some(token)) => Ok(Some(token)),
            (kept, None) => kept,
        }
    }

    fn keep(&self, token: &Token) -> Result<(), HubError> {
        Self::entry()?
            .set_password(token.secret())
            .map_err(|error| fault(&error))
    }

    fn forget(&self) -> Result<(), HubError> {
        let forgotten = Self::entry().and_then(|entry| match entry.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(fault(&error)),
        });
        if from_environment().is_some() {
            return Err(HubError::TokenFromEnvironment);
        }
        forgotten
    }
}

fn from_environment() -> Option<Token> {
    Token::new(&std::env::var(VARIABLE).ok()?)
}

fn fault(error: &keyring::Error) -> HubError {
    HubError::Keychain {
        detail: error.to_string(),
    }
}
