//! The models of UQFF that a repository holds: files of quantised layers, and what all of them share.

use std::collections::BTreeMap;

use hearth_safetensors::{COMPANIONS, RESIDUAL, shard_of};

use super::{Kind, Variant, size_bytes};
use crate::{Repo, RepoFile};

/// One for each quantisation, of files at the root of the repository; none where it has no config or not what is not quantised.
pub(super) fn variants(repo: &Repo) -> Vec<Variant> {
    let find = |name: &str| repo.files.iter().find(|file| file.path.as_str() == name);
    let (Some(residual), Some(_)) = (find(RESIDUAL), find("config.json")) else {
        return Vec::new();
    };
    let shared: Vec<&RepoFile> = std::iter::once(residual)
        .chain(COMPANIONS.iter().filter_map(|name| find(name)))
        .collect();
    let mut models: BTreeMap<String, BTreeMap<u64, &RepoFile>> = BTreeMap::new();
    for file in &repo.files {
        let path = file.path.as_str();
        if path.ends_with(".uqff") && !path.contains('/') {
            let (name, number) = shard_of(path.as_ref());
            models.entry(name).or_default().insert(number, file);
        }
    }
    let whole = models.into_iter().filter(|(_, parts)| {
        let numbers = parts.keys().copied();
        numbers.eq(0..parts.len() as u64)
    });
    let variant = |(name, parts): (String, BTreeMap<u64, &RepoFile>)| {
        let files = parts.into_values().chain(shared.iter().copied());
        let files: Vec<RepoFile> = files.cloned().collect();
        Variant {
            kind: Kind::Uqff,
            name: uqff_quantisation(&name),
            size_bytes: size_bytes(&files),
            files,
        }
    };
    whole.map(variant).collect()
}

/// The quantisation that a file of UQFF is named after, as files of GGUF name it: `Q4_K` for `q4k`.
pub fn uqff_quantisation(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    match name.as_bytes() {
        [b'Q', digit, b'K'] if digit.is_ascii_digit() => format!("Q{}_K", char::from(*digit)),
        _ => name,
    }
}
