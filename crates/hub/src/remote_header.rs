//! The header of a model file that is still on the Hub, read by ranges.

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_gguf::{GgufError, Header, Parser, Progress, Value};
use url::Url;

use crate::pages::Page;
use crate::refusal::Asked;
use crate::request::{Get, Wanted};
use crate::{Commit, Hub, HubError, RepoId, RepoPath};

/// Bytes of the first range: enough for every `general.*` and architecture key, which stand before the vocabulary.
const FIRST: u64 = 256 << 10;
/// Bytes of one range at most, so that a slow connection has each in time.
const MOST_AT_ONCE: u64 = 4 << 20;
/// The longest header that is read. Vocabularies of 260,000 tokens end near 16 MB.
const LONGEST_HEADER: u64 = 64 << 20;
/// What a commit holds never changes.
pub(crate) const FOR_EVER: Duration = Duration::MAX;

/// A file at a commit, and where it is read from.
pub(crate) struct Remote<'a> {
    hub: &'a Hub,
    repo: &'a RepoId,
    commit: &'a Commit,
    path: &'a RepoPath,
    /// Where the last range came from: a signed address that is good for a while.
    direct: Option<Url>,
}

impl Hub {
    /// The header of a GGUF file of `size_bytes`, as its repository lists it.
    ///
    /// # Errors
    /// [`HubError::BadHeader`] where it is none or does not fit its file, [`HubError::EntryNotFound`],
    /// [`HubError::Gated`], and whatever keeps the Hub from answering.
    pub async fn header(
        &self,
        repo: &RepoId,
        commit: &Commit,
        path: &RepoPath,
        size_bytes: u64,
    ) -> Result<Header, HubError> {
        let fetch = async {
            let mut remote = self.remote(repo, commit, path);
            let header = remote.header(size_bytes).await?;
            header
                .check_length(size_bytes)
                .map_err(|error| bad(path, &error))?;
            Ok(header)
        };
        let key = format!("header {commit} {path}");
        let Page { value, .. } = self.page(&key, FOR_EVER, fetch).await?;
        Ok(value)
    }

    /// The metadata in the first 256 kB of a GGUF file: arrays by their length only, and of the tokeniser what is
    /// there by then.
    ///
    /// # Errors
    /// As [`Hub::header`].
    pub async fn metadata(
        &self,
        repo: &RepoId,
        commit: &Commit,
        path: &RepoPath,
    ) -> Result<BTreeMap<String, Value>, HubError> {
        let fetch = async {
            let mut remote = self.remote(repo, commit, path);
            let bytes = remote.read(0..FIRST).await?;
            let mut parser = Parser::new();
            match parser.push(&bytes).map_err(|error| bad(path, &error))? {
                Progress::Done(header) => Ok(header.metadata),
                Progress::NeedMore { .. } => Ok(parser.metadata_so_far().clone()),
            }
        };
        let key = format!("metadata {commit} {path}");
        let Page { value, .. } = self.page(&key, FOR_EVER, fetch).await?;
        Ok(value)
    }

    pub(crate) fn remote<'a>(
        &'a self,
        repo: &'a RepoId,
        commit: &'a Commit,
        path: &'a RepoPath,
    ) -> Remote<'a> {
        Remote {
            hub: self,
            repo,
            commit,
            path,
            direct: None,
        }
    }
}

impl Remote<'_> {
    async fn header(&mut self, size_bytes: u64) -> Result<Header, HubError> {
        let end = size_bytes.min(LONGEST_HEADER);
        let mut parser = Parser::new();
        let (mut have, mut want) = (0, FIRST);
        while have < end {
            let bytes = self.read(have..end.min(have + want)).await?;
            if bytes.is_empty() {
                break;
            }
            have += bytes.len() as u64;
            // Hashing a vocabulary takes a while, and this thread has others to serve.
            let pushed = tokio::task::spawn_blocking(move || {
                let progress = parser.push(&bytes);
                (parser, progress)
            });
            let (parsed, progress) = pushed.await.map_err(|error| HubError::BadHeader {
                path: self.path.clone(),
                problem: error.to_string(),
            })?;
            parser = parsed;
            match progress.map_err(|error| bad(self.path, &error))? {
                Progress::Done(header) => return Ok(header),
                Progress::NeedMore { at_least } => {
                    want = have.max(at_least.saturating_sub(have)).min(MOST_AT_ONCE);
                }
            }
        }
        Err(bad(self.path, &GgufError::TruncatedHeader(have)))
    }

    /// Reads a range from where the last one came from, or else by way of the Hub.
    pub(crate) async fn read(&mut self, range: std::ops::Range<u64>) -> Result<Vec<u8>, HubError> {
        let resolve = self
            .hub
            .file_url(self.repo, &self.commit.clone().into(), self.path);
        let mut get = Get {
            url: self.direct.take().unwrap_or_else(|| resolve.clone()),
            body: Wanted::Range(range),
            asked: Asked {
                repo: Some(self.repo.clone()),
                revision: Some(self.commit.clone().into()),
                path: Some(self.path.clone()),
            },
            token: None,
        };
        let answer = match self.hub.ask_once(&get).await {
            Err(_) => {
                get.url = resolve;
                self.hub.ask(&get).await?
            }
            Ok(answer) => answer,
        };
        self.direct = Some(answer.url);
        Ok(answer.body)
    }
}

fn bad(path: &RepoPath, error: &GgufError) -> HubError {
    HubError::BadHeader {
        path: path.clone(),
        problem: error.to_string(),
    }
}
