//! Where a file's bytes come from: the signed address that the Hub's redirect names, renewed when it expires.

use std::ops::Range;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderName, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::timeout;
use url::Url;

use super::TransferError;
use super::error::Trouble;
use crate::refusal::Asked;
use crate::request::is_page;
use crate::tls::host;
use crate::{Commit, Hub, HubError, RepoId, RepoPath};

/// Redirects on the way to the bytes: the Hub's own (another spelling of the name, its cache of small files), then
/// the storage's.
const MOST_REDIRECTS: usize = 6;

/// Where bytes are to be had for now.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    url: Url,
    /// Tells this address from the one before it.
    pub(crate) serial: u64,
}

/// One file of one commit on the Hub.
pub(crate) struct Source {
    hub: Hub,
    asked: Asked,
    path: RepoPath,
    commit: Commit,
    size: u64,
    /// The name of the blob: what the Hub's ETag has to be.
    blob: String,
    start: Url,
    /// Asked for by one connection at a time; the others wait and share it.
    address: Mutex<Option<Address>>,
}

/// What a manifest says of a file.
pub(crate) struct Wanted<'a> {
    pub(crate) repo: &'a RepoId,
    pub(crate) commit: &'a Commit,
    pub(crate) path: &'a RepoPath,
    /// Bytes of the whole file.
    pub(crate) size: u64,
    /// The name of the blob.
    pub(crate) blob: &'a str,
}

impl Source {
    /// A file whose bytes are promised to be `size` many and to have the hash `blob`.
    pub(crate) fn new(hub: &Hub, wanted: Wanted<'_>) -> Self {
        let Wanted {
            repo,
            commit,
            path,
            size,
            blob,
        } = wanted;
        Self {
            start: hub.file_url(repo, &commit.clone().into(), path),
            hub: hub.clone(),
            asked: Asked {
                repo: Some(repo.clone()),
                revision: Some(commit.clone().into()),
                path: Some(path.clone()),
            },
            path: path.clone(),
            commit: commit.clone(),
            size,
            blob: blob.to_owned(),
            address: Mutex::new(None),
        }
    }

    /// The file's name, for messages.
    pub(crate) fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Bytes of the whole file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The address that is known, or a new one where none is or the known one is the stale one.
    pub(crate) async fn address(&self, stale: Option<u64>) -> Result<Address, Trouble> {
        let mut known = self.address.lock().await;
        let next = match &*known {
            Some(address) if Some(address.serial) != stale => return Ok(address.clone()),
            Some(address) => address.serial + 1,
            None => 0,
        };
        let address = Address {
            url: self.resolve().await?,
            serial: next,
        };
        tracing::debug!(
            path = self.path(),
            host = address.url.host_str(),
            "the bytes have an address"
        );
        *known = Some(address.clone());
        Ok(address)
    }

    /// Follows the Hub's redirects up to the first that leads away from it.
    async fn resolve(&self) -> Result<Url, Trouble> {
        let mut url = self.start.clone();
        for _ in 0..MOST_REDIRECTS {
            let response = self.send(Method::HEAD, &url, None).await?;
            let status = response.status();
            if !status.is_redirection() && !status.is_success() {
                return Err(self.refused(response).await);
            }
            self.check_promise(response.headers())?;
            let Some(next) = redirect(&url, &response) else {
                return Ok(url);
            };
            let next = self.allowed(next)?;
            if next == url {
                break;
            }
            if !self.hub.is_own(&next) {
                return Ok(next);
            }
            url = next;
        }
        Err(self.passing("the Hub sends from one address to the next and back"))
    }

    /// Asks for bytes, all of them or a range, and accepts nothing but these.
    pub(crate) async fn get(
        &self,
        address: &Address,
        range: Option<&Range<u64>>,
    ) -> Result<Response, Trouble> {
        let mut url = address.url.clone();
        for _ in 0..MOST_REDIRECTS {
            let response = self.send(Method::GET, &url, range).await?;
            if let Some(next) = redirect(&url, &response) {
                url = self.allowed(next)?;
                continue;
            }
            return self.accept(response, range).await;
        }
        Err(self.passing("the server sends from one address to the next and back"))
    }

    async fn accept(&self, response: Response, range: Option<&Range<u64>>) -> Result<Response, Trouble> {
        let status = response.status();
        if status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(Trouble::StaleAddress(self.changed("it is shorter")));
        }
        if !status.is_success() {
            if self.hub.is_own(response.url()) || passes(status) {
                return Err(self.refused(response).await);
            }
            // The storage's own refusal of a signed address means that it is too old, whatever it says.
            return Err(Trouble::StaleAddress(
                self.interrupted(&format!("the server answered {status}")),
            ));
        }
        if is_page(response.headers()) && !self.path().to_ascii_lowercase().ends_with(".html") {
            return Err(by_hub(HubError::NotJson {
                host: host(response.url()),
            }));
        }
        let length = response.content_length();
        match (status, range) {
            (StatusCode::PARTIAL_CONTENT, Some(range)) => {
                self.check_range(response.headers(), range)?;
                match length {
                    Some(length) if length != range.end - range.start => {
                        Err(self.passing("the server announced another length"))
                    }
                    _ => Ok(response),
                }
            }
            (StatusCode::OK, range) => {
                if length.is_some_and(|length| length != self.size) {
                    return Err(passing(self.changed("it has another size")));
                }
                // The whole file is a fine answer to who asked for all of it.
                match range {
                    Some(range) if *range != (0..self.size) => Err(Trouble::NoRanges),
                    _ => Ok(response),
                }
            }
            _ => Err(self.passing(&format!("the server answered {status}"))),
        }
    }

    fn check_range(&self, headers: &HeaderMap, range: &Range<u64>) -> Result<(), Trouble> {
        let text = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        match text.and_then(content_range) {
            Some((got, total)) if got == *range && total == self.size => Ok(()),
            Some((got, _)) if got == *range => Err(passing(self.changed("it has another size"))),
            _ => Err(self.passing("the server sent another part than was asked for")),
        }
    }

    /// What the Hub says of the file has to be what the manifest says.
    fn check_promise(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        let text = |name: &'static str| headers.get(HeaderName::from_static(name))?.to_str().ok();
        if text("x-repo-commit").is_some_and(|commit| commit != self.commit.as_str()) {
            return Err(passing(self.changed("it is of another version")));
        }
        if text("x-linked-size").is_some_and(|size| size.parse() != Ok(self.size)) {
            return Err(passing(self.changed("it has another size")));
        }
        // W/"…" is how a cache on the way weakens it.
        let tag = text("x-linked-etag").map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
        if tag.is_some_and(|tag| tag != self.blob) {
            return Err(passing(self.changed("it has another checksum")));
        }
        Ok(())
    }

    async fn send(&self, method: Method, url: &Url, range: Option<&Range<u64>>) -> Result<Response, Trouble> {
        let request = self.hub.shared.client.request(method, url.clone());
        // A compressed body would have other ranges.
        let mut request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(range) = range {
            request = request.header(
                RANGE,
                format!("bytes={}-{}", range.start, range.end.saturating_sub(1)),
            );
        }
        // The token is for the Hub alone: a signed address needs none, and its host is another's.
        let own = self.hub.is_own(url);
        if own {
            self.hub.shared.gates.pass(url).await.map_err(by_hub)?;
            if let Some(token) = self.hub.token().await {
                request = request.bearer_auth(token.secret());
            }
        }
        let Ok(answer) = timeout(self.hub.shared.timeouts.stall, request.send()).await else {
            return Err(by_hub(HubError::Timeout { host: host(url) }));
        };
        let response = answer.map_err(|error| self.broken(&error))?;
        if own {
            let refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
            self.hub.shared.gates.heed(url, refused, response.headers());
        }
        Ok(response)
    }

    /// A connection that broke, while it was made or later.
    pub(crate) fn broken(&self, error: &reqwest::Error) -> Trouble {
        by_hub(self.hub.connection_error(error))
    }

    async fn refused(&self, response: Response) -> Trouble {
        by_hub(self.hub.refusal(response, &self.asked).await)
    }

    /// A redirect must not lead out of an encrypted connection.
    fn allowed(&self, url: Url) -> Result<Url, Trouble> {
        if url.scheme() == "https" || (url.scheme() == "http" && self.hub.endpoint().scheme() == "http") {
            return Ok(url);
        }
        Err(Trouble::Final(
            HubError::Insecure {
                host: host(&url),
                detail: "the Hub's redirect leads to an address that is not encrypted".to_owned(),
            }
            .into(),
        ))
    }

    fn changed(&self, detail: &str) -> TransferError {
        TransferError::Changed {
            path: self.path().to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn interrupted(&self, detail: &str) -> TransferError {
        TransferError::Interrupted {
            path: self.path().to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn passing(&self, detail: &str) -> Trouble {
        passing(self.interrupted(detail))
    }
}

fn passing(error: TransferError) -> Trouble {
    Trouble::Passing { error, wait: None }
}

/// What the Hub or the way to it said: final, or worth another try.
fn by_hub(error: HubError) -> Trouble {
    match error {
        HubError::RateLimited { retry_in } => Trouble::Passing {
            error: error.into(),
            wait: Some(retry_in),
        },
        HubError::Offline { .. }
        | HubError::Timeout { .. }
        | HubError::NotJson { .. }
        | HubError::BadAnswer { .. }
        | HubError::Server { .. } => passing(error.into()),
        _ => Trouble::Final(error.into()),
    }
}

/// A status that another try may not meet again.
fn passes(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY
        )
}

fn redirect(from: &Url, response: &Response) -> Option<Url> {
    let to = response.headers().get(LOCATION)?.to_str().ok()?;
    response.status().is_redirection().then(|| from.join(to).ok())?
}

/// Reads `bytes 0-9/100`. A total that the server does not know (`*`) proves nothing, and none at all is no range.
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let end = last.trim().parse::<u64>().ok()?.checked_add(1)?;
    Some((first.trim().parse().ok()?..end, total.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_rfc_9110_writes_it() {
        assert_eq!(content_range("bytes 0-9/100"), Some((0..10, 100)));
        assert_eq!(content_range("bytes 42-1233/1234"), Some((42..1234, 1234)));
        for none in [
            "bytes */100",
            "bytes 0-9/*",
            "0-9/100",
            "bytes 0-18446744073709551615/9",
            "bytes 5/9",
            "",
        ] {
            assert_eq!(content_range(none), None, "{none}");
        }
    }
}
