//! Whether the layers of a header are those that the class makes room for.

use hearth_gguf::Header;

use super::{Unsupported, misfit, tensor};

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
pub(super) fn check(header: &Header, architecture: &str) -> Result<(), Unsupported> {
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
    Ok(())
}

/// llama.cpp's number of the way to choose experts that DeepSeek V2 has (`llama_expert_gating_func_type`).
const SOFTMAX: u64 = 1;

/// Whether a file of DeepSeek chooses experts as V2 does.
pub(super) fn choice_of_experts(header: &Header) -> Result<(), Unsupported> {
    let way = header.unsigned("deepseek2.expert_gating_func");
    let is_biased = (header.tensors.iter()).any(|tensor| tensor.name.ends_with("exp_probs_b.bias"));
    if is_biased || way.is_some_and(|way| way != SOFTMAX) {
        return misfit(
            "its experts are chosen in a way that the engine does not follow, as DeepSeek V3's are"
                .to_owned(),
        );
    }
    Ok(())
}

/// Whether a file of Granite with states says which of its layers have attention, and states that the class makes room for.
pub(super) fn states(header: &Header) -> Result<(), Unsupported> {
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
pub(super) fn gates(header: &Header) -> Result<(), Unsupported> {
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
