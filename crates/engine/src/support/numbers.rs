//! The numbers that a header must have for the engine to make room by.

use hearth_gguf::{Header, Value};

use super::Unsupported;

/// What the architectures with states say of them.
const STATES: [&str; 5] = [
    "ssm.conv_kernel",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
];

/// The keys that each model's `PropsGGUF` and `ContentConfig` in `utils/gguf_metadata.rs` ask for, and those that
/// `worker/src/translation/config.rs` has no default for.
pub(super) fn check(header: &Header, architecture: &str) -> Result<(), Unsupported> {
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
        "smollm3" | "granite" | "granitehybrid" | "starcoder2" => &["feed_forward_length"],
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
        "qwen35" => &[
            "attention.key_length",
            "rope.dimension_count",
            "feed_forward_length",
        ],
        "qwen35moe" => &[
            "attention.key_length",
            "rope.dimension_count",
            "expert_count",
            "expert_used_count",
            "expert_feed_forward_length",
        ],
        _ => &[],
    };
    let states: &[&str] = match architecture {
        "granitehybrid" | "qwen35" | "qwen35moe" => &STATES,
        _ => &[],
    };
    for key in everywhere.iter().chain(besides).chain(states) {
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
