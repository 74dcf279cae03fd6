//! Ollama: `manifests/HOST/NAMESPACE/MODEL/TAG` is JSON whose layers name `blobs/sha256-HEX`.
//!
//! Newer versions also write `manifests-v2/`, where a manifest may be a list of manifests that are blobs themselves,
//! one for each kind of runner. Layout: `manifest/paths.go` and `manifest/manifest.go` of
//! <https://github.com/ollama/ollama>.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::{Found, Owner, files_from, hash};
use crate::small_file;
use crate::walk::Walk;

const WEIGHTS: &str = "application/vnd.ollama.image.model";
/// Changes the weights when it is loaded with them: the file alone is another model than the name says.
const ADAPTER: &str = "application/vnd.ollama.image.adapter";
/// Ollama's own registry, by its old and its new name. Its models are called without it.
const OWN_HOSTS: [&str; 2] = ["registry.ollama.ai", "ollama.com"];

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    layers: Vec<Layer>,
    #[serde(default)]
    manifests: Vec<Reference>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(default, rename = "mediaType")]
    media_type: String,
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    digest: String,
}

pub(super) fn find(roots: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::new();
    let mut found = Vec::new();
    for root in roots {
        for folder in ["manifests-v2", "manifests"] {
            let folder = root.join(folder);
            for path in walk.files(&folder, |_| true) {
                if let Some(name) = path.strip_prefix(&folder).ok().and_then(name) {
                    found.extend(read(root, &path, &name));
                }
            }
        }
    }
    found
}

/// "llama3.2:3b", as Ollama's own list has it.
fn name(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    let [host, namespace, model, tag] = parts?[..] else {
        return None;
    };
    Some(match (OWN_HOSTS.contains(&host), namespace) {
        (true, "library") => format!("{model}:{tag}"),
        (true, _) => format!("{namespace}/{model}:{tag}"),
        (false, _) => format!("{host}/{namespace}/{model}:{tag}"),
    })
}

fn read(root: &Path, path: &Path, name: &str) -> Vec<Found> {
    let Some(manifest) = parse(path) else {
        return Vec::new();
    };
    // A list's manifests are no lists, so this ends here whatever a file says.
    let listed = manifest
        .manifests
        .iter()
        .filter_map(|reference| parse(&blob(root, &reference.digest)?.0));
    let all = listed.map(|manifest| manifest.layers).chain([manifest.layers]);
    all.filter_map(|layers| weights(root, &layers, name)).collect()
}

fn parse(path: &Path) -> Option<Manifest> {
    let manifest = small_file::read(path).map_err(|error| error.to_string());
    manifest
        .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
        .inspect_err(
            |error| tracing::warn!(path = %path.display(), error, "passed over a manifest of Ollama"),
        )
        .ok()
}

fn weights(root: &Path, layers: &[Layer], name: &str) -> Option<Found> {
    if layers.iter().any(|layer| layer.media_type == ADAPTER) {
        tracing::info!(name, "passed over: it is a model and an adapter");
        return None;
    }
    let mut weights = layers.iter().filter(|layer| layer.media_type == WEIGHTS);
    let (only, None) = (weights.next()?, weights.next()) else {
        tracing::info!(name, "passed over: its weights are in several layers");
        return None;
    };
    let (path, sha256) = blob(root, &only.digest)?;
    Some(Found {
        owner: Owner::Ollama,
        name: name.to_owned(),
        repo: repo(name),
        files: files_from(&path, |_| Some(sha256.clone()))?,
    })
}

/// Where a blob is, and its hash; none where the digest is none, which keeps `..` out of the path.
fn blob(root: &Path, digest: &str) -> Option<(PathBuf, String)> {
    let sha256 = hash(
        digest
            .strip_prefix("sha256")
            .and_then(|rest| rest.strip_prefix([':', '-']))?,
    )?;
    Some((root.join("blobs").join(format!("sha256-{sha256}")), sha256))
}

/// Ollama pulls from the Hub as "hf.co/org/name:tag".
fn repo(name: &str) -> Option<String> {
    let repo = name
        .strip_prefix("hf.co/")
        .or_else(|| name.strip_prefix("huggingface.co/"))?;
    Some(repo.rsplit_once(':')?.0.to_owned())
}
