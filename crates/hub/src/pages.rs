//! Answers kept in the store: shown again when the Hub is out of reach, and while a person types.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::request::{Answer, is_page};
use crate::tls::host;
use crate::{Hub, HubError};

/// Changes with the form of what is kept, so that another version's pages are not read as this one's.
const FORM: u32 = 1;

/// A value, and when it was told if that was not just now.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) value: T,
    /// Milliseconds since 1970; some only where the Hub could not be asked.
    pub(crate) cached_at: Option<i64>,
}

impl Hub {
    /// Has `fetch` ask the Hub unless it was asked less than `fresh` ago, and falls back on what it said before when
    /// it is out of reach. Kept is what was made of the answer: a page of search results is a tenth of what came.
    pub(crate) async fn page<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        fresh: Duration,
        fetch: impl Future<Output = Result<T, HubError>>,
    ) -> Result<Page<T>, HubError> {
        let key = format!("{FORM} {key}");
        let kept = self.kept::<T>(&key).await;
        let kept = match kept {
            Some((value, at)) if is_fresh(at, fresh) => {
                return Ok(Page {
                    value,
                    cached_at: None,
                });
            }
            kept => kept,
        };
        match fetch.await {
            Ok(value) => {
                self.keep(&key, &value).await;
                Ok(Page {
                    value,
                    cached_at: None,
                })
            }
            Err(error) if error.is_out_of_reach() => match kept {
                Some((value, at)) => {
                    tracing::info!(%error, "the Hub is out of reach; showing what it said before");
                    Ok(Page {
                        value,
                        cached_at: Some(at),
                    })
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// A page that cannot be read costs a question to the Hub and nothing else.
    async fn kept<T: DeserializeOwned>(&self, key: &str) -> Option<(T, i64)> {
        let page = match self.shared.store.page(key).await {
            Ok(page) => page?,
            Err(error) => {
                tracing::warn!(%error, "a kept page cannot be read");
                return None;
            }
        };
        match serde_json::from_str(&page.body) {
            Ok(value) => Some((value, page.fetched_at)),
            Err(error) => {
                tracing::warn!(key, %error, "a kept page is not understood");
                None
            }
        }
    }

    async fn keep<T: Serialize>(&self, key: &str, value: &T) {
        let kept = match serde_json::to_string(value) {
            Ok(body) => self
                .shared
                .store
                .put_page(key, &body, None)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = kept {
            tracing::warn!(key, error, "a page is not kept");
        }
    }
}

fn is_fresh(at: i64, fresh: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let age = i64::try_from(now.as_millis())
        .unwrap_or(i64::MAX)
        .saturating_sub(at);
    // Negative where the clock was set back: then nobody knows how old it is.
    u128::try_from(age).is_ok_and(|age| age < fresh.as_millis())
}

/// Reads an answer that has to be JSON, and tells a web page from other nonsense.
pub(crate) fn parse<T: DeserializeOwned>(answer: &Answer, asked: &Url) -> Result<T, HubError> {
    let starts_as_page = answer.body.trim_ascii_start().starts_with(b"<");
    if is_page(&answer.headers) || starts_as_page {
        return Err(HubError::NotJson { host: host(asked) });
    }
    serde_json::from_slice(&answer.body).map_err(|error| HubError::BadAnswer {
        host: host(asked),
        detail: error.to_string(),
    })
}
