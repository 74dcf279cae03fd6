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
    let whole: Vec<_> = whole.collect();
    let label_of = |name: &str| {
        let label = uqff_quantisation(name);
        let same = whole
            .iter()
            .filter(|(other, _)| uqff_quantisation(other) == label);
        if same.count() == 1 { label } else { name.to_owned() }
    };
    let variant = |(name, parts): &(String, BTreeMap<u64, &RepoFile>)| {
        let files = parts.values().chain(shared.iter()).copied();
        let files: Vec<RepoFile> = files.cloned().collect();
        Variant {
            kind: Kind::Uqff,
            name: label_of(name),
            size_bytes: size_bytes(&files),
            files,
        }
    };
    whole.iter().map(variant).collect()
}

/// The quantisation that a file of UQFF is named after, as files of GGUF name it: `Q4_K` for `q4k`, and for the
/// `llama-3.2-3b-q4k` of older ones. The whole name, in capitals, where it ends in none.
pub fn uqff_quantisation(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    let last = name.rsplit('-').next().unwrap_or(&name);
    match last.as_bytes() {
        [b'Q', digit, b'K'] if digit.is_ascii_digit() => format!("Q{}_K", char::from(*digit)),
        _ if is_level(last) => last.to_owned(),
        _ => name,
    }
}

/// `Q8_0`, `HQQ4`, `AFQ6`, `F8E4M3` and the like: what mistral.rs quantises by, and how many bits come of it.
fn is_level(word: &str) -> bool {
    let bits = |method: &&str| word.strip_prefix(*method);
    let methods = ["Q", "HQQ", "AFQ", "F", "FP", "MXFP"];
    let mut bits = methods.iter().filter_map(bits);
    bits.any(|bits| bits.starts_with(|bit: char| bit.is_ascii_digit()))
}
