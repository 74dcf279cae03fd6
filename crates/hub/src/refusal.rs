//! What the Hub means when it says no, and what a broken connection means.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};
use reqwest::{Response, StatusCode};
use rustls::CertificateError;
use serde::Deserialize;

use crate::request::is_page;
use crate::tls::host;
use crate::{Hub, HubError, RepoId, RepoPath, Revision};

/// Bytes of a refusal that are read for its reason.
const LONGEST_REASON: usize = 64 << 10;
/// Characters of a reason that are shown.
const SHOWN: usize = 300;
/// Clocks that differ by less are in order.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// What a question is about: the words of a refusal depend on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) repo: Option<RepoId>,
    pub(crate) revision: Option<Revision>,
    pub(crate) path: Option<RepoPath>,
}

#[derive(Default, Deserialize)]
struct Reason {
    error: Option<String>,
}

impl Hub {
    /// Why the Hub refused, by its `X-Error-Code` first: its status alone does not tell a missing repository from a
    /// private one, nor a gated one from a wrong token.
    pub(crate) async fn refusal(&self, response: Response, asked: &Asked) -> HubError {
        let status = response.status();
        let headers = response.headers().clone();
        let host = host(response.url());
        if status == StatusCode::TOO_MANY_REQUESTS {
            let retry_in = self.shared.gates.heed(response.url(), true, &headers);
            return HubError::RateLimited {
                retry_in: retry_in.unwrap_or_default(),
            };
        }
        if status.is_server_error() {
            return HubError::Server {
                status: status.as_u16(),
            };
        }
        let text = |name: &str| {
            headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let reason = match text("x-error-message") {
            Some(reason) => reason,
            None => reason(response)
                .await
                .unwrap_or_else(|| format!("status {status}")),
        };
        let with_token = self.token().await.is_some();
        let code = text("x-error-code").unwrap_or_default();
        // With a token that it does not know, the Hub answers as if there were none, whatever was asked for.
        let suspicious = status == StatusCode::UNAUTHORIZED && with_token;
        if reason.contains("Invalid credentials") || (suspicious && self.is_token_wrong().await) {
            return HubError::TokenWrong;
        }
        match (code.as_str(), &asked.repo, &asked.revision, &asked.path) {
            ("GatedRepo", Some(repo), ..) => HubError::Gated {
                repo: repo.clone(),
                page_url: self.page_url(repo).into(),
                with_token,
            },
            ("RepoNotFound", Some(repo), ..) => HubError::RepoNotFound { repo: repo.clone() },
            ("RevisionNotFound", Some(repo), Some(revision), _) => HubError::RevisionNotFound {
                repo: repo.clone(),
                revision: revision.clone(),
            },
            ("EntryNotFound", Some(repo), _, Some(path)) => HubError::EntryNotFound {
                repo: repo.clone(),
                path: path.clone(),
            },
            _ if is_page(&headers) && code.is_empty() => HubError::NotJson { host },
            ("", Some(repo), _, Some(path)) if status == StatusCode::NOT_FOUND => HubError::EntryNotFound {
                repo: repo.clone(),
                path: path.clone(),
            },
            ("", Some(repo), ..) if status == StatusCode::NOT_FOUND => {
                HubError::RepoNotFound { repo: repo.clone() }
            }
            _ if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
                && let Some(minutes) = clock_off(&headers, SystemTime::now()) =>
            {
                HubError::ClockOff {
                    minutes: Some(minutes),
                }
            }
            _ if status == StatusCode::UNAUTHORIZED => HubError::NeedsToken {
                what: asked
                    .repo
                    .as_ref()
                    .map_or_else(|| "This".to_owned(), RepoId::to_string),
            },
            _ => HubError::Refused {
                reason: shown(&reason),
            },
        }
    }

    /// Why a request or its answer broke off. The address is left out of the detail: it may be a signed one.
    pub(crate) fn connection_error(&self, error: &reqwest::Error) -> HubError {
        let host = error.url().map_or_else(|| host(self.endpoint()), host);
        if error.is_timeout() {
            return HubError::Timeout { host };
        }
        let mut detail = "the connection broke off".to_owned();
        let mut garbled = false;
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(error) = cause {
            if let Some(error) = tls_error(error) {
                return insecure(host, error);
            }
            // What cannot be unpacked is an I/O error too.
            garbled |= error.downcast_ref::<io::Error>().is_some_and(|error| {
                matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput)
            });
            detail = error.to_string();
            cause = error.source();
        }
        let detail = shown(&detail);
        match garbled {
            true => HubError::BadAnswer { host, detail },
            false => HubError::Offline { host, detail },
        }
    }
}

async fn reason(mut response: Response) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_REASON {
            return None;
        }
    }
    serde_json::from_slice::<Reason>(&body).ok()?.error
}

/// One line of bounded length, without a closing full stop: it stands inside a sentence.
fn shown(reason: &str) -> String {
    let line: String = reason
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(SHOWN)
        .collect();
    line.trim().trim_end_matches('.').to_owned()
}

/// An I/O error leaves what it wraps out of its `source`, and several may be wrapped in one another.
fn tls_error<'a>(mut error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    error.downcast_ref::<rustls::Error>()
}

fn insecure(host: String, error: &rustls::Error) -> HubError {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    match error {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => HubError::ClockOff { minutes: None },
        other => HubError::Insecure {
            host,
            detail: shown(&other.to_string()),
        },
    }
}

/// Minutes that this computer is ahead of an answer's `Date`; none where they agree.
fn clock_off(headers: &HeaderMap, now: SystemTime) -> Option<i64> {
    let theirs = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    let (difference, sign) = match now.duration_since(theirs) {
        Ok(ahead) => (ahead, 1),
        Err(behind) => (behind.duration(), -1),
    };
    (difference > CLOCK_TOLERANCE)
        .then(|| sign * i64::try_from(difference.as_secs() / 60).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_clock_is_off_from_five_minutes_on() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let date = |offset: i64| {
            let then = now.checked_add(Duration::from_secs(86_400)).unwrap()
                - Duration::from_secs((86_400 - offset) as u64);
            let text = httpdate::fmt_http_date(then);
            HeaderMap::from_iter([(DATE, HeaderValue::from_str(&text).unwrap())])
        };
        assert_eq!(clock_off(&date(0), now), None);
        assert_eq!(clock_off(&date(299), now), None);
        assert_eq!(clock_off(&date(-299), now), None);
        assert_eq!(clock_off(&date(600), now), Some(-10));
        assert_eq!(clock_off(&date(-7200), now), Some(120));
        assert_eq!(clock_off(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_reason_is_one_bounded_line() {
        assert_eq!(shown("No.\r\nGo away.\n"), "No.  Go away");
        assert_eq!(shown(&"x".repeat(5000)).len(), SHOWN);
    }
}
