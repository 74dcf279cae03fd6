//! LM Studio: `PUBLISHER/REPO/FILE.gguf`, where publisher and repo are usually the Hub's.
//!
//! Layout: <https://lmstudio.ai/docs/app/advanced/import-model>.

use std::path::{Path, PathBuf};

use hearth_gguf::plain_name;

use crate::model::{Found, Owner, files_from};
use crate::walk::{Walk, is_model_name};

pub(super) fn find(roots: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::new();
    let mut found = Vec::new();
    for root in roots {
        for path in walk.files(root, is_model_name) {
            if let Some(files) = files_from(&path, |_| None) {
                found.push(Found {
                    owner: Owner::LmStudio,
                    name: plain_name(&path),
                    repo: path.strip_prefix(root).ok().and_then(repo),
                    files,
                });
            }
        }
    }
    found
}

fn repo(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    match parts?[..] {
        [publisher, repo, _] => Some(format!("{publisher}/{repo}")),
        _ => None,
    }
}
