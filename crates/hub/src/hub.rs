//! The Hub as one value: where it is, who asks, and the connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hearth_store::Store;
use tokio::sync::Mutex;
use url::Url;

use crate::rate::Gates;
use crate::token::{Token, TokenVault};
use crate::{HubError, RepoId, RepoPath, Revision, tls};

const ENDPOINT: &str = "https://huggingface.co";

/// What a [`Hub`] is made of.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// Where the Hub is: [`HubConfig::endpoint_from_env`].
    pub endpoint: Url,
    /// Where answers are kept for when there is no connection.
    pub store: Store,
    /// Where the access token is kept.
    pub token: Arc<dyn TokenVault>,
    /// How patient to be.
    pub timeouts: Timeouts,
}

/// How long the network may take before it counts as broken, and how long its answers count as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the next bytes of an answer.
    pub stall: Duration,
    /// Until the whole of an answer that is read into memory.
    pub answer: Duration,
    /// How long a search or a repository is not asked for again: a person types, deletes and types again.
    pub fresh: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            fresh: Duration::from_secs(60),
        }
    }
}

impl HubConfig {
    /// The address in `HF_ENDPOINT`, else `https://huggingface.co`.
    ///
    /// # Errors
    /// [`HubError::BadEndpoint`] when the variable holds no http or https address.
    pub fn endpoint_from_env() -> Result<Url, HubError> {
        let text = std::env::var("HF_ENDPOINT").unwrap_or_default();
        let text = if text.trim().is_empty() {
            ENDPOINT
        } else {
            text.trim()
        };
        Self::endpoint(text)
    }

    /// An address that a person gave.
    ///
    /// # Errors
    /// [`HubError::BadEndpoint`] for what is no http or https address.
    pub fn endpoint(text: &str) -> Result<Url, HubError> {
        Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| HubError::BadEndpoint {
                text: text.chars().take(100).collect(),
            })
    }
}

/// The Hub. Clones share the connections, the token and what is known of rate limits.
///
/// Every function is cancelled by dropping its future.
#[derive(Clone)]
pub struct Hub {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) endpoint: Url,
    pub(crate) store: Store,
    pub(crate) client: reqwest::Client,
    pub(crate) vault: Arc<dyn TokenVault>,
    /// The vault's token, once it was asked.
    pub(crate) token: Mutex<Option<Option<Token>>>,
    pub(crate) gates: Gates,
    pub(crate) timeouts: Timeouts,
}

impl Hub {
    /// Makes the client; nothing is asked of the network yet.
    ///
    /// # Errors
    /// [`HubError::Insecure`] when this system has no certificates by which to know the Hub.
    pub fn new(config: HubConfig) -> Result<Self, HubError> {
        let HubConfig {
            endpoint,
            store,
            token,
            timeouts,
        } = config;
        Ok(Self {
            shared: Arc::new(Shared {
                client: tls::client(&endpoint, timeouts)?,
                endpoint,
                store,
                vault: token,
                token: Mutex::new(None),
                gates: Gates::default(),
                timeouts,
            }),
        })
    }

    /// Where the Hub is.
    pub fn endpoint(&self) -> &Url {
        &self.shared.endpoint
    }

    /// The page of a repository, for the person's browser.
    pub fn page_url(&self, repo: &RepoId) -> Url {
        self.url([repo.owner(), repo.name()])
    }

    /// The address that leads to a file's bytes, most often by way of a redirect.
    pub(crate) fn file_url(&self, repo: &RepoId, revision: &Revision, path: &RepoPath) -> Url {
        let revision = revision.as_str();
        let start = [repo.owner(), repo.name(), "resolve", revision];
        self.url(start.into_iter().chain(path.parts()))
    }

    /// An address of so many path segments; a `/` within one is escaped.
    pub(crate) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.shared.endpoint.clone();
        // Only a URL that cannot be a base has no segments, and an endpoint has a host.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.set_query(None);
        url
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("endpoint", &self.shared.endpoint.as_str())
            .finish_non_exhaustive()
    }
}
