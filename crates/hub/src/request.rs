//! One way for every question to the Hub: paced, authorised, redirected, tried again, and refused in words.

use std::ops::Range;
use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, LOCATION, RANGE};
use reqwest::{Response, StatusCode};
use url::Url;

use crate::rate::SHORT_PAUSE;
use crate::refusal::Asked;
use crate::tls::host;
use crate::token::Token;
use crate::{Hub, HubError};

const MOST_REDIRECTS: usize = 5;
/// Tries of one question, the first included. Asking twice changes nothing on the Hub.
const TRIES: u32 = 3;
/// The first wait is at most this long, the second at most twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(400);

/// A question, and how much of an answer is read.
#[derive(Clone, Debug)]
pub(crate) struct Get {
    pub(crate) url: Url,
    pub(crate) body: Wanted,
    pub(crate) asked: Asked,
    /// In place of the token that is kept.
    pub(crate) token: Option<Token>,
}

/// Bytes of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// All of it, and an error beyond so many bytes.
    Whole(u64),
    /// These bytes of a file, fewer where it ends before.
    Range(Range<u64>),
}

/// What came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    pub(crate) headers: HeaderMap,
    /// Where the last redirect led.
    pub(crate) url: Url,
}

impl Hub {
    /// Asks until there is an answer, or a refusal that asking again will not change.
    pub(crate) async fn ask(&self, get: &Get) -> Result<Answer, HubError> {
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match self.ask_once(get).await {
                Err(error) if passes(&error) => {
                    tracing::debug!(%error, "asking the Hub again");
                    // Full jitter, so that many clients do not come back at the same moment:
                    // https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
                    tokio::time::sleep(wait.mul_f64(fastrand::f64())).await;
                    wait *= 2;
                }
                done => return done,
            }
        }
        self.ask_once(get).await
    }

    pub(crate) async fn ask_once(&self, get: &Get) -> Result<Answer, HubError> {
        // Before the clock runs: a person may have to unlock the keychain.
        let token = match &get.token {
            Some(token) => Some(token.clone()),
            None => self.token().await,
        };
        tokio::time::timeout(self.shared.timeouts.answer, async {
            let response = self.follow(get, token.as_ref()).await?;
            let status = response.status();
            if !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
                return Err(match self.is_own(response.url()) {
                    true => self.refusal(response, &get.asked).await,
                    // A storage's refusal says that its signed address is not good any more.
                    false => HubError::Server {
                        status: status.as_u16(),
                    },
                });
            }
            self.read(response, &get.body).await
        })
        .await
        .unwrap_or_else(|_| Err(HubError::Timeout { host: host(&get.url) }))
    }

    /// Follows redirects. The token goes to the Hub's own address only, and a safe connection never leads to an open
    /// one.
    async fn follow(&self, get: &Get, token: Option<&Token>) -> Result<Response, HubError> {
        let mut url = get.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(&url, get, token).await?;
            let next = match response.status().is_redirection() {
                true => response
                    .headers()
                    .get(LOCATION)
                    .and_then(|to| url.join(to.to_str().ok()?).ok()),
                false => None,
            };
            let Some(next) = next else { return Ok(response) };
            if !matches!(next.scheme(), "http" | "https")
                || (url.scheme() == "https" && next.scheme() != "https")
            {
                return Err(HubError::Insecure {
                    host: host(&url),
                    detail: format!("it leads on to an address of the kind {}", next.scheme()),
                });
            }
            url = next;
        }
        Err(HubError::BadAnswer {
            host: host(&url),
            detail: "it leads from one address to the next without end".to_owned(),
        })
    }

    /// One request, without following where it leads.
    async fn send(&self, url: &Url, get: &Get, token: Option<&Token>) -> Result<Response, HubError> {
        let own = self.is_own(url);
        let mut request = self.shared.client.get(url.clone());
        if own {
            self.shared.gates.pass(url).await?;
            if let Some(token) = token {
                request = request.bearer_auth(token.secret());
            }
        }
        if let Wanted::Range(range) = &get.body {
            request = request.header(
                RANGE,
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            );
        }
        let response = request
            .send()
            .await
            .map_err(|error| self.connection_error(&error))?;
        if own {
            let refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
            self.shared.gates.heed(url, refused, response.headers());
        }
        Ok(response)
    }

    /// Whether a URL is of the Hub itself: same scheme, host and port.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.shared.endpoint.origin()
    }

    async fn read(&self, mut response: Response, wanted: &Wanted) -> Result<Answer, HubError> {
        let url = response.url().clone();
        let headers = response.headers().clone();
        let (mut skip, most) = match wanted {
            Wanted::Whole(limit) => (0, *limit),
            Wanted::Range(range) => {
                if is_page(&headers) {
                    return Err(HubError::NotJson { host: host(&url) });
                }
                // A server may ignore which part was asked for; then the part is taken out of the whole.
                let partial = response.status() == StatusCode::PARTIAL_CONTENT;
                if partial && first_byte(&headers) != Some(range.start) {
                    return Err(HubError::BadAnswer {
                        host: host(&url),
                        detail: "it gave another part of the file than was asked for".to_owned(),
                    });
                }
                (if partial { 0 } else { range.start }, range.end - range.start)
            }
        };
        let too_large = || HubError::TooLarge {
            host: host(&url),
            limit_bytes: most,
        };
        let whole = matches!(wanted, Wanted::Whole(_));
        if whole && response.content_length().is_some_and(|length| length > most) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.connection_error(&error))?
        {
            let skipped = skip.min(chunk.len() as u64);
            skip -= skipped;
            let chunk = chunk.get(skipped as usize..).unwrap_or_default();
            let room = most - body.len() as u64;
            if (chunk.len() as u64) < room || (whole && chunk.len() as u64 == room) {
                body.extend_from_slice(chunk);
            } else if whole {
                return Err(too_large());
            } else {
                body.extend_from_slice(chunk.get(..room as usize).unwrap_or(chunk));
                break;
            }
        }
        Ok(Answer { body, headers, url })
    }
}

/// Whether asking again in a moment may change the answer.
fn passes(error: &HubError) -> bool {
    match error {
        HubError::Offline { .. } | HubError::Server { .. } => true,
        // The gate waits for as long.
        HubError::RateLimited { retry_in } => *retry_in <= SHORT_PAUSE,
        _ => false,
    }
}

/// Whether an answer says of itself that it is a web page.
pub(crate) fn is_page(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// Where in the file a partial answer begins: `bytes 0-1023/4096`.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .trim()
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}
