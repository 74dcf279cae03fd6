//! A repository's files, grouped into models that can be chosen from.

mod safetensors;
mod uqff;

use std::collections::{BTreeMap, HashMap};

use hearth_gguf::ShardName;

use crate::{HubError, Repo, RepoFile};

pub use uqff::uqff_quantisation;

/// What a model's files are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// GGUF: one quantisation, taken as it is.
    #[default]
    Gguf,
    /// Safetensors with a config and a tokeniser, quantised while they are read.
    Safetensors,
    /// mistral.rs' own: quantised layers, and the rest beside them.
    Uqff,
}

/// One form of the model: a GGUF file, all shards of it, or the whole set of safetensors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// What its files are.
    pub kind: Kind,
    /// The quantisation, such as `Q4_K_M`; the file's name where it names none, or where two name the same; `safetensors`.
    pub name: String,
    /// The files: shards in order, and after them what belongs to them.
    pub files: Vec<RepoFile>,
    /// Bytes of all files.
    pub size_bytes: u64,
}

/// The variants of a repository, the smallest first. Projectors, importance matrices and sets of shards that lack one
/// are no variants.
///
/// # Errors
/// [`HubError::NoModel`] where there is none.
pub fn variants(repo: &Repo) -> Result<Vec<Variant>, HubError> {
    let mut variants = gguf(repo);
    variants.extend(safetensors::variant(repo));
    variants.extend(uqff::variants(repo));
    if variants.is_empty() {
        return Err(HubError::NoModel {
            repo: repo.model.id.clone(),
        });
    }
    variants.sort_by(|a, b| (a.size_bytes, &a.name).cmp(&(b.size_bytes, &b.name)));
    Ok(variants)
}

fn gguf(repo: &Repo) -> Vec<Variant> {
    let mut whole = Vec::new();
    let mut shards: BTreeMap<(&str, u32), BTreeMap<u32, &RepoFile>> = BTreeMap::new();
    for file in repo.files.iter().filter(|file| is_model(file)) {
        match ShardName::parse(file.path.as_str()) {
            Some(shard) => {
                shards
                    .entry((shard.stem, shard.count))
                    .or_default()
                    .insert(shard.number, file);
            }
            None => whole.push((stem(file.path.as_str()), vec![file.clone()])),
        }
    }
    for ((stem, count), parts) in shards {
        if parts.len() as u64 == u64::from(count) {
            whole.push((stem, parts.into_values().cloned().collect()));
        } else {
            tracing::warn!(repo = %repo.model.id, stem, "shards are missing; the model is left out");
        }
    }
    let label = |stem: &str| quantisation(file_name(stem)).unwrap_or_else(|| file_name(stem).to_owned());
    let mut labels: HashMap<String, usize> = HashMap::new();
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (stem, _) in &whole {
        *labels.entry(label(stem)).or_default() += 1;
        *names.entry(file_name(stem)).or_default() += 1;
    }
    let variant = |(stem, files): &(&str, Vec<RepoFile>)| Variant {
        kind: Kind::Gguf,
        name: match label(stem) {
            label if labels.get(&label) == Some(&1) => label,
            _ if names.get(file_name(stem)) == Some(&1) => file_name(stem).to_owned(),
            _ => (*stem).to_owned(),
        },
        files: files.clone(),
        size_bytes: size_bytes(files),
    };
    whole.iter().map(variant).collect()
}

fn size_bytes(files: &[RepoFile]) -> u64 {
    files
        .iter()
        .fold(0, |all, file| all.saturating_add(file.size_bytes))
}

fn is_model(file: &RepoFile) -> bool {
    let name = file.path.file_name().to_ascii_lowercase();
    name.ends_with(".gguf")
        && !name.contains("mmproj")
        && !name.contains("imatrix")
        && !name.contains("vocab")
}

/// A path without `.gguf`, in either case.
fn stem(path: &str) -> &str {
    path.len()
        .checked_sub(".gguf".len())
        .and_then(|end| path.get(..end))
        .unwrap_or(path)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The quantisation that a file's name tells, in capitals: `Q4_K_M`, `IQ2_XXS`, `BF16`, `MXFP4_MOE`, `UD-Q4_K_XL`.
///
/// Publishers put it last, after a `-`, `.` or `_`; Unsloth's own mixes have `UD-` before it.
pub fn quantisation(stem: &str) -> Option<String> {
    let words: Vec<&str> = stem.split(['-', '.']).collect();
    words.iter().enumerate().rev().find_map(|(at, word)| {
        let starts = std::iter::once(0).chain(word.match_indices('_').map(|(at, _)| at + 1));
        let label = starts
            .filter_map(|start| word.get(start..))
            .map(str::to_ascii_uppercase)
            .find(|label| is_quantisation(label))?;
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        Some(match before {
            Some(before) if before.eq_ignore_ascii_case("ud") => format!("UD-{label}"),
            _ => label,
        })
    })
}

fn is_quantisation(label: &str) -> bool {
    let mut parts = label.split('_');
    let first = parts.next().unwrap_or_default();
    let quantised = ["IQ", "TQ", "Q"].iter().any(|kind| {
        first
            .strip_prefix(kind)
            .is_some_and(|bits| matches!(bits, "1" | "2" | "3" | "4" | "5" | "6" | "8"))
    });
    let float = [
        "F16", "FP16", "BF16", "F32", "FP32", "F64", "FP8", "MXFP4", "NVFP4",
    ]
    .contains(&first);
    // Such as `K`, `M`, `XXS`, `NL`, `0`, `4`, `MOE`.
    (quantised || float) && parts.all(|part| (1..=3).contains(&part.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantisation_is_found_in_the_names_that_publishers_give() {
        for (name, expected) in [
            ("Qwen3-8B-Q4_K_M", "Q4_K_M"),
            ("Llama-3.2-1B-Instruct.IQ2_XXS", "IQ2_XXS"),
            ("qwen2.5-0.5b-instruct-q4_k_m", "Q4_K_M"),
            ("Qwen3-30B-A3B-UD-Q4_K_XL", "UD-Q4_K_XL"),
            ("Llama-3.1-8B.i1-Q4_K_S", "Q4_K_S"),
            ("gpt-oss-20b-mxfp4", "MXFP4"),
            ("gpt-oss-120b-MXFP4_MOE", "MXFP4_MOE"),
            ("ggml-model-f16", "F16"),
            ("phi_2_q8_0", "Q8_0"),
            ("gemma-3-4b-it-qat-q4_0", "Q4_0"),
            ("model-Q4_0_4_4", "Q4_0_4_4"),
            ("bard-bf16", "BF16"),
            ("Q4_K_M-imat", "Q4_K_M"),
            ("BitNet-TQ1_0", "TQ1_0"),
        ] {
            assert_eq!(quantisation(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["Qwen3-8B", "q", "model_Q9_K", "Quick-4", ""] {
            assert_eq!(quantisation(name), None, "{name}");
        }
    }
}
