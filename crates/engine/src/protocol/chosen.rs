//! Which model to load, and how.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A model to load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// Its files: those of GGUF, the shards of a split one in order, or `config.json`, tokeniser and safetensors or UQFF.
    pub files: Vec<PathBuf>,
    /// What weights of safetensors are quantised to while they are read; `None` keeps them as 32-bit numbers. GGUF and UQFF files
    /// are taken as they are.
    pub quantisation: Option<Quantisation>,
    /// Those of a smaller model with the same vocabulary that drafts for it; empty for none.
    pub draft: Vec<PathBuf>,
    /// Tokens of prompt and reply together; the worker lowers it to what the model was trained for. `None`: the worker's
    /// choice.
    pub context: Option<usize>,
    /// How many layers go to the graphics card, the first ones, where the worker computes on one; `None`: all. With 0 the
    /// processor computes.
    pub card_layers: Option<usize>,
}

impl Chosen {
    /// A model alone, with the context of the worker's choice.
    pub fn files(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// What the status names the model by.
    pub(crate) fn path(&self) -> PathBuf {
        self.files.first().cloned().unwrap_or_default()
    }
}

/// What plain weights are quantised to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quantisation {
    /// 4.5 bits a weight.
    Q4K,
    /// 5.5 bits a weight.
    Q5K,
    /// 6.6 bits a weight.
    Q6K,
    /// 8.5 bits a weight.
    Q8_0,
}

impl Quantisation {
    /// All of them, the one that changes least first.
    pub const ALL: [Self; 4] = [Self::Q8_0, Self::Q6K, Self::Q5K, Self::Q4K];

    /// As files of GGUF are named after it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Q8_0 => "Q8_0",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}
