//! Models to begin with, for every size of memory. They are kept in `models/suggestions.json`, with their sources.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use hearth_fit::{Label, Plan, Shape, Verdict, verdict};
use hearth_gguf::Value;
use hearth_machine::{Gpu, Machine, Speeds};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{App, ErrorReport};

/// What a first chat needs: a long question and a long answer.
pub(crate) const FIRST_CONTEXT: u64 = 4096;
/// As many as a person compares at a glance.
const SHOWN: usize = 3;

/// A model to begin with.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// Its repo on the Hub.
    pub repo: String,
    /// Its quantisation.
    pub variant: String,
    /// Its name.
    pub name: String,
    /// What it is good for, a sentence.
    pub why: String,
    /// Bytes to download.
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// Parameters.
    #[ts(type = "number")]
    pub parameters: u64,
    /// The Hub's name of its licence.
    pub licence: String,
    /// Whether it runs here.
    pub verdict: Verdict,
}

/// The list as the data file has it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StartingList {
    pub(crate) models: Vec<Entry>,
}

/// One model of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) repo: String,
    pub(crate) variant: String,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    pub(crate) parameters: u64,
    licence: String,
    why: String,
    shape: PublishedShape,
}

/// The dimensions that a model's own configuration gives, enough for a verdict before the Hub is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedShape {
    architecture: String,
    layers: u64,
    embedding: u64,
    feed_forward: u64,
    heads: u64,
    kv_heads: u64,
    head_length: u64,
    vocabulary: u64,
    trained_context: u64,
    experts: Option<PublishedExperts>,
    /// What GGUF files of the architecture say besides, by its key.
    #[serde(default)]
    besides: BTreeMap<String, Besides>,
}

/// A number, or one for each layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Besides {
    Number(u64),
    OfEachLayer(Vec<u64>),
}

/// Experts, as many of which are asked for each token.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublishedExperts {
    count: u64,
    used: u64,
    feed_forward: u64,
}

impl StartingList {
    /// The list that ships with Hearth, or the one at `path`.
    pub(crate) fn read(path: Option<&Path>) -> Self {
        static SHIPPED: OnceLock<StartingList> = OnceLock::new();
        let other = path.and_then(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            serde_json::from_str(&text)
                .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "no list of suggestions"))
                .ok()
        });
        let shipped = || {
            // The tests read the same file, so a list that does not parse never ships.
            serde_json::from_str(include_str!("../../../models/suggestions.json"))
                .unwrap_or(Self { models: Vec::new() })
        };
        other.unwrap_or_else(|| SHIPPED.get_or_init(shipped).clone())
    }
}

impl Entry {
    /// What the verdict needs to know of it.
    pub(crate) fn shape(&self) -> Option<Shape> {
        let PublishedShape { architecture, .. } = &self.shape;
        let key = |name: &str| format!("{architecture}.{name}");
        let of = &self.shape;
        let numbers = [
            ("block_count", of.layers),
            ("embedding_length", of.embedding),
            ("feed_forward_length", of.feed_forward),
            ("attention.head_count", of.heads),
            ("attention.head_count_kv", of.kv_heads),
            ("attention.key_length", of.head_length),
            ("attention.value_length", of.head_length),
            ("context_length", of.trained_context),
        ];
        let mut metadata: BTreeMap<String, Value> = numbers
            .map(|(name, number)| (key(name), Value::Unsigned(number)))
            .into();
        if let Some(experts) = &of.experts {
            let numbers = [
                ("expert_count", experts.count),
                ("expert_used_count", experts.used),
                ("expert_feed_forward_length", experts.feed_forward),
            ];
            metadata.extend(numbers.map(|(name, number)| (key(name), Value::Unsigned(number))));
        }
        for (name, besides) in &of.besides {
            let value = match besides {
                Besides::Number(number) => Value::Unsigned(*number),
                Besides::OfEachLayer(numbers) => Value::List(numbers.clone()),
            };
            metadata.insert(key(name), value);
        }
        metadata.insert(
            "general.architecture".to_owned(),
            Value::Text(architecture.clone()),
        );
        metadata.insert("tokenizer.ggml.tokens".to_owned(), Value::Array(of.vocabulary));
        Shape::estimated(&metadata, self.size_bytes).ok()
    }

    pub(crate) fn architecture(&self) -> &str {
        &self.shape.architecture
    }

    fn judged(&self, machine: &Machine, card: Option<&Gpu>, speeds: Option<&Speeds>) -> Option<Suggestion> {
        let shape = self.shape()?;
        let plan = Plan {
            context: FIRST_CONTEXT,
            draft: None,
            card,
        };
        Some(Suggestion {
            repo: self.repo.clone(),
            variant: self.variant.clone(),
            name: self.name.clone(),
            why: self.why.clone(),
            size_bytes: self.size_bytes,
            parameters: self.parameters,
            licence: self.licence.clone(),
            verdict: verdict(machine, speeds, &shape, plan, None),
        })
    }
}

/// Whether a model answers quickly enough to talk with; where its speed is not known, it is taken to.
pub(crate) fn quick_enough(verdict: &Verdict) -> bool {
    /// About as fast as one reads aloud, in tokens/s.
    const TALKING: f64 = 5.0;
    verdict
        .decode
        .as_ref()
        .is_none_or(|speed| speed.tokens_per_second >= TALKING)
}

impl StartingList {
    /// Those of the list that run on `machine`, the most capable first.
    pub(crate) fn that_fit(
        &self,
        machine: &Machine,
        card: Option<&Gpu>,
        speeds: Option<&Speeds>,
    ) -> Vec<Suggestion> {
        let mut fit: Vec<Suggestion> = self
            .models
            .iter()
            .filter_map(|entry| entry.judged(machine, card, speeds))
            .filter(|suggestion| suggestion.verdict.label == Label::Fits)
            .collect();
        fit.sort_by_key(|suggestion| std::cmp::Reverse(suggestion.parameters));
        fit
    }
}

impl App {
    /// Three models that fit this computer: those that are quick enough to talk with before those that are not, the
    /// most capable first.
    ///
    /// # Errors
    /// None today; the signature leaves room for a list that is fetched.
    pub async fn suggestions(&self) -> Result<Vec<Suggestion>, ErrorReport> {
        let (machine, speeds) = (self.machine().await, self.speeds());
        let list = StartingList::read(self.config.suggestions.as_deref());
        let mut fit = list.that_fit(&machine, self.card_for(&machine, None), speeds.as_ref());
        fit.sort_by_key(|suggestion| !quick_enough(&suggestion.verdict));
        fit.truncate(SHOWN);
        Ok(fit)
    }
}

#[cfg(test)]
mod tests {
    use hearth_engine::support::ARCHITECTURES;
    use hearth_machine::{Cpu, CpuLevel, Memory};

    use super::*;

    fn computer(gigabytes: u64) -> Machine {
        let bytes = gigabytes << 30;
        Machine {
            os: "Test".to_owned(),
            cpu: Cpu {
                name: "Test".to_owned(),
                physical_cores: 8,
                logical_cores: 16,
                features: Vec::new(),
                level: CpuLevel::Avx2,
            },
            memory: Memory {
                total_bytes: bytes,
                // What the system and a browser leave of it.
                available_bytes: bytes / 4 * 3,
                limit_bytes: None,
                unified: false,
            },
            gpus: Vec::new(),
            disks: Vec::new(),
        }
    }

    #[test]
    fn every_model_of_the_list_runs() {
        for entry in StartingList::read(None).models {
            assert!(ARCHITECTURES.contains(&entry.architecture()), "{}", entry.repo);
            assert!(entry.shape().is_some(), "{}", entry.repo);
        }
    }

    #[test]
    fn every_size_of_memory_has_its_models() {
        let mut before = 0;
        for gigabytes in [8, 16, 32, 64] {
            let fit = StartingList::read(None).that_fit(&computer(gigabytes), None, None);
            let largest = fit.iter().map(|model| model.size_bytes).max().unwrap_or_default();
            assert!(
                largest > before,
                "nothing more for {gigabytes} GB than for half of it"
            );
            assert!(fit.len() >= SHOWN, "{} models for {gigabytes} GB", fit.len());
            before = largest;
        }
    }
}
