//! What a model of safetensors that is still on the Hub says of itself, read without its weights and its tokeniser.

use std::collections::BTreeMap;
use std::path::PathBuf;

use futures::stream::{self, StreamExt, TryStreamExt};
use hearth_safetensors::{Checkpoint, Config, Error, Files, Tensor, header_bytes, tensors};

use crate::pages::{Page, parse};
use crate::refusal::Asked;
use crate::remote_header::FOR_EVER;
use crate::request::{Get, Wanted};
use crate::{Commit, Hub, HubError, RepoFile, RepoId, RepoPath};

/// Bytes of the first range of a file of weights: enough for the header of most.
const FIRST: u64 = 64 << 10;
/// Most bytes of a file that says something. The largest are indexes of mixtures with ten thousands of tensors, 6 MB.
const LONGEST: u64 = 16 << 20;
/// Files that are asked for at once: a model may lie in two hundred.
const AT_ONCE: usize = 6;

impl Hub {
    /// A model's `config.json`, from which alone it is known of most models that they do not run.
    ///
    /// # Errors
    /// [`HubError::EntryNotFound`], [`HubError::Gated`], and whatever keeps the Hub from answering.
    pub async fn config(&self, repo: &RepoId, commit: &Commit) -> Result<Config, HubError> {
        let fetch = async {
            let path = RepoPath::parse("config.json")?;
            let get = self.small(repo, commit, &path);
            let answer = self.ask(&get).await?;
            parse(&answer, &get.url).map(Config::new)
        };
        let key = format!("config {repo} {commit}");
        let Page { value, .. } = self.page(&key, FOR_EVER, fetch).await?;
        Ok(value)
    }

    /// A whole model, of whose files `files` are all. Its tokeniser, many times as long as the rest, is left to the engine.
    ///
    /// # Errors
    /// [`HubError::BadHeader`] where a file is missing or not what it should be, and as [`Hub::config`].
    pub async fn checkpoint(
        &self,
        repo: &RepoId,
        commit: &Commit,
        files: &[RepoFile],
    ) -> Result<Checkpoint, HubError> {
        let fetch = async {
            let paths: Vec<PathBuf> = files.iter().map(|file| file.path.as_str().into()).collect();
            let of = |name: &str| files.iter().find(|file| file.path.as_str() == name);
            // The first file is the one that is named where one is missing.
            let first = files.first().map(|file| file.path.clone());
            let bad = |error: Error| match &first {
                Some(path) => bad(path, &error),
                None => HubError::NoModel { repo: repo.clone() },
            };
            let sorted = Files::of(&paths).map_err(bad)?;
            let told = sorted.told().filter_map(|path| of(&path.to_string_lossy()));
            let told = told.map(|file| {
                let (hub, repo, commit, file) = (self.clone(), repo.clone(), commit.clone(), file.clone());
                async move { hub.bytes(&repo, &commit, &file.path).await }
            });
            let told: Vec<_> = told.collect();
            let told: BTreeMap<_, _> = stream::iter(told).buffered(AT_ONCE).try_collect().await?;
            let weights = sorted
                .weights
                .iter()
                .filter_map(|path| of(&path.to_string_lossy()));
            let weights = weights.map(|file| {
                let (hub, repo, commit, file) = (self.clone(), repo.clone(), commit.clone(), file.clone());
                async move { hub.tensors(&repo, &commit, &file).await }
            });
            let weights: Vec<_> = weights.collect();
            let parts: Vec<_> = stream::iter(weights).buffered(AT_ONCE).try_collect().await?;
            Checkpoint::of(sorted, &told, |_| Ok(parts.concat())).map_err(bad)
        };
        let key = format!("checkpoint {repo} {commit}");
        let Page { value, .. } = self.page(&key, FOR_EVER, fetch).await?;
        Ok(value)
    }

    fn small(&self, repo: &RepoId, commit: &Commit, path: &RepoPath) -> Get {
        Get {
            url: self.file_url(repo, &commit.clone().into(), path),
            body: Wanted::Whole(LONGEST),
            asked: Asked {
                repo: Some(repo.clone()),
                revision: Some(commit.clone().into()),
                path: Some(path.clone()),
            },
            token: None,
        }
    }

    async fn bytes(
        &self,
        repo: &RepoId,
        commit: &Commit,
        path: &RepoPath,
    ) -> Result<(PathBuf, Vec<u8>), HubError> {
        let answer = self.ask(&self.small(repo, commit, path)).await?;
        Ok((path.as_str().into(), answer.body))
    }

    async fn tensors(
        &self,
        repo: &RepoId,
        commit: &Commit,
        file: &RepoFile,
    ) -> Result<Vec<Tensor>, HubError> {
        let name = file.path.file_name();
        let mut remote = self.remote(repo, commit, &file.path);
        let mut bytes = remote.read(0..FIRST.min(file.size_bytes)).await?;
        let length = header_bytes(name, &bytes, file.size_bytes).map_err(|error| bad(&file.path, &error))?;
        let have = bytes.len() as u64;
        if have < length {
            bytes.extend(remote.read(have..length).await?);
        }
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        tensors(name, &bytes, file.size_bytes).map_err(|error| bad(&file.path, &error))
    }
}

fn bad(path: &RepoPath, error: &Error) -> HubError {
    HubError::BadHeader {
        path: path.clone(),
        problem: error.to_string(),
    }
}
