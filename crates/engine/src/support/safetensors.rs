//! What the engine runs from safetensors, told from the files without the weights.

use hearth_gguf::TensorType;
use hearth_safetensors::{Checkpoint, Config, Numbers};
use serde_json::Value;

use super::{TENSOR_TYPES, Unsupported};

/// A class of transformers' that mistral.rs reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name, as `config.json` has it.
    pub name: &'static str,
    /// The family that it is the class of.
    pub family: &'static str,
    /// Whether mistral.rs reads it as a model that sees (`pipeline/loaders/multimodal_loaders.rs`) and not as one of text
    /// alone (`normal_loaders.rs`).
    pub sees: bool,
    /// The ways to stretch positions, as `rope_scaling` names them, that mistral.rs follows for it.
    stretched: &'static [&'static str],
    /// Whether it reads the base of the positions from `rope_parameters`, where transformers 5 writes it.
    reads_parameters: bool,
}

const fn text(name: &'static str, family: &'static str) -> Class {
    Class {
        name,
        family,
        sees: false,
        stretched: &[],
        reads_parameters: false,
    }
}

const fn sees(name: &'static str, family: &'static str) -> Class {
    Class {
        sees: true,
        ..text(name, family)
    }
}

impl Class {
    const fn stretched(self, stretched: &'static [&'static str]) -> Self {
        Self { stretched, ..self }
    }

    const fn reading_parameters(self) -> Self {
        Self {
            reads_parameters: true,
            ..self
        }
    }

    /// The config as mistral.rs reads it for this class, where that is not as it is in the file.
    pub fn translated(&self, config: &Config) -> Option<Config> {
        config.with_rope_apart().filter(|_| !self.reads_parameters)
    }

    /// What a name has in it of tensors that mistral.rs 0.8.1 needs and leaves out of `residual.safetensors` when it writes UQFF of
    /// such a model (`residual_tensors` in its `vision_models/gemma3/mod.rs` and `models/granite.rs`).
    pub fn left_out(&self, config: &Config) -> Vec<&'static str> {
        let is_mamba = |kind: &Value| kind.as_str() == Some("mamba");
        let layers = config.get("layer_types").and_then(Value::as_array);
        let parts = match self.family {
            "gemma3" => vec![(config.get("vision_config").is_some(), "multi_modal_projector.")],
            "granitemoehybrid" => vec![
                (
                    layers.is_some_and(|layers| layers.iter().any(is_mamba)),
                    ".mamba.",
                ),
                (config.number("num_local_experts") > Some(0), ".block_sparse_moe."),
            ],
            _ => Vec::new(),
        };
        let needed = parts.into_iter().filter(|(is_needed, _)| *is_needed);
        needed.map(|(_, part)| part).collect()
    }

    /// A model that is given other positions than it was trained with answers nonsense.
    fn positions(&self, config: &Config) -> Result<(), Unsupported> {
        let translated = self.translated(config);
        let config = translated.as_ref().unwrap_or(config);
        let kind = |value: &Value| {
            let kind = value.get("rope_type").or_else(|| value.get("type"));
            kind.and_then(Value::as_str).map(str::to_owned)
        };
        let kind = config.get("rope_scaling").and_then(kind);
        if let Some(kind) = kind.filter(|kind| kind != "default" && !self.stretched.contains(&kind.as_str()))
        {
            let detail = format!(
                "its positions are stretched in a way (“{kind}”) that the engine does not follow for its class"
            );
            return Err(Unsupported::Misfit { detail });
        }
        let is_new = config.get("rope_parameters").is_some() && config.get("rope_theta").is_none();
        if is_new && !self.reads_parameters {
            let detail = "its config.json gives each kind of layer positions of its own (rope_parameters), which the engine \
                          does not read for its class; a GGUF file of it may run";
            return Err(Unsupported::Misfit {
                detail: detail.to_owned(),
            });
        }
        Ok(())
    }
}

/// The classes that answer as transformers does: `tests/families` has what that is, and `worker/src/families.rs` holds the
/// worker to it.
pub const CLASSES: [Class; 16] = [
    text("LlamaForCausalLM", "llama").stretched(&["llama3", "linear"]),
    text("MistralForCausalLM", "mistral"),
    text("Qwen2ForCausalLM", "qwen2"),
    text("Qwen3ForCausalLM", "qwen3"),
    text("Qwen3MoeForCausalLM", "qwen3_moe"),
    text("Gemma2ForCausalLM", "gemma2"),
    text("Phi3ForCausalLM", "phi3").stretched(&["longrope", "su"]),
    text("SmolLM3ForCausalLM", "smollm3"),
    text("Glm4ForCausalLM", "glm4"),
    text("DeepseekV2ForCausalLM", "deepseek2").stretched(&["yarn"]),
    text("GraniteMoeHybridForCausalLM", "granitemoehybrid"),
    sees("Gemma3ForCausalLM", "gemma3").stretched(&["linear"]),
    sees("Gemma3ForConditionalGeneration", "gemma3").stretched(&["linear"]),
    sees("Mistral3ForConditionalGeneration", "mistral3"),
    sees("Qwen3_5ForConditionalGeneration", "qwen3_5").reading_parameters(),
    sees("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe").reading_parameters(),
];

/// Whether the engine knows a class, by transformers' name.
pub fn knows(class: &str) -> bool {
    CLASSES.iter().any(|known| known.name == class)
}

/// Whether the engine runs models of this config, and as what.
///
/// # Errors
/// The first reason found, in the order architecture, quantisation, positions.
pub fn check_config(config: &Config) -> Result<Class, Unsupported> {
    let architecture = config.architecture().unwrap_or("unnamed");
    let Some(class) = CLASSES.into_iter().find(|class| class.name == architecture) else {
        let detail = format!(
            "its class, “{architecture}”, is not known to the engine{}",
            match config.has_code() {
                true => ", and code that comes with a model is never run",
                false => "",
            }
        );
        return Err(Unsupported::Misfit { detail });
    };
    if let Some(method) = config.quantisation() {
        let detail = format!(
            "its weights are quantised by {method}, which the engine does not read on a processor; choose the model that \
             it was made from, or a GGUF file of it"
        );
        return Err(Unsupported::Misfit { detail });
    }
    class.positions(config)?;
    Ok(class)
}

/// Whether the engine runs the model, and as what.
///
/// # Errors
/// The first reason found, in the order config, vocabulary, output and quantised layers, chat template.
pub fn check(model: &Checkpoint) -> Result<Class, Unsupported> {
    let class = check_config(&model.config)?;
    let Some(size) = model.config.number("vocab_size") else {
        return Err(Unsupported::Missing {
            what: "vocab_size in its config.json".to_owned(),
        });
    };
    if let Some(tokens) = model.tokens.filter(|tokens| *tokens > size) {
        let detail = format!("its tokenizer has {tokens} tokens and its embeddings are those of {size}");
        return Err(Unsupported::Misfit { detail });
    }
    let apart = model.config.get("tie_word_embeddings").and_then(Value::as_bool) == Some(false);
    if !model.layers.is_empty() {
        layers(model, size)?;
        let is_there = |part: &str| model.tensors.iter().any(|tensor| tensor.name.contains(part));
        let left_out = class.left_out(&model.config);
        if let Some(part) = left_out.into_iter().find(|part| !is_there(part)) {
            let detail = format!(
                "its residual.safetensors has no “{part}”, which the program that wrote it left out; load the model that it was made \
                 from, and keep that quantised"
            );
            return Err(Unsupported::Misfit { detail });
        }
    } else if apart
        && !model
            .tensors
            .iter()
            .any(|tensor| tensor.name.ends_with("lm_head.weight"))
    {
        return Err(Unsupported::Missing {
            what: "output (lm_head.weight), which its config.json says is apart from the embeddings"
                .to_owned(),
        });
    }
    if !model.has_template {
        return Err(Unsupported::NoTemplate);
    }
    Ok(class)
}

/// What mistral.rs would find out while it reads the layers of UQFF, or at the first token.
fn layers(model: &Checkpoint, vocabulary: u64) -> Result<(), Unsupported> {
    let misfit = |detail: String| Err(Unsupported::Misfit { detail });
    let mut estimated = false;
    for layer in &model.layers {
        let kind = match &layer.numbers {
            Numbers::Plain(_) => continue,
            Numbers::Blocks(kind) => TensorType::from_id(*kind),
            Numbers::Other(name) => {
                return misfit(format!(
                    "its layers are quantised as {name}, which the engine does not run on a processor; choose its files of another \
                     quantisation, such as q4k or q8_0"
                ));
            }
        };
        if !TENSOR_TYPES.contains(&kind.name().as_str()) {
            return Err(Unsupported::TensorType {
                tensor: layer.number.to_string(),
                tensor_type: kind.name(),
            });
        }
        if layer.shape.len() == 1 {
            // Not more is known of a file that is still on the Hub (`hearth_safetensors::alike`).
            estimated = true;
            continue;
        }
        let weights = layer
            .shape
            .iter()
            .try_fold(1, |all: u64, side| all.checked_mul(*side));
        if weights.and_then(|weights| kind.bytes(weights)) != Some(layer.bytes) {
            return misfit(format!(
                "its layer {} says that it is {:?} of {}, and has {} bytes",
                layer.number,
                layer.shape,
                kind.name(),
                layer.bytes
            ));
        }
    }
    let width = model.config.number("hidden_size").unwrap_or_default();
    let is_output = |shape: &[u64]| shape == [vocabulary, width];
    if !estimated && !model.layers.iter().any(|layer| is_output(&layer.shape)) {
        return misfit(format!(
            "none of its layers is the output, {vocabulary} tokens by {width}: its config.json is another model's"
        ));
    }
    let blocks = model.config.number("num_hidden_layers").unwrap_or_default();
    if (model.layers.len() as u64) <= blocks {
        return misfit(format!(
            "it has {} quantised layers, too few for the {blocks} of its config.json",
            model.layers.len()
        ));
    }
    Ok(())
}
