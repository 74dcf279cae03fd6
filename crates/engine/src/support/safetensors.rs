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
    /// Whether mistral.rs reads back what it writes of it as UQFF.
    pub reads_uqff: bool,
    /// Whether an output that is the table of embeddings stays that, whatever else is quantised, and is no layer.
    keeps_table: bool,
    /// How its weights are quantised in the files, where mistral.rs reads them in no other way.
    quantised: Option<&'static str>,
}

const fn text(name: &'static str, family: &'static str) -> Class {
    Class {
        name,
        family,
        sees: false,
        stretched: &[],
        reads_parameters: false,
        reads_uqff: true,
        keeps_table: false,
        quantised: None,
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

    const fn without_uqff(self) -> Self {
        Self {
            reads_uqff: false,
            ..self
        }
    }

    const fn keeping_the_table(self) -> Self {
        Self {
            keeps_table: true,
            ..self
        }
    }

    const fn quantised(self, method: &'static str) -> Self {
        Self {
            quantised: Some(method),
            ..self
        }
    }

    /// The config as mistral.rs reads it for this class, where that is not as it is in the file.
    pub fn translated(&self, config: &Config) -> Option<Config> {
        config.with_rope_apart().filter(|_| !self.reads_parameters)
    }

    /// What a name has in it of tensors that mistral.rs 0.8.1 needs and leaves out of `residual.safetensors` when it writes UQFF of
    /// such a model (`residual_tensors` in its `vision_models/gemma3/mod.rs` and `models/granite.rs`, where patched here).
    pub fn left_out(&self, config: &Config) -> Vec<&'static str> {
        let is_mamba = |kind: &Value| kind.as_str() == Some("mamba");
        let layers = config.get("layer_types").and_then(Value::as_array);
        let parts = match self.family {
            "gemma3" => vec![(config.get("vision_config").is_some(), "multi_modal_projector.")],
            "granitemoehybrid" => vec![
                (
                    layers.is_some_and(|layers| layers.iter().any(is_mamba)),
                    ".mamba.conv1d.",
                ),
                (
                    config.number("num_local_experts") > Some(0),
                    ".block_sparse_moe.router.",
                ),
            ],
            _ => Vec::new(),
        };
        let needed = parts.into_iter().filter(|(is_needed, _)| *is_needed);
        needed.map(|(_, part)| part).collect()
    }

    fn quantisation(&self, config: &Config) -> Result<(), Unsupported> {
        let detail = match (config.quantisation(), self.quantised) {
            (method, needed) if method == needed => return Ok(()),
            (_, Some(needed)) => format!(
                "its weights are not quantised by {needed}, the only form in which the engine reads its class; choose the model \
                 that it was made from"
            ),
            (method, None) => format!(
                "its weights are quantised by {}, which the engine does not read on a processor; choose the model that it was \
                 made from, or a GGUF file of it",
                method.unwrap_or_default()
            ),
        };
        Err(Unsupported::Misfit { detail })
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
pub const CLASSES: [Class; 19] = [
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
    text("Starcoder2ForCausalLM", "starcoder2"),
    text("GptOssForCausalLM", "gpt_oss")
        .stretched(&["yarn"])
        .quantised("mxfp4")
        .without_uqff(),
    sees("Gemma3ForCausalLM", "gemma3").stretched(&["linear"]),
    sees("Gemma3ForConditionalGeneration", "gemma3").stretched(&["linear"]),
    sees("Gemma4ForConditionalGeneration", "gemma4")
        .reading_parameters()
        .keeping_the_table(),
    sees("Mistral3ForConditionalGeneration", "mistral3"),
    sees("Qwen3_5ForConditionalGeneration", "qwen3_5").reading_parameters(),
    sees("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe").reading_parameters(),
];

/// Why a class that people look for does not run.
const NO_LOADER: &str = "mistral.rs 0.8.1 has no loader for it";
const NOT_COMPARED: &str = "what mistral.rs says with it was not compared with a reference";

/// Classes that are looked for and do not run, with their families, and why.
pub const FAILS: [(&str, &str, &str); 20] = [
    ("GraniteForCausalLM", "granite", NO_LOADER),
    ("GraniteMoeForCausalLM", "granitemoe", NO_LOADER),
    ("Lfm2ForCausalLM", "lfm2", NO_LOADER),
    ("CohereForCausalLM", "cohere", NO_LOADER),
    ("Cohere2ForCausalLM", "cohere2", NO_LOADER),
    ("Olmo2ForCausalLM", "olmo2", NO_LOADER),
    ("Exaone4ForCausalLM", "exaone4", NO_LOADER),
    ("SeedOssForCausalLM", "seed_oss", NO_LOADER),
    ("ApertusForCausalLM", "apertus", NO_LOADER),
    ("GemmaForCausalLM", "gemma", NOT_COMPARED),
    ("MixtralForCausalLM", "mixtral", NOT_COMPARED),
    ("PhiForCausalLM", "phi2", NOT_COMPARED),
    ("PhiMoEForCausalLM", "phimoe", NOT_COMPARED),
    ("Phi4MMForCausalLM", "phi4mm", NOT_COMPARED),
    ("Gemma3nForConditionalGeneration", "gemma3n", NOT_COMPARED),
    ("Llama4ForConditionalGeneration", "llama4", NOT_COMPARED),
    ("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", NOT_COMPARED),
    ("Qwen3NextForCausalLM", "qwen3_next", NOT_COMPARED),
    ("Glm4MoeForCausalLM", "glm4_moe", NOT_COMPARED),
    ("DeepseekV3ForCausalLM", "deepseek3", NOT_COMPARED),
];

/// Whether the engine knows a class, by transformers' name.
pub fn knows(class: &str) -> bool {
    CLASSES.iter().any(|known| known.name == class)
}

/// Whether the engine reads weights of a class that were quantised in this way before they were published.
pub fn reads_quantised(class: &str, method: &str) -> bool {
    let mut known = CLASSES.iter().filter(|known| known.name == class);
    known.any(|known| known.quantised == Some(method))
}

/// Whether the engine runs models of this config, and as what.
///
/// # Errors
/// The first reason found, in the order architecture, quantisation, positions.
pub fn check_config(config: &Config) -> Result<Class, Unsupported> {
    let architecture = config.architecture().unwrap_or("unnamed");
    let Some(class) = CLASSES.into_iter().find(|class| class.name == architecture) else {
        let fails = FAILS.iter().find(|(class, _, _)| *class == architecture);
        let detail = match fails {
            Some((_, _, why)) => format!("its class, “{architecture}”, does not run, because {why}"),
            None if config.has_code() => format!(
                "its class, “{architecture}”, is not known to the engine, and code that comes with a model is never run"
            ),
            None => format!("its class, “{architecture}”, is not known to the engine"),
        };
        return Err(Unsupported::Misfit { detail });
    };
    class.quantisation(config)?;
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
        if !class.reads_uqff {
            return Err(Unsupported::Misfit {
                detail: "the engine does not read its class from UQFF; load the model that it was made from"
                    .to_owned(),
            });
        }
        layers(model, size, class.keeps_table && !apart)?;
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
fn layers(model: &Checkpoint, vocabulary: u64, without_output: bool) -> Result<(), Unsupported> {
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
    if !estimated && !without_output && !model.layers.iter().any(|layer| is_output(&layer.shape)) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(class: &str, method: Option<&str>) -> Option<String> {
        let mut config = json!({ "architectures": [class] });
        if let Some(method) = method {
            config["quantization_config"] = json!({ "quant_method": method });
        }
        let checked = check_config(&Config::new(config));
        checked.err().map(|unsupported| unsupported.to_string())
    }

    #[test]
    fn weights_run_only_in_the_form_that_the_engine_reads() {
        assert_eq!(refusal("Qwen3ForCausalLM", None), None);
        assert_eq!(refusal("GptOssForCausalLM", Some("mxfp4")), None);
        for (class, method, words) in [
            ("Qwen3ForCausalLM", Some("mxfp4"), "are quantised by mxfp4, which"),
            ("GptOssForCausalLM", Some("fp8"), "are not quantised by mxfp4"),
            ("GptOssForCausalLM", None, "are not quantised by mxfp4"),
        ] {
            let refusal = refusal(class, method).unwrap_or_default();
            assert!(refusal.contains(words), "{class}, {method:?}: {refusal}");
        }
        assert!(
            reads_quantised("GptOssForCausalLM", "mxfp4") && !reads_quantised("GptOssForCausalLM", "fp8")
        );
    }

    #[test]
    fn what_fails_is_not_on_the_list_of_what_runs() {
        for (class, _, why) in FAILS {
            assert!(!knows(class), "{class}");
            let refusal = refusal(class, None).unwrap_or_default();
            assert!(refusal.ends_with(why), "{refusal}");
        }
    }
}
