//! A whole model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::files::{json, name_of, read};
use crate::header::{self, Tensor};
use crate::uqff::{self, Layer};
use crate::{Config, Error, Files};

/// What a model's files say of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which file is which.
    pub files: Files,
    /// How it is built.
    pub config: Config,
    /// What it is made of, sorted by name.
    pub tensors: Vec<Tensor>,
    /// The quantised layers of UQFF; empty for models of safetensors alone.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// One more than the largest number of a token; `None` where the tokeniser has not been read.
    pub tokens: Option<u64>,
    /// Whether it has a chat template.
    pub has_template: bool,
}

impl Checkpoint {
    /// Reads everything but the weights.
    ///
    /// # Errors
    /// The first [`Error`] found, in the order of files, config, index, template, headers, layers, tokeniser.
    pub fn open(all: &[PathBuf]) -> Result<Self, Error> {
        let files = Files::of(all)?;
        let told = (files.told())
            .map(|path| Ok((path.clone(), read(path)?)))
            .collect::<Result<_, Error>>()?;
        let tensors = |files: &Files| {
            let parts = files.weights.iter().map(|path| header::open(path));
            Ok(parts.collect::<Result<Vec<_>, Error>>()?.concat())
        };
        let mut model = Self::of(files, &told, tensors)?;
        model.layers = uqff::open(&model.files.quantised)?;
        model.tokens = Some(tokens(&model.files.tokenizer)?);
        Ok(model)
    }

    /// A model of which `told` has the bytes of [`Files::told`] by path; `tensors` reads the headers once the rest is known to
    /// be sound.
    ///
    /// # Errors
    /// The first [`Error`] found, in the order of config, index, template, headers.
    pub fn of(
        files: Files,
        told: &BTreeMap<PathBuf, Vec<u8>>,
        tensors: impl FnOnce(&Files) -> Result<Vec<Tensor>, Error>,
    ) -> Result<Self, Error> {
        let bytes = |path: &PathBuf| told.get(path).map(Vec::as_slice).unwrap_or_default();
        let config = Config::new(json(&files.config, bytes(&files.config))?);
        if let Some(index) = &files.index {
            check_index(index, bytes(index), &files.weights)?;
        }
        let has_template = match &files.template {
            Some(path) => !bytes(path).is_empty(),
            None => {
                let mut has = false;
                for path in [&files.tokenizer_config, &files.processor_config]
                    .into_iter()
                    .flatten()
                {
                    let template = json(path, bytes(path))?;
                    has |= template.get("chat_template").is_some_and(|one| !one.is_null());
                }
                has
            }
        };
        let mut tensors = tensors(&files)?;
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            files,
            config,
            tensors,
            layers: Vec::new(),
            tokens: None,
            has_template,
        })
    }

    /// A tensor by its name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        let at = self
            .tensors
            .binary_search_by(|tensor| tensor.name.as_str().cmp(name));
        at.ok().and_then(|at| self.tensors.get(at))
    }
}

/// Every file that the index names is there, and it names no other place.
fn check_index(path: &Path, bytes: &[u8], weights: &[PathBuf]) -> Result<(), Error> {
    let damaged = |problem: String| Error::Damaged {
        file: name_of(path),
        problem,
    };
    let index = json(path, bytes)?;
    let Some(Value::Object(map)) = index.get("weight_map") else {
        return Err(damaged("has no weight_map".to_owned()));
    };
    let named: BTreeSet<&str> = map.values().filter_map(Value::as_str).collect();
    for name in named {
        if Path::new(name).file_name().is_none_or(|last| last != name) {
            return Err(damaged(format!("names “{name}”, which is no file of its folder")));
        }
        if !weights.iter().any(|path| name_of(path) == name) {
            return Err(Error::Missing {
                what: format!("{name}, a part of the weights,"),
            });
        }
    }
    Ok(())
}

fn tokens(path: &Path) -> Result<u64, Error> {
    let tokenizer = json(path, &read(path)?)?;
    let listed = match &tokenizer["model"]["vocab"] {
        Value::Object(vocabulary) => vocabulary.values().filter_map(Value::as_u64).max(),
        Value::Array(vocabulary) => (vocabulary.len() as u64).checked_sub(1),
        _ => None,
    };
    let added = tokenizer["added_tokens"].as_array();
    let added = added
        .into_iter()
        .flatten()
        .filter_map(|token| token["id"].as_u64())
        .max();
    match listed.max(added) {
        Some(last) => Ok(last.saturating_add(1)),
        None => Err(Error::Damaged {
            file: name_of(path),
            problem: "has no tokens".to_owned(),
        }),
    }
}
