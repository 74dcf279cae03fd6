//! Which file is which.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The files beside the weights that a model may have and that are read, by name.
pub const COMPANIONS: [&str; 9] = [
    CONFIG,
    TOKENIZER,
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "model.safetensors.index.json",
];
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";

/// What of a model of UQFF is not quantised.
pub const RESIDUAL: &str = "residual.safetensors";

/// Most bytes of a file that is not weights. Tokenisers are the largest: 33 MB for Gemma 3.
const LARGEST: u64 = 256 << 20;

/// A model's files by what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// `config.json`.
    pub config: PathBuf,
    /// `tokenizer.json`.
    pub tokenizer: PathBuf,
    /// `tokenizer_config.json`, which names special tokens and, in older models, holds the chat template.
    pub tokenizer_config: Option<PathBuf>,
    /// The chat template in a file of its own, `chat_template.jinja` or `chat_template.json`.
    pub template: Option<PathBuf>,
    /// `generation_config.json`.
    pub generation_config: Option<PathBuf>,
    /// `preprocessor_config.json`, of models that see.
    pub preprocessor_config: Option<PathBuf>,
    /// `processor_config.json`, of models that see.
    pub processor_config: Option<PathBuf>,
    /// `model.safetensors.index.json`, of models in several files.
    pub index: Option<PathBuf>,
    /// The files of weights, sorted by name; of UQFF the one of what is not quantised.
    pub weights: Vec<PathBuf>,
    /// UQFF: the files of quantised layers, in the order of their numbers. Empty for models of safetensors alone.
    #[serde(default)]
    pub quantised: Vec<PathBuf>,
}

impl Files {
    /// Sorts a model's files, in any order and with any others among them.
    ///
    /// # Errors
    /// [`Error::Missing`] when `config.json`, `tokenizer.json` or the weights are not among them.
    pub fn of(all: &[PathBuf]) -> Result<Self, Error> {
        let find = |name: &str| all.iter().find(|path| name_of(path) == name).cloned();
        let needed = |name: &str, purpose: &str| {
            find(name).ok_or_else(|| Error::Missing {
                what: format!("{name}, {purpose},"),
            })
        };
        let ending = |end: &str| -> Vec<PathBuf> {
            let is = |path: &&PathBuf| path.extension().is_some_and(|own| own == end);
            all.iter().filter(is).cloned().collect()
        };
        let mut quantised = ending("uqff");
        quantised.sort_by_key(|path| shard_of(path));
        let mut weights = match quantised.is_empty() {
            true => ending("safetensors"),
            false => vec![needed(RESIDUAL, "which holds what the .uqff file does not")?],
        };
        weights.sort_by_key(|path| name_of(path));
        let files = Self {
            config: needed(CONFIG, "which says how the model is built")?,
            tokenizer: needed(TOKENIZER, "which turns text into tokens")?,
            tokenizer_config: find("tokenizer_config.json"),
            template: find("chat_template.jinja").or_else(|| find("chat_template.json")),
            generation_config: find("generation_config.json"),
            preprocessor_config: find("preprocessor_config.json"),
            processor_config: find("processor_config.json"),
            index: find("model.safetensors.index.json").filter(|_| quantised.is_empty()),
            weights,
            quantised,
        };
        if files.quantised.is_empty()
            && files.weights.iter().all(|path| name_of(path) == RESIDUAL)
            && !files.weights.is_empty()
        {
            return Err(Error::Missing {
                what: "the .uqff file, which holds the quantised layers,".to_owned(),
            });
        }
        if files.weights.is_empty() {
            return Err(Error::Missing {
                what: "every file of weights (.safetensors)".to_owned(),
            });
        }
        Ok(files)
    }

    /// Those that [`Checkpoint::of`](crate::Checkpoint::of) is given the bytes of.
    pub fn told(&self) -> impl Iterator<Item = &PathBuf> {
        let others = [
            &self.index,
            &self.template,
            &self.tokenizer_config,
            &self.processor_config,
        ];
        std::iter::once(&self.config).chain(others.into_iter().flatten())
    }
}

/// What a file of UQFF is named, without the number of its part, and that number: mistral.rs writes `q4k-0.uqff`, `q4k-1.uqff`,
/// and so on. A name without a number is whole.
pub fn shard_of(path: &Path) -> (String, u64) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let parts = stem.rsplit_once('-');
    match parts.and_then(|(name, number)| Some((name, number.parse().ok()?))) {
        Some((name, number)) => (name.to_owned(), number),
        None => (stem.into_owned(), 0),
    }
}

/// The last part of a path.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The whole of a file that is not weights.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::Damaged {
            file: name_of(path),
            problem: format!("is larger than the {} MiB of any real one", LARGEST >> 20),
        });
    }
    Ok(bytes)
}

/// What a file of JSON holds.
pub(crate) fn json(path: &Path, bytes: &[u8]) -> Result<serde_json::Value, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Damaged {
        file: name_of(path),
        problem: format!("is no JSON: {error}"),
    })
}
