//! What a model of safetensors or UQFF that is still on the Hub says of itself, read without its weights and its tokeniser.

use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt, TryStreamExt};
use hearth_safetensors::{
    Checkpoint, Config, Error, Files, Layer, TOLD, Tensor, alike, header_bytes, tensors,
};

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
            let of = |path: &PathBuf| {
                let mut files = files.iter();
                files.find(|file| Path::new(file.path.as_str()) == path).cloned()
            };
            // The first file is the one that is named where one is missing.
            let first = files.first().map(|file| file.path.clone());
            let bad = |error: Error| match &first {
                Some(path) => bad(path, &error),
                None => HubError::NoModel { repo: repo.clone() },
            };
            let sorted = Files::of(&paths).map_err(bad)?;
            let told = sorted.told().filter_map(of).collect();
            let read = |file: RepoFile| async move { self.bytes(repo, commit, &file.path).await };
            let told = each(told, read).await?.into_iter().collect();
            let weights = sorted.weights.iter().filter_map(of).collect();
            let read = |file: RepoFile| async move { self.tensors(repo, commit, &file).await };
            let tensors = each(weights, read).await?.concat();
            let quantised = sorted.quantised.iter().filter_map(of).collect();
            let read = |file: RepoFile| async move { self.layers(repo, commit, &file).await };
            let layers = each(quantised, read).await?.concat();
            let mut model = Checkpoint::of(sorted, &told, |_| Ok(tensors)).map_err(bad)?;
            model.layers = layers;
            model.layers.sort_by_key(|layer| layer.number);
            Ok(model)
        };
        // A repository holds several models of UQFF.
        let uqff = files
            .first()
            .map(|file| file.path.as_str())
            .filter(|path| path.ends_with(".uqff"));
        let key = format!("checkpoint {repo} {commit} {}", uqff.unwrap_or_default());
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
        let bytes = self.header_and(0, repo, commit, file).await?;
        tensors(file.path.file_name(), &bytes, file.size_bytes).map_err(|error| bad(&file.path, &error))
    }

    /// The layers of a file of UQFF, as far as its first bytes tell.
    async fn layers(&self, repo: &RepoId, commit: &Commit, file: &RepoFile) -> Result<Vec<Layer>, HubError> {
        let name = file.path.file_name();
        let bytes = self.header_and(TOLD, repo, commit, file).await?;
        let layers = || {
            let length = header_bytes(name, &bytes, file.size_bytes)?;
            let (header, told) =
                bytes.split_at(bytes.len().min(usize::try_from(length).unwrap_or(usize::MAX)));
            alike(name, &tensors(name, header, file.size_bytes)?, told)
        };
        layers().map_err(|error| bad(&file.path, &error))
    }

    /// What a file of weights begins with: its header and so many bytes of what comes after.
    async fn header_and(
        &self,
        more: u64,
        repo: &RepoId,
        commit: &Commit,
        file: &RepoFile,
    ) -> Result<Vec<u8>, HubError> {
        let name = file.path.file_name();
        let mut remote = self.remote(repo, commit, &file.path);
        let mut bytes = remote.read(0..FIRST.min(file.size_bytes)).await?;
        let length = header_bytes(name, &bytes, file.size_bytes).map_err(|error| bad(&file.path, &error))?;
        let length = length.saturating_add(more).min(file.size_bytes);
        let have = bytes.len() as u64;
        if have < length {
            bytes.extend(remote.read(have..length).await?);
        }
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(bytes)
    }
}

/// What `read` makes of each file, in their order.
async fn each<T, R>(files: Vec<RepoFile>, read: impl Fn(RepoFile) -> R) -> Result<Vec<T>, HubError>
where
    R: Future<Output = Result<T, HubError>>,
{
    let reads: Vec<R> = files.into_iter().map(read).collect();
    stream::iter(reads).buffered(AT_ONCE).try_collect().await
}

fn bad(path: &RepoPath, error: &Error) -> HubError {
    HubError::BadHeader {
        path: path.clone(),
        problem: error.to_string(),
    }
}
