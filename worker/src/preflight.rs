//! What can be known before the weights are read: a file that cannot run is refused in milliseconds.

use std::path::PathBuf;

use hearth_engine::protocol::Fault;
use hearth_gguf::{Header, Value};

/// Architectures that mistral.rs 0.8.1 loads from GGUF (its `pipeline/gguf.rs`). `qwen3moe` is left out: it loads,
/// then panics at the first token on a CPU.
const ARCHITECTURES: [&str; 7] = [
    "llama",
    "mistral3",
    "phi2",
    "phi3",
    "qwen2",
    "qwen3",
    "starcoder2",
];

/// Tensor types that candle reads.
const TENSOR_TYPES: [&str; 15] = [
    "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
    "Q6_K", "Q8_K",
];

/// Reads the header and refuses what the engine would fail on.
///
/// # Errors
/// The first [`Fault`] found, in the order missing, unreadable, not GGUF, incomplete, architecture, tensor type,
/// chat template.
pub fn check(files: &[PathBuf]) -> Result<Header, Fault> {
    let path = files.first().ok_or(Fault::NoModel)?;
    let header = Header::open(path).map_err(|error| Fault::of_file(path, &error))?;
    let architecture = header.architecture().unwrap_or("unnamed");
    if !ARCHITECTURES.contains(&architecture) {
        return Err(Fault::UnsupportedArchitecture {
            architecture: architecture.to_owned(),
            supported: ARCHITECTURES.map(str::to_owned).to_vec(),
        });
    }
    for tensor in &header.tensors {
        let name = tensor.tensor_type.name();
        if !TENSOR_TYPES.contains(&name.as_str()) {
            return Err(Fault::UnsupportedTensor {
                tensor: tensor.name.clone(),
                tensor_type: name,
            });
        }
    }
    if header.unsigned("split.count").is_some_and(|parts| parts > 1) {
        return Err(Fault::BadModel {
            detail: "it is one part of a model split over several files".to_owned(),
        });
    }
    let Some(Value::Array(vocabulary)) = header.metadata.get("tokenizer.ggml.tokens") else {
        return Err(Fault::BadModel {
            detail: "it has no tokenizer".to_owned(),
        });
    };
    // mistral.rs would find out at the first token.
    let width = header.unsigned(&format!("{architecture}.embedding_length"));
    let embeddings = header
        .tensors
        .iter()
        .find(|tensor| tensor.name == "token_embd.weight");
    match embeddings.map(|tensor| tensor.shape.as_slice()) {
        Some(&[columns, rows]) if Some(columns) == width && rows >= *vocabulary => {}
        Some(shape) => {
            let expected = width.map_or_else(|| "?".to_owned(), |width| width.to_string());
            let detail =
                format!("its embeddings are {shape:?} where {expected} by {vocabulary} tokens are needed");
            return Err(Fault::BadModel { detail });
        }
        None => {
            return Err(Fault::BadModel {
                detail: "it has no embeddings".to_owned(),
            });
        }
    }
    if header.text("tokenizer.chat_template").is_none() {
        return Err(Fault::BadTemplate {
            detail: "the file has none, so the model was not made for chats".to_owned(),
        });
    }
    Ok(header)
}
