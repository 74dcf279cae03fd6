//! What the engine runs, told from a file's header alone: the same answer before a download and before a load.
//!
//! The engine is mistral.rs 0.8.1 on candle 0.11.1, on the processor. Names of files below are those of
//! mistralrs-core unless they say otherwise.

pub mod gemma4;
mod layers;
mod numbers;
mod positions;
pub mod pre_tokenizers;
pub mod safetensors;

use hearth_gguf::{Header, Tensor, Value};

use crate::protocol::Fault;
use pre_tokenizers::pre_tokenizer;

/// Architectures that load from GGUF and answer: those that mistral.rs reads (`pipeline/gguf.rs`) and those that the worker
/// translates for the class of a family ([`TRANSLATED`]). Tests compare what each of them answers with transformers'
/// (`worker/src/families.rs`).
pub const ARCHITECTURES: [&str; 18] = [
    "llama",
    "mistral3",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3moe",
    "starcoder2",
    "gemma2",
    "gemma3",
    "gemma4",
    "smollm3",
    "glm4",
    "qwen35",
    "qwen35moe",
    "deepseek2",
    "granite",
    "granitehybrid",
    "gpt-oss",
];

/// Architectures whose GGUF files run as a class of transformers' (`worker/src/translation.rs`), each with the class. mistral.rs
/// reads two of them as well: phi3, but neither the base of its positions nor how they are stretched, and starcoder2, but
/// neither its window nor files whose output is the table of embeddings.
pub const TRANSLATED: [(&str, &str); 13] = [
    ("gemma2", "Gemma2ForCausalLM"),
    ("gemma3", "Gemma3ForCausalLM"),
    ("gemma4", "Gemma4ForConditionalGeneration"),
    ("smollm3", "SmolLM3ForCausalLM"),
    ("glm4", "Glm4ForCausalLM"),
    ("phi3", "Phi3ForCausalLM"),
    ("qwen35", "Qwen3_5ForConditionalGeneration"),
    ("qwen35moe", "Qwen3_5MoeForConditionalGeneration"),
    ("deepseek2", "DeepseekV2ForCausalLM"),
    ("granite", "GraniteMoeHybridForCausalLM"),
    ("granitehybrid", "GraniteMoeHybridForCausalLM"),
    ("starcoder2", "Starcoder2ForCausalLM"),
    ("gpt-oss", "GptOssForCausalLM"),
];

/// The class as which GGUF files of this architecture run; none where mistral.rs reads them itself.
pub fn class(architecture: &str) -> Option<safetensors::Class> {
    let (_, name) = TRANSLATED.iter().find(|(known, _)| *known == architecture)?;
    safetensors::CLASSES.into_iter().find(|class| class.name == *name)
}

/// Types of tensors that candle makes weights of (`quantized/ggml_file.rs`, `qtensor_from_ggml`). It knows Q8_1 and
/// Q8_K by name, and refuses them there.
pub const TENSOR_TYPES: [&str; 13] = [
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
];

/// Four bits with a power of two for every 32, of which the engine has experts alone (`worker/src/mxfp4.rs`).
pub const MXFP4: &str = "MXFP4";

/// Whether the experts of this architecture may be of [`MXFP4`]: those of the class that was trained so.
pub fn experts_of_mxfp4(architecture: &str) -> bool {
    architecture == "gpt-oss"
}

/// Those of [`TENSOR_TYPES`] that are plain numbers. As matrices they are held as 32-bit floats
/// (candle's `QMatMul::from_arc`).
pub const FLOAT_TYPES: [&str; 3] = ["F32", "F16", "BF16"];

/// Why the engine cannot run a file. Sentences without their first words: "The model could not be loaded: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// An architecture that it does not know.
    #[error("its architecture, “{architecture}”, is not known to the engine")]
    Architecture {
        /// As the file names it.
        architecture: String,
    },
    /// A type of numbers that it does not know.
    #[error("its quantisation {tensor_type} (tensor {tensor}) is not known to the engine")]
    TensorType {
        /// The first such tensor.
        tensor: String,
        /// Its type.
        tensor_type: String,
    },
    /// Something is not in the file.
    #[error("it has no {what}")]
    Missing {
        /// What.
        what: String,
    },
    /// It has no chat template.
    #[error("the file has none, so the model was not made for chats")]
    NoTemplate,
    /// The file is sound, and the engine would fail on it or answer nonsense.
    #[error("{detail}")]
    Misfit {
        /// In what.
        detail: String,
    },
}

impl From<Unsupported> for Fault {
    fn from(unsupported: Unsupported) -> Self {
        let detail = unsupported.to_string();
        match unsupported {
            Unsupported::Architecture { architecture } => Self::UnsupportedArchitecture {
                architecture,
                supported: ARCHITECTURES.map(str::to_owned).to_vec(),
            },
            Unsupported::TensorType { tensor, tensor_type } => {
                Self::UnsupportedTensor { tensor, tensor_type }
            }
            Unsupported::NoTemplate => Self::BadTemplate { detail },
            Unsupported::Missing { .. } | Unsupported::Misfit { .. } => Self::BadModel { detail },
        }
    }
}

/// Whether the engine runs this architecture at all.
///
/// # Errors
/// [`Unsupported::Architecture`].
pub fn check_architecture(architecture: &str) -> Result<(), Unsupported> {
    if ARCHITECTURES.contains(&architecture) {
        return Ok(());
    }
    Err(Unsupported::Architecture {
        architecture: architecture.to_owned(),
    })
}

/// Whether the engine runs the model with this header, its shards joined.
///
/// # Errors
/// The first reason found, in the order architecture, tensor type, vocabulary, chat template, numbers, tensors,
/// positions.
pub fn check(header: &Header) -> Result<(), Unsupported> {
    let architecture = header.architecture().unwrap_or("unnamed");
    check_architecture(architecture)?;
    for tensor in &header.tensors {
        let tensor_type = tensor.tensor_type.name();
        let is_expert = tensor.name.contains("_exps.");
        if tensor_type == MXFP4 && is_expert && experts_of_mxfp4(architecture) {
            continue;
        }
        if !TENSOR_TYPES.contains(&tensor_type.as_str()) {
            let tensor = tensor.name.clone();
            return Err(Unsupported::TensorType { tensor, tensor_type });
        }
    }
    vocabulary(header, architecture)?;
    if header.text("tokenizer.chat_template").is_none() {
        return Err(Unsupported::NoTemplate);
    }
    numbers::check(header, architecture)?;
    if class(architecture).is_some() {
        layers::check(header, architecture)?;
    }
    match architecture {
        "deepseek2" => layers::choice_of_experts(header)?,
        "gemma4" => gemma4::check(header)?,
        "granitehybrid" => layers::states(header)?,
        "gpt-oss" => layers::gates(header)?,
        _ => {}
    }
    positions::check(header, architecture)
}

/// mistral.rs would find out at the first token.
fn vocabulary(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let missing = |what: &str| {
        Err(Unsupported::Missing {
            what: what.to_owned(),
        })
    };
    let Some(Value::Array(vocabulary)) = header.metadata.get("tokenizer.ggml.tokens") else {
        return missing("tokenizer");
    };
    match header.text("tokenizer.ggml.model") {
        Some("llama" | "gemma4") => {}
        Some("gpt2") => {
            let name = header.text("tokenizer.ggml.pre");
            if pre_tokenizer(name, architecture).is_none() {
                return misfit(format!(
                    "its text is cut into tokens in a way (“{}”) that the engine does not know",
                    name.unwrap_or_default()
                ));
            }
        }
        other => {
            return misfit(format!(
                "its tokeniser, “{}”, is not known to the engine",
                other.unwrap_or("unnamed")
            ));
        }
    }
    let Some(embeddings) = tensor(header, "token_embd.weight") else {
        return missing("embeddings");
    };
    let width = header.unsigned(&format!("{architecture}.embedding_length"));
    match embeddings.shape.as_slice() {
        &[columns, rows] if Some(columns) == width && rows >= *vocabulary => Ok(()),
        shape => {
            let expected = width.map_or_else(|| "?".to_owned(), |width| width.to_string());
            misfit(format!(
                "its embeddings are {shape:?} where {expected} by {vocabulary} tokens are needed"
            ))
        }
    }
}

fn misfit(detail: String) -> Result<(), Unsupported> {
    Err(Unsupported::Misfit { detail })
}

fn tensor<'a>(header: &'a Header, name: &str) -> Option<&'a Tensor> {
    header.tensors.iter().find(|tensor| tensor.name == name)
}
