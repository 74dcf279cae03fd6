//! The Hugging Face cache: `models--ORG--NAME/snapshots/COMMIT/…`, each file a link to `blobs/SHA256`.
//!
//! Layout: <https://huggingface.co/docs/hub/local-cache>. Where the system has no links, the files are in the snapshot
//! themselves, and nothing tells their hash.

use std::path::{Path, PathBuf};

use hearth_gguf::plain_name;

use crate::model::{Found, Owner, files_from, hash};
use crate::walk::{Walk, is_model_name};

/// Repositories looked at; the cache's own folder is read outside of the walk's bound.
const REPOS: usize = 10_000;

pub(super) fn find(roots: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::new();
    let mut found = Vec::new();
    for root in roots {
        let Ok(folders) = std::fs::read_dir(root) else {
            tracing::debug!(root = %root.display(), "no Hugging Face cache to look through");
            continue;
        };
        for folder in folders.take(REPOS).flatten() {
            let Some(repo) = repo(&folder.file_name().to_string_lossy()) else {
                continue;
            };
            for path in walk.files(&folder.path().join("snapshots"), is_model_name) {
                if let Some(files) = files_from(&path, blob_hash) {
                    found.push(Found {
                        owner: Owner::HfCache,
                        name: plain_name(&path),
                        repo: Some(repo.clone()),
                        files,
                    });
                }
            }
        }
    }
    found
}

fn repo(folder: &str) -> Option<String> {
    Some(folder.strip_prefix("models--")?.replacen("--", "/", 1))
}

/// Large files are named by their SHA-256. Small ones, by git's shorter hash, are no models.
fn blob_hash(path: &Path) -> Option<String> {
    let target = std::fs::read_link(path).ok()?;
    hash(target.file_name()?.to_str()?)
}
