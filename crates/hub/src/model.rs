//! A model as the Hub lists it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::{Commit, RepoId};

/// Whether anyone may download it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Gated {
    /// Anyone.
    #[default]
    No,
    /// Those who accepted the conditions on its page.
    Auto,
    /// Those whom its publisher let in.
    Manual,
}

/// A model in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HubModel {
    /// The repository.
    pub id: RepoId,
    /// Who publishes it.
    pub author: String,
    /// The commit that `main` was at.
    pub sha: Option<Commit>,
    /// Downloads in the last 30 days.
    pub downloads: u64,
    /// Likes.
    pub likes: u64,
    /// When it was last changed, in ISO 8601.
    pub last_modified: Option<String>,
    /// Whether anyone may download it.
    pub gated: Gated,
    /// The licence in the Hub's spelling, such as `apache-2.0`.
    pub licence: Option<String>,
    /// What it is for, such as `text-generation`.
    pub task: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// How much is looked at it these days, without a unit.
    #[serde(default)]
    pub trending: Option<f64>,
    /// When it was made, in ISO 8601.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Parameters (weights), as the Hub read them from a GGUF file or from safetensors.
    pub parameters: Option<u64>,
    /// The GGUF architecture, such as `qwen3`.
    pub architecture: Option<String>,
    /// The trained context in tokens.
    pub context_length: Option<u64>,
    /// transformers' class, such as `Qwen3ForCausalLM`, of a repository with a `config.json`.
    #[serde(default)]
    pub class: Option<String>,
    /// How its safetensors were quantised before they were published, such as `gptq`.
    #[serde(default)]
    pub quantised_by: Option<String>,
}

/// A model in the Hub's own words, of which only the id is certain.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    id: RepoId,
    author: Option<String>,
    sha: Option<Commit>,
    downloads: Option<u64>,
    likes: Option<u64>,
    last_modified: Option<String>,
    #[serde(default)]
    gated: Value,
    #[serde(rename = "pipeline_tag")]
    pipeline_tag: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    gguf: Option<GgufFacts>,
    safetensors: Option<SafetensorsFacts>,
    // Publishers write it, so that anything in it may be of any kind.
    #[serde(default)]
    config: Value,
    trending_score: Option<f64>,
    created_at: Option<String>,
    card_data: Option<CardData>,
}

#[derive(Debug, Deserialize)]
struct GgufFacts {
    total: Option<u64>,
    architecture: Option<String>,
    context_length: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct SafetensorsFacts {
    total: Option<u64>,
}

/// The head of the model card. People write it, so that any value may be of any kind.
#[derive(Debug, Deserialize)]
struct CardData {
    #[serde(default)]
    license_name: Value,
    #[serde(default)]
    base_model: Value,
}

impl Listed {
    /// The model that this one was made from, where its card names one.
    pub(crate) fn base_model(&self) -> Option<RepoId> {
        let card = self.card_data.as_ref().map(|card| &card.base_model);
        let named = match card {
            Some(Value::Array(names)) => names.first().and_then(Value::as_str),
            Some(name) => name.as_str(),
            None => None,
        };
        // `base_model:org/name` and `base_model:quantized:org/name`: the first one has no kind.
        let tagged = || {
            self.tags
                .iter()
                .filter_map(|tag| tag.strip_prefix("base_model:"))
                .find(|rest| !rest.contains(':'))
        };
        RepoId::parse(named.or_else(tagged)?).ok()
    }

    pub(crate) fn model(self) -> HubModel {
        let licence = self.tags.iter().find_map(|tag| tag.strip_prefix("license:"));
        let own_name = self
            .card_data
            .as_ref()
            .and_then(|card| card.license_name.as_str());
        let licence = match (licence, own_name) {
            (Some("other"), Some(name)) => Some(name.to_owned()),
            (licence, _) => licence.map(str::to_owned),
        };
        // Beside UQFF, safetensors may be what was left unquantised, and not the whole model.
        let whole = !self.tags.iter().any(|tag| tag == "uqff");
        let (parameters, architecture, context_length) = match self.gguf {
            Some(gguf) => (gguf.total, gguf.architecture, gguf.context_length),
            None => (
                self.safetensors.filter(|_| whole).and_then(|facts| facts.total),
                None,
                None,
            ),
        };
        let config = |pointer| {
            let text = self.config.pointer(pointer).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        HubModel {
            class: config("/architectures/0"),
            quantised_by: config("/quantization_config/quant_method"),
            trending: self.trending_score,
            created_at: self.created_at,
            author: self.author.unwrap_or_else(|| self.id.owner().to_owned()),
            id: self.id,
            sha: self.sha,
            downloads: self.downloads.unwrap_or_default(),
            likes: self.likes.unwrap_or_default(),
            last_modified: self.last_modified,
            gated: match self.gated {
                Value::Bool(true) => Gated::Auto,
                Value::String(kind) if kind == "manual" => Gated::Manual,
                Value::String(_) => Gated::Auto,
                _ => Gated::No,
            },
            licence,
            task: self.pipeline_tag,
            tags: self.tags,
            parameters,
            architecture,
            context_length,
        }
    }
}
