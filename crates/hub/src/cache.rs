//! The Hugging Face cache on this computer, in the layout that every other tool reads.
//!
//! `models--org--name/` holds `blobs/` (the bytes, each file named by its ETag: the sha256 of a large file, the git
//! hash of a small one), `snapshots/<commit>/…` (the repository's tree as links to blobs) and `refs/<branch>` (the
//! commit that a branch pointed at).
//! Layout: <https://huggingface.co/docs/hub/local-cache>; variables: huggingface_hub's `constants.py`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Commit, RepoId, RepoPath, Revision};

/// Where the cache is, and what its folders are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubCache {
    root: PathBuf,
}

impl HubCache {
    /// A cache in a given folder, the one that holds the `models--…` folders.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The cache that other programs of this person use: `HF_HUB_CACHE`, else `HF_HOME/hub`, else
    /// `XDG_CACHE_HOME/huggingface/hub`, else `~/.cache/huggingface/hub`, on every system. None where the person
    /// has no home folder and no variable names another.
    pub fn locate() -> Option<Self> {
        Self::locate_with(|name| std::env::var_os(name), std::env::home_dir())
    }

    fn locate_with(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<Self> {
        let folder = |name: &str| {
            variable(name)
                .filter(|value| !value.is_empty())
                .and_then(|value| expand(Path::new(&value), home.as_deref()))
        };
        folder("HF_HUB_CACHE")
            .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| folder("HF_HOME").map(|home| home.join("hub")))
            .or_else(|| folder("XDG_CACHE_HOME").map(|caches| caches.join("huggingface").join("hub")))
            .or_else(|| {
                home.as_ref()
                    .map(|home| home.join(".cache").join("huggingface").join("hub"))
            })
            .map(Self::at)
    }

    /// The folder that holds the repositories.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A repository's folder, `models--org--name`.
    pub fn repo(&self, repo: &RepoId) -> PathBuf {
        self.root
            .join(format!("models--{}--{}", repo.owner(), repo.name()))
    }

    /// The folder of a repository's bytes.
    pub fn blobs(&self, repo: &RepoId) -> PathBuf {
        self.repo(repo).join("blobs")
    }

    /// The folder of a repository's tree at one commit.
    pub fn snapshot(&self, repo: &RepoId, commit: &Commit) -> PathBuf {
        self.repo(repo).join("snapshots").join(commit.as_str())
    }

    /// Where a file appears under its own name.
    pub fn snapshot_file(&self, repo: &RepoId, commit: &Commit, path: &RepoPath) -> PathBuf {
        let mut file = self.snapshot(repo, commit);
        file.extend(path.parts());
        file
    }

    /// The file that remembers which commit a branch pointed at.
    pub fn reference(&self, repo: &RepoId, revision: &Revision) -> PathBuf {
        let mut file = self.repo(repo).join("refs");
        file.extend(revision.as_str().split('/'));
        file
    }
}

/// A leading `~` is the person's home folder, as huggingface_hub reads these variables.
fn expand(path: &Path, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix("~") {
        Ok(rest) => Some(home?.join(rest)),
        Err(_) => Some(path.to_path_buf()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locate(variables: &[(&str, &str)], home: Option<&str>) -> Option<PathBuf> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        };
        HubCache::locate_with(variable, home.map(PathBuf::from)).map(|cache| cache.root)
    }

    #[test]
    fn the_variables_are_asked_in_the_order_that_huggingface_hub_asks_them() {
        let home = Some("/home/ada");
        assert_eq!(locate(&[], home), Some("/home/ada/.cache/huggingface/hub".into()));
        assert_eq!(
            locate(&[("XDG_CACHE_HOME", "/c")], home),
            Some("/c/huggingface/hub".into())
        );
        assert_eq!(
            locate(&[("XDG_CACHE_HOME", "/c"), ("HF_HOME", "/hf")], home),
            Some("/hf/hub".into())
        );
        assert_eq!(
            locate(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/models")], home),
            Some("/models".into())
        );
    }

    #[test]
    fn a_tilde_is_the_home_folder_and_an_empty_variable_is_none() {
        assert_eq!(
            locate(&[("HF_HOME", "~/big disk")], Some("/home/ada")),
            Some("/home/ada/big disk/hub".into())
        );
        assert_eq!(
            locate(&[("HF_HOME", "")], Some("/home/ada")),
            Some("/home/ada/.cache/huggingface/hub".into())
        );
        assert_eq!(locate(&[], None), None);
    }

    #[test]
    fn folders_are_named_as_every_other_tool_names_them() {
        let cache = HubCache::at("/hub");
        let repo = RepoId::parse("Qwen/Qwen3-8B-GGUF").unwrap();
        let commit = Commit::parse(&"a".repeat(40)).unwrap();
        let path = RepoPath::parse("Q8_0/model.gguf").unwrap();
        assert_eq!(
            cache.blobs(&repo),
            Path::new("/hub/models--Qwen--Qwen3-8B-GGUF/blobs")
        );
        assert_eq!(
            cache.snapshot_file(&repo, &commit, &path),
            Path::new("/hub/models--Qwen--Qwen3-8B-GGUF/snapshots")
                .join("a".repeat(40))
                .join("Q8_0/model.gguf")
        );
        assert_eq!(
            cache.reference(&repo, &Revision::parse("refs/pr/1").unwrap()),
            Path::new("/hub/models--Qwen--Qwen3-8B-GGUF/refs/refs/pr/1")
        );
    }
}
