//! Whether the engine gives a model the positions that it was trained with: with others it answers nonsense.

use hearth_gguf::{Header, Value};

use super::{Unsupported, class, misfit};

/// Numbers of a head, many times those of any published one.
const LONGEST_HEAD: u64 = 4096;

/// How positions enter attention.
pub(super) fn check(header: &Header, architecture: &str) -> Result<(), Unsupported> {
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
