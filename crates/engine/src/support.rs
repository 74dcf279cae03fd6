//! What the engine runs, told from a file's header alone: the same answer before a download and before a load.
//!
//! The engine is mistral.rs 0.8.1 on candle 0.11.1, on the processor. Names of files below are those of
//! mistralrs-core unless they say otherwise.

pub mod gemma4;
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
    numbers(header, architecture)?;
    if class(architecture).is_some() {
        layers(header, architecture)?;
    }
    match architecture {
        "gemma4" => gemma4::check(header)?,
        "granitehybrid" => states(header)?,
        "gpt-oss" => gates(header)?,
        _ => {}
    }
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

/// The keys that each model's `PropsGGUF` and `ContentConfig` in `utils/gguf_metadata.rs` ask for, and those that
/// `worker/src/translation/config.rs` has no default for.
fn numbers(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let everywhere = [
        "block_count",
        "embedding_length",
        "context_length",
        "attention.head_count",
        "attention.head_count_kv",
    ];
    let besides: &[&str] = match architecture {
        "llama" | "mistral3" => &["rope.dimension_count"],
        "phi3" | "glm4" => &["rope.dimension_count", "feed_forward_length"],
        "gemma2" | "gemma3" => &["attention.key_length", "feed_forward_length"],
        "gemma4" => &[
            "attention.key_length",
            "attention.key_length_swa",
            "attention.sliding_window",
            "feed_forward_length",
        ],
        "smollm3" | "granite" | "starcoder2" => &["feed_forward_length"],
        "deepseek2" => &[
            "attention.kv_lora_rank",
            "rope.dimension_count",
            "feed_forward_length",
        ],
        "gpt-oss" => &[
            "attention.key_length",
            "attention.sliding_window",
            "expert_count",
            "expert_used_count",
            "feed_forward_length",
        ],
        "granitehybrid" => &[
            "feed_forward_length",
            "ssm.conv_kernel",
            "ssm.group_count",
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.time_step_rank",
        ],
        "qwen35" => &[
            "attention.key_length",
            "rope.dimension_count",
            "feed_forward_length",
            "ssm.conv_kernel",
            "ssm.group_count",
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.time_step_rank",
        ],
        "qwen35moe" => &[
            "attention.key_length",
            "rope.dimension_count",
            "expert_count",
            "expert_used_count",
            "expert_feed_forward_length",
            "ssm.conv_kernel",
            "ssm.group_count",
            "ssm.inner_size",
            "ssm.state_size",
            "ssm.time_step_rank",
        ],
        _ => &[],
    };
    for key in everywhere.iter().chain(besides) {
        let key = format!("{architecture}.{key}");
        let number = match architecture {
            // Of each layer, some of them.
            "gemma4" | "granitehybrid" => header.metadata.get(&key).and_then(Value::largest),
            _ => header.unsigned(&key),
        };
        if number.is_none_or(|number| number == 0) {
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

/// Tensors of a layer that take the hidden state, which is as wide as their rows are long.
const TAKE: [&str; 17] = [
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_qkv",
    "attn_gate",
    "attn_q_a",
    "attn_kv_a_mqa",
    "ffn_gate",
    "ffn_up",
    "ffn_gate_exps",
    "ffn_up_exps",
    "ffn_gate_up_exps",
    "inp_gate",
    "ssm_in",
    "ffn_gate_shexp",
    "ffn_up_shexp",
];

/// Those that give it, and have as many rows.
const GIVE: [&str; 6] = [
    "attn_output",
    "proj",
    "ffn_down",
    "ffn_down_exps",
    "ffn_down_shexp",
    "ssm_out",
];

/// Whether the layers of a class's model are there, as wide as the file says: so many are made room for before the first is
/// read. What is within a layer the class asks for one by one.
fn layers(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let number = |key: &str| header.unsigned(&format!("{architecture}.{key}")).unwrap_or(0);
    let (count, width) = (number("block_count"), number("embedding_length"));
    let mut begun = 0;
    for tensor in &header.tensors {
        let name = tensor
            .name
            .strip_prefix("blk.")
            .and_then(|name| name.split_once('.'));
        let Some((layer, role)) = name.and_then(|(layer, name)| Some((layer, name.strip_suffix(".weight")?)))
        else {
            continue;
        };
        let side = match role {
            _ if TAKE.contains(&role) => tensor.shape.first(),
            _ if GIVE.contains(&role) => tensor.shape.get(1),
            _ => continue,
        };
        if side != Some(&width) {
            return misfit(format!(
                "its tensor {} is {:?} where the model is {width} wide",
                tensor.name, tensor.shape
            ));
        }
        if role == "attn_norm" && layer.parse().is_ok_and(|layer: u64| layer < count) {
            begun += 1;
        }
    }
    if begun != count {
        return misfit(format!("it has {begun} layers where it says that it has {count}"));
    }
    let chosen_otherwise = architecture == "deepseek2"
        && (header
            .unsigned("deepseek2.expert_gating_func")
            .is_some_and(|way| way != SOFTMAX)
            || header
                .tensors
                .iter()
                .any(|tensor| tensor.name.ends_with("exp_probs_b.bias")));
    if chosen_otherwise {
        return misfit(
            "its experts are chosen in a way that the engine does not follow, as DeepSeek V3's are"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether a file of Granite with states says which of its layers have attention, and states that the class makes room for.
fn states(header: &Header) -> Result<(), Unsupported> {
    let number = |key: &str| header.unsigned(&format!("granitehybrid.{key}")).unwrap_or(0);
    let heads = header.list("granitehybrid.attention.head_count_kv");
    let mut with_attention = heads.unwrap_or_default().iter().filter(|heads| **heads > 0);
    let first = with_attention.next();
    let alike = with_attention.all(|heads| Some(heads) == first);
    if !alike || heads.is_none_or(|heads| heads.len() as u64 != number("block_count")) {
        return misfit(
            "it does not say which of its layers have attention, as the engine asks for it".to_owned(),
        );
    }
    let inner = number("ssm.inner_size");
    let of = |key: &str| number(key) > 0 && inner.is_multiple_of(number(key));
    if !of("ssm.time_step_rank") || !of("embedding_length") || !of("ssm.group_count") {
        return misfit(format!(
            "its states, of {inner} numbers, do not fall into equal heads, which no model of its architecture has"
        ));
    }
    Ok(())
}

/// gpt-oss' class has one matrix of what gates and what they let through, so that both must be quantised alike.
fn gates(header: &Header) -> Result<(), Unsupported> {
    for gate in &header.tensors {
        let other = gate.name.replace("ffn_gate_exps.weight", "ffn_up_exps.weight");
        if other == gate.name {
            continue;
        }
        if tensor(header, &other).is_none_or(|other| other.tensor_type != gate.tensor_type) {
            return misfit(format!(
                "its tensors {} and {other} are quantised in different ways, which the engine does not know of gpt-oss",
                gate.name
            ));
        }
    }
    Ok(())
}

/// Numbers of a head, many times those of any published one.
const LONGEST_HEAD: u64 = 4096;

/// llama.cpp's number of the way to choose experts that DeepSeek V2 has (`llama_expert_gating_func_type`).
const SOFTMAX: u64 = 1;

/// How positions enter attention. A model that is given other positions than it was trained with answers nonsense.
fn positions(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let number = |key: &str| header.unsigned(&format!("{architecture}.{key}"));
    let (Some(embedding), Some(heads)) = (number("embedding_length"), number("attention.head_count")) else {
        return Ok(());
    };
    let default = embedding.checked_div(heads).unwrap_or(0);
    let key_length = number("attention.key_length").unwrap_or(default);
    let value_length = number("attention.value_length").unwrap_or(default);
    // DeepSeek's are those of what keys and values are made of.
    if key_length != value_length && architecture != "deepseek2" {
        return misfit(format!(
            "its keys have {key_length} numbers and its values {value_length}; the engine needs them to be equal"
        ));
    }
    let rotary = number("rope.dimension_count").unwrap_or(key_length);
    // Tables are made of so many before the first layer shows whether it is true.
    let head = number("attention.key_length_mla").unwrap_or(key_length);
    if class(architecture).is_some() && (head > LONGEST_HEAD || rotary > head) {
        return misfit(format!(
            "{rotary} of the {head} numbers of a head carry the position, which no model of its architecture has"
        ));
    }
    if matches!(
        architecture,
        "llama" | "mistral3" | "smollm3" | "granite" | "granitehybrid" | "starcoder2"
    ) && rotary != key_length
    {
        return misfit(format!(
            "{rotary} of the {key_length} numbers of a head carry the position; the engine needs all of them to"
        ));
    }
    if matches!(
        architecture,
        "phi3" | "smollm3" | "granite" | "granitehybrid" | "starcoder2"
    ) && key_length != default
    {
        return misfit(format!(
            "its heads have {key_length} numbers; the engine needs them to have {default} for this architecture"
        ));
    }
    if architecture == "glm4" && header.metadata.contains_key("glm4.rope.dimension_sections") {
        return misfit(
            "its positions are those of a model that sees, which the engine does not follow".to_owned(),
        );
    }
    stretched(header, architecture)
}

/// How the classes of transformers' stretch positions; mistral.rs' own reading is mended for all ways that it knows.
fn stretched(header: &Header, architecture: &str) -> Result<(), Unsupported> {
    let followed: &[&str] = match architecture {
        "gemma3" => &["linear"],
        "phi3" => &["longrope"],
        "deepseek2" | "gpt-oss" => &["yarn"],
        _ if class(architecture).is_some() => &[],
        _ => return Ok(()),
    };
    let value = |key: &str| header.metadata.get(&format!("{architecture}.rope.scaling.{key}"));
    let is_stretched = match value("factor") {
        Some(Value::Float(factor)) => *factor != 1.0,
        Some(Value::Unsigned(factor)) => *factor != 1,
        _ => false,
    };
    let kind = match value("type") {
        Some(Value::Text(kind)) => kind.as_str(),
        _ => "linear",
    };
    if is_stretched && kind != "none" && !followed.contains(&kind) {
        return misfit(format!(
            "its positions are stretched in a way (“{kind}”) that the engine does not follow for its architecture"
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
