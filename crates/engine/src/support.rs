//! What the engine runs, told from a file's header alone: the same answer before a download and before a load.
//!
//! The engine is mistral.rs 0.8.1 on candle 0.11.1, on the processor. Names of files below are those of
//! mistralrs-core unless they say otherwise.

pub mod pre_tokenizers;
pub mod safetensors;

use hearth_gguf::{Header, Tensor, Value};

use crate::protocol::Fault;
use pre_tokenizers::pre_tokenizer;

/// Architectures that load from GGUF and answer (`pipeline/gguf.rs`).
pub const ARCHITECTURES: [&str; 8] = [
    "llama",
    "mistral3",
    "phi2",
    "phi3",
    "qwen2",
    "qwen3",
    "qwen3moe",
    "starcoder2",
];

/// Those of [`ARCHITECTURES`] whose answers tests compare with transformers' (`worker/src/families.rs`).
pub const COMPARED: [&str; 4] = ["llama", "qwen2", "qwen3", "qwen3moe"];

/// Types of tensors that candle makes weights of (`quantized/ggml_file.rs`, `qtensor_from_ggml`). It knows Q8_1 and
/// Q8_K by name, and refuses them there.
pub const TENSOR_TYPES: [&str; 13] = [
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
];

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
        if !TENSOR_TYPES.contains(&tensor_type.as_str()) {
            let tensor = tensor.name.clone();
            return Err(Unsupported::TensorType { tensor, tensor_type });
        }
    }
    vocabulary(header, architecture)?;
    if header.text("tokenizer.chat_template").is_none() {
        return Err(Unsupported::NoTemplate);
    }
    numbers(header, architecture)?;
    tensors(header, architecture)?;
    positions(header, architecture)
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
        Some("llama") => {}
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

/// The keys that each model's `PropsGGUF` and `ContentConfig` in `utils/gguf_metadata.rs` ask for.
fn numbers(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let everywhere = [
        "block_count",
        "embedding_length",
        "context_length",
        "attention.head_count",
        "attention.head_count_kv",
    ];
    let besides: &[&str] = match architecture {
        "llama" | "mistral3" | "phi2" => &["rope.dimension_count"],
        "phi3" => &["rope.dimension_count", "feed_forward_length"],
        _ => &[],
    };
    for key in everywhere.iter().chain(besides) {
        let key = format!("{architecture}.{key}");
        if header.unsigned(&key).is_none_or(|number| number == 0) {
            let what = format!("usable number {key}");
            return Err(Unsupported::Missing { what });
        }
    }
    let epsilon = match architecture {
        "starcoder2" => "attention.layer_norm_epsilon",
        _ => "attention.layer_norm_rms_epsilon",
    };
    let key = format!("{architecture}.{epsilon}");
    if header.metadata.contains_key(&key) {
        Ok(())
    } else {
        let what = format!("number {key}, which the engine asks for");
        Err(Unsupported::Missing { what })
    }
}

/// `models/quantized_phi2.rs`, `_phi3.rs` and `_starcoder2.rs` ask for an output matrix, where the others fall back to
/// the embeddings, and panic on layers whose weights are plain numbers.
fn tensors(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    if !matches!(architecture, "phi2" | "phi3" | "starcoder2") {
        return Ok(());
    }
    if tensor(header, "output.weight").is_none() {
        let what = "output matrix of its own, which the engine needs for this architecture";
        return Err(Unsupported::Missing {
            what: what.to_owned(),
        });
    }
    if architecture != "starcoder2" && tensor(header, "blk.0.attn_qkv.weight").is_none() {
        let what = "matrix blk.0.attn_qkv, which the engine needs for this architecture";
        return Err(Unsupported::Missing {
            what: what.to_owned(),
        });
    }
    let plain = |tensor: &&Tensor| {
        tensor.shape.len() > 1
            && tensor.name.starts_with("blk.")
            && FLOAT_TYPES.contains(&tensor.tensor_type.name().as_str())
    };
    match header.tensors.iter().find(plain) {
        Some(tensor) => misfit(format!(
            "the engine runs {architecture} models only when they are quantised, and {} is {}; choose another file of \
             the same model, such as Q4_K_M or Q8_0",
            tensor.name,
            tensor.tensor_type.name()
        )),
        None => Ok(()),
    }
}

/// How positions enter attention. A model that is given other positions than it was trained with answers nonsense.
fn positions(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let number = |key: &str| header.unsigned(&format!("{architecture}.{key}"));
    let (Some(embedding), Some(heads)) = (number("embedding_length"), number("attention.head_count")) else {
        return Ok(());
    };
    let default = embedding.checked_div(heads).unwrap_or(0);
    let key_length = number("attention.key_length").unwrap_or(default);
    let value_length = number("attention.value_length").unwrap_or(default);
    if key_length != value_length {
        return misfit(format!(
            "its keys have {key_length} numbers and its values {value_length}; the engine needs them to be equal"
        ));
    }
    let rotary = number("rope.dimension_count").unwrap_or(key_length);
    if matches!(architecture, "llama" | "mistral3" | "phi3") && rotary != key_length {
        return misfit(format!(
            "{rotary} of the {key_length} numbers of a head carry the position; the engine needs all of them to"
        ));
    }
    // `models/quantized_phi3.rs` does not read it.
    let base = match header.metadata.get(&format!("{architecture}.rope.freq_base")) {
        Some(Value::Float(base)) => *base,
        _ => 10_000.0,
    };
    if architecture == "phi3" && base != 10_000.0 {
        return misfit(format!(
            "the engine runs this architecture only with a rotary base of 10,000; this model's is {base}"
        ));
    }
    Ok(())
}

fn misfit(detail: String) -> Result<(), Unsupported> {
    Err(Unsupported::Misfit { detail })
}

fn tensor<'a>(header: &'a Header, name: &str) -> Option<&'a Tensor> {
    header.tensors.iter().find(|tensor| tensor.name == name)
}
