//! The model of safetensors that a repository holds: its weights, and what is read beside them.

use hearth_safetensors::COMPANIONS;

use super::{Kind, Variant, size_bytes};
use crate::{Repo, RepoFile};

const ENDING: &str = ".safetensors";

/// The whole set at the root of the repository; `None` where it has no config, or not all of its weights. Adapters, and weights
/// a second time in another form (Mistral's `consolidated.safetensors`), are no part of it.
pub(super) fn variant(repo: &Repo) -> Option<Variant> {
    let root = |file: &&RepoFile| !file.path.as_str().contains('/');
    let mut files = weights(repo.files.iter().filter(root))?;
    let found = |name: &&str| repo.files.iter().find(|file| file.path.as_str() == *name);
    let companions: Vec<_> = COMPANIONS.iter().filter_map(found).collect();
    companions
        .iter()
        .find(|file| file.path.as_str() == "config.json")?;
    files.extend(companions);
    let files: Vec<_> = files.into_iter().cloned().collect();
    Some(Variant {
        kind: Kind::Safetensors,
        name: "safetensors".to_owned(),
        size_bytes: size_bytes(&files),
        files,
    })
}

/// `model.safetensors`, or else all of `model-00001-of-00003.safetensors` and so on, in order.
fn weights<'a>(files: impl Iterator<Item = &'a RepoFile>) -> Option<Vec<&'a RepoFile>> {
    let mut shards = Vec::new();
    for file in files {
        let name = file.path.as_str();
        if name == "model.safetensors" {
            return Some(vec![file]);
        }
        shards.extend(shard(name).map(|(number, count)| (number, count, file)));
    }
    shards.sort_by_key(|(number, count, _)| (*count, *number));
    let count = shards.first()?.1;
    let whole = shards
        .iter()
        .map(|(number, of, _)| (*number, *of))
        .eq((1..=count).map(|number| (number, count)));
    whole.then(|| shards.into_iter().map(|(_, _, file)| file).collect())
}

/// The number and the count in `model-00001-of-00003.safetensors`, and in Qwen's `model.safetensors-00001-of-00003.safetensors`.
fn shard(name: &str) -> Option<(u32, u32)> {
    let (rest, count) = name.strip_suffix(ENDING)?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let number_in = |digits: &str| -> Option<u32> {
        let sound = digits.len() == 5 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|_| sound)
    };
    let known = ["model", "model.safetensors"].contains(&stem);
    Some((number_in(number)?, number_in(count)?)).filter(|_| known)
}
