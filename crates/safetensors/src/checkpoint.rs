//! A whole model.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::{json, name_of, read};
use crate::header::{Tensor, tensors};
use crate::{Config, Error, Files};

/// What a model's files say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Which file is which.
    pub files: Files,
    /// How it is built.
    pub config: Config,
    /// What it is made of, sorted by name.
    pub tensors: Vec<Tensor>,
    /// One more than the largest number of a token.
    pub tokens: u64,
    /// Whether it has a chat template.
    pub has_template: bool,
}

impl Checkpoint {
    /// Reads everything but the weights.
    ///
    /// # Errors
    /// The first [`Error`] found, in the order of files, config, index, headers, tokeniser.
    pub fn open(all: &[PathBuf]) -> Result<Self, Error> {
        let files = Files::of(all)?;
        let config = Config::new(json(&files.config)?);
        if let Some(index) = &files.index {
            check_index(index, &files.weights)?;
        }
        let mut tensors = files
            .weights
            .iter()
            .map(|path| tensors(path))
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        let tokens = tokens(&files.tokenizer)?;
        let has_template = has_template(&files)?;
        Ok(Self {
            files,
            config,
            tensors,
            tokens,
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
fn check_index(path: &Path, weights: &[PathBuf]) -> Result<(), Error> {
    let damaged = |problem: String| Error::Damaged {
        file: name_of(path),
        problem,
    };
    let index = json(path)?;
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
    let tokenizer = json(path)?;
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

fn has_template(files: &Files) -> Result<bool, Error> {
    if let Some(path) = &files.template {
        return Ok(!read(path)?.is_empty());
    }
    for path in [&files.tokenizer_config, &files.processor_config]
        .into_iter()
        .flatten()
    {
        if json(path)?
            .get("chat_template")
            .is_some_and(|template| !template.is_null())
        {
            return Ok(true);
        }
    }
    Ok(false)
}
