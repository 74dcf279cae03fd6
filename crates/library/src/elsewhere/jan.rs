//! Jan: `llamacpp/models/ID/model.yml` (before that `models/…`) beside the model, or naming one anywhere on the disk.
//!
//! Layout: `extensions/llamacpp-extension` of <https://github.com/janhq/jan>.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use hearth_gguf::plain_name;
use serde::Deserialize;

use crate::model::{Found, Owner, files_from, hash};
use crate::small_file;
use crate::walk::{Walk, is_model_name};

const DESCRIPTION: &str = "model.yml";

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    name: Option<String>,
    /// Relative to the data folder; absolute for a model that was imported in place.
    #[serde(default)]
    model_path: Option<String>,
    #[serde(default)]
    model_sha256: Option<String>,
}

/// Takes Jan's data folders.
pub(super) fn find(roots: &[PathBuf]) -> Vec<Found> {
    let mut walk = Walk::new();
    let mut found = Vec::new();
    for root in roots {
        let mut described = BTreeMap::new();
        for folder in [root.join("llamacpp").join("models"), root.join("models")] {
            for path in walk.files(&folder, |name| {
                name == OsStr::new(DESCRIPTION) || is_model_name(name)
            }) {
                if path.ends_with(DESCRIPTION) {
                    if let Some((model, description)) = describe(root, &path) {
                        described.insert(model, Some(description));
                    }
                } else {
                    described.entry(path).or_insert(None);
                }
            }
        }
        found.extend(
            described
                .iter()
                .filter_map(|(path, description)| model(path, description.as_ref())),
        );
    }
    found
}

fn model(path: &Path, description: Option<&Description>) -> Option<Found> {
    let sha256 = description.and_then(|description| hash(description.model_sha256.as_deref()?));
    let files = files_from(path, |file| sha256.clone().filter(|_| file == path))?;
    let name = description
        .and_then(|description| description.name.clone())
        .unwrap_or_else(|| name(path));
    Some(Found {
        owner: Owner::Jan,
        name,
        repo: None,
        files,
    })
}

/// Jan calls most files "model.gguf", so that only the folder tells which.
fn name(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name);
    match (plain_name(path).as_str(), folder) {
        ("model", Some(folder)) => folder.to_string_lossy().into_owned(),
        (stem, _) => stem.to_owned(),
    }
}

fn describe(root: &Path, path: &Path) -> Option<(PathBuf, Description)> {
    let text = small_file::read(path).map_err(|error| error.to_string());
    let description: Description = text
        .and_then(|text| serde_saphyr::from_str(&text).map_err(|error| error.to_string()))
        .inspect_err(|error| tracing::warn!(path = %path.display(), error, "passed over a model of Jan"))
        .ok()?;
    let model = PathBuf::from(description.model_path.as_deref()?);
    let stays_below = model
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (model.is_absolute() || stays_below).then(|| (root.join(model), description))
}
