//! The numbers of a header's metadata, with the engine's defaults for those that are not there.

use std::collections::BTreeMap;

use hearth_engine::support::{self, gemma4::Layers};
use hearth_gguf::Value;

use super::estimated::{self, Mix};
use super::{Experts, Kept, Shape, Weights, WindowHeads, linear_state};
use crate::{Reason, product};

/// Llama 3.1 and later stretched 8,192 tokens to 131,072 with factors that no metadata tells of; in the file they are
/// the tensor `rope_freqs`.
const LLAMA_3_CONTEXT: u64 = 8192;
const LLAMA_3_BASE: f64 = 500_000.0;

/// What metadata tells of a model. Every number that the formulas divide by is at least 1.
pub struct Dimensions {
    pub architecture: String,
    pub layers: u64,
    pub embedding: u64,
    pub feed_forward: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub key_length: u64,
    pub value_length: u64,
    rotary_length: u64,
    pub vocabulary: u64,
    merges: u64,
    trained_context: u64,
    pub experts: Option<Experts>,
    pub per_layer_inputs: u64,
    kept: Kept,
    window_heads: Option<WindowHeads>,
    rotary_base: Option<f64>,
    scaling: Option<Scaling>,
}

/// Architectures whose contexts the engine stretches as their files say (`worker/patches/mistralrs-core/rope.patch`), besides
/// those that run as classes, which are refused where it does not.
const STRETCHED: [&str; 5] = ["llama", "mistral3", "qwen2", "qwen3", "qwen3moe"];

/// What metadata says of how the context was stretched.
struct Scaling {
    /// In one of the ways that the engine knows.
    is_known: bool,
    factor: Option<f64>,
    original_context: Option<u64>,
}

impl Dimensions {
    pub fn of(metadata: &BTreeMap<String, Value>) -> Result<Self, Reason> {
        let text = |key: &str| match metadata.get(key) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let architecture = text("general.architecture").unwrap_or("unnamed");
        support::check_architecture(architecture)?;
        let key = |name: &str| format!("{architecture}.{name}");
        // Of what is said of each layer, the most.
        let number = |name: &str| metadata.get(&key(name)).and_then(Value::largest);
        let float = |name: &str| match metadata.get(&key(name)) {
            Some(Value::Float(float)) => Some(*float),
            Some(Value::Unsigned(number)) => Some(*number as f64),
            _ => None,
        };
        let length = |name: &str| match metadata.get(name) {
            Some(Value::Array(length)) => Some(*length),
            _ => None,
        };
        let needed = |name: &str| {
            let what = format!("usable number {}", key(name));
            number(name)
                .filter(|number| *number > 0)
                .ok_or(Reason::Missing { what })
        };
        let (embedding, heads) = (needed("embedding_length")?, needed("attention.head_count")?);
        let default_length = (embedding / heads).max(1);
        let key_length = number("attention.key_length").unwrap_or(default_length).max(1);
        let value_length = number("attention.value_length").unwrap_or(default_length).max(1);
        // What DeepSeek's keys and values are made of is kept as what they are, one for each query.
        let made = number("attention.kv_lora_rank").map(|_| {
            let key = number("attention.key_length_mla").unwrap_or(key_length);
            (
                heads,
                key,
                number("attention.value_length_mla").unwrap_or(value_length),
            )
        });
        let (kv_heads, key_length, value_length) =
            made.unwrap_or((needed("attention.head_count_kv")?, key_length, value_length));
        // Layers that guess tokens ahead are not run.
        let guessing = number("nextn_predict_layers").unwrap_or(0);
        let layers = needed("block_count")?.saturating_sub(guessing).max(1);
        let trained_context = needed("context_length")?;
        // `worker/src/translation/config.rs`: as long as the context a window is none, but where Phi's positions change with the
        // length of the text, so that nothing can be taken back.
        let changes = architecture == "phi3"
            && number("rope.scaling.original_context_length")
                .is_some_and(|original| original < trained_context);
        let window =
            number("attention.sliding_window").filter(|window| (1..trained_context).contains(window));
        let kept = Kept::of(
            architecture,
            layers,
            window.or(changes.then_some(trained_context)),
            number("full_attention_interval").or_else(|| number("attention.sliding_window_pattern")),
        );
        let of_gemma4 = match architecture {
            "gemma4" => Some(Layers::of(metadata)?),
            _ => None,
        };
        let kept = match (&of_gemma4, window) {
            (Some(of), Some(window)) => Kept::of_gemma4(of, window),
            _ => kept,
        };
        let with_attention = match metadata.get(&key("attention.head_count_kv")) {
            Some(Value::List(heads)) if architecture == "granitehybrid" => {
                Some(heads.iter().filter(|heads| **heads > 0).count() as u64)
            }
            _ => None,
        };
        // All others have states.
        let kept = with_attention.map_or(kept, Kept::everything);
        let window_heads = of_gemma4.as_ref().map(|of| WindowHeads {
            kv_heads: of.kv_heads,
            length: number("attention.key_length_swa").unwrap_or(key_length),
        });
        let kv_heads = of_gemma4.as_ref().map_or(kv_heads, |of| of.global_kv_heads);
        let ssm = |name: &str| number(&format!("ssm.{name}")).unwrap_or(0);
        let state = linear_state(
            ssm("group_count"),
            ssm("state_size"),
            ssm("inner_size"),
            ssm("conv_kernel"),
        );
        let kept = kept.and_states(layers, state);
        let vocabulary = length("tokenizer.ggml.tokens")
            .or_else(|| number("vocab_size"))
            .unwrap_or_else(|| usual_vocabulary(architecture, float("rope.freq_base")));
        let kind = text(&key("rope.scaling.type"));
        let scaling = (kind != Some("none")).then(|| Scaling {
            is_known: kind.is_none_or(|kind| matches!(kind, "linear" | "yarn")),
            factor: float("rope.scaling.factor"),
            original_context: number("rope.scaling.original_context_length"),
        });
        let experts = number("expert_count")
            .filter(|count| *count > 1)
            .map(|count| Experts {
                count,
                used: number("expert_used_count").unwrap_or(count).clamp(1, count),
            });
        Ok(Self {
            layers,
            embedding,
            feed_forward: number("expert_feed_forward_length")
                .or_else(|| number("feed_forward_length"))
                .unwrap_or_else(|| embedding.saturating_mul(4)),
            heads,
            kv_heads,
            key_length,
            value_length,
            rotary_length: number("rope.dimension_count").unwrap_or(key_length),
            vocabulary,
            // The merges follow the tokens in the file, so whoever has the tokens' count may not have theirs. Small
            // vocabularies are SentencePiece's, which has none.
            merges: length("tokenizer.ggml.merges").unwrap_or(match vocabulary {
                // Made of the tokens (`worker/src/tokenizer.rs`): Gemma 3's 262,144 fall apart in 514,906 ways.
                _ if architecture.starts_with("gemma") => vocabulary.saturating_mul(2),
                40_001.. => vocabulary,
                _ => 0,
            }),
            trained_context,
            experts,
            per_layer_inputs: product(&[number("embedding_length_per_layer_input").unwrap_or(0), layers]),
            kept,
            window_heads,
            rotary_base: float("rope.freq_base"),
            scaling,
            architecture: architecture.to_owned(),
        })
    }

    /// A model of the Qwen3 family with its usual heads, vocabulary and context.
    pub fn qwen3(layers: u64, embedding: u64, feed_forward: u64, heads: u64, kv_heads: u64) -> Self {
        let architecture = "qwen3";
        let vocabulary = usual_vocabulary(architecture, None);
        Self {
            architecture: architecture.to_owned(),
            layers,
            embedding,
            feed_forward,
            heads,
            kv_heads,
            key_length: 128,
            value_length: 128,
            rotary_length: 128,
            vocabulary,
            merges: vocabulary,
            trained_context: 40_960,
            experts: None,
            per_layer_inputs: 0,
            kept: Kept::everything(layers),
            window_heads: None,
            rotary_base: None,
            scaling: None,
        }
    }

    /// The weights of a file of so many bytes in a known quantisation.
    pub fn weights_of(&self, file_bytes: u64, mix: Mix) -> Weights {
        estimated::of_mix(self, file_bytes, mix)
    }

    /// Whether this is one of the models whose stretching only the tensors tell: Llama 3.1 and later. Llama 3 itself has
    /// the same base and 8,192 tokens.
    pub fn looks_scaled(&self) -> bool {
        let base = self.rotary_base.unwrap_or(LLAMA_3_BASE);
        self.architecture == "llama" && base == LLAMA_3_BASE && self.trained_context > LLAMA_3_CONTEXT
    }

    /// `has_factors`: the file holds factors for the rotary positions.
    fn reliable_context(&self, has_factors: bool) -> u64 {
        let trained = self.trained_context;
        if support::class(&self.architecture).is_some() {
            return trained;
        }
        let is_known = self.scaling.as_ref().is_none_or(|scaling| scaling.is_known);
        if is_known && STRETCHED.contains(&self.architecture.as_str()) {
            return trained;
        }
        let from_scaling = self.scaling.as_ref().and_then(|scaling| {
            let factor = scaling.factor.filter(|factor| *factor > 1.0);
            let divided = factor.map(|factor| (trained as f64 / factor) as u64);
            scaling.original_context.or(divided)
        });
        match from_scaling {
            Some(original) => original.clamp(1, trained),
            None if has_factors => trained.min(LLAMA_3_CONTEXT),
            None => trained,
        }
    }

    pub fn shape(self, weights: Weights, has_factors: bool, vocabulary_hash: Option<[u8; 32]>) -> Shape {
        Shape {
            reliable_context: self.reliable_context(has_factors),
            architecture: self.architecture,
            layers: self.layers,
            embedding: self.embedding,
            feed_forward: self.feed_forward,
            heads: self.heads,
            kv_heads: self.kv_heads,
            key_length: self.key_length,
            value_length: self.value_length,
            rotary_length: self.rotary_length,
            vocabulary: self.vocabulary,
            merges: self.merges,
            trained_context: self.trained_context,
            experts: self.experts,
            kept: self.kept,
            window_heads: self.window_heads,
            per_layer_inputs: self.per_layer_inputs,
            weights,
            estimated: false,
            vocabulary_hash,
        }
    }
}

/// The vocabulary of the family's published models, for a header of which the tokens are not read yet.
fn usual_vocabulary(architecture: &str, rotary_base: Option<f64>) -> u64 {
    match architecture {
        "qwen2" | "qwen3" | "qwen3moe" => 151_936,
        "mistral3" => 131_072,
        "gemma2" => 256_000,
        "gemma3" | "gemma4" => 262_144,
        "glm4" => 151_552,
        "qwen35" | "qwen35moe" => 248_320,
        "deepseek2" => 102_400,
        "smollm3" => 128_256,
        "starcoder2" => 49_152,
        "granitehybrid" => 100_352,
        "gpt-oss" => 201_088,
        "llama" if rotary_base == Some(LLAMA_3_BASE) => 128_256,
        _ => 32_064,
    }
}
