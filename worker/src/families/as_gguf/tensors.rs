//! The tensors as the converter names and changes them (`gguf-py/gguf/tensor_mapping.py`, `conversion/*.py`).

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use serde_json::Value;

use super::mxfp4;

/// Names of transformers' that have another name there, each with all before it replaced.
const NAMES: [(&str, &str); 71] = [
    ("mamba.in_proj.", "ssm_in."),
    ("mamba.out_proj.", "ssm_out."),
    ("mamba.conv1d.", "ssm_conv1d."),
    ("mamba.norm.", "ssm_norm."),
    ("mamba.dt_bias", "ssm_dt.bias"),
    ("mamba.A_log", "ssm_a"),
    ("mamba.D", "ssm_d"),
    ("block_sparse_moe.router.layer.", "ffn_gate_inp."),
    ("block_sparse_moe.output_linear.", "ffn_down_exps."),
    ("model.embed_tokens_per_layer.", "per_layer_token_embd."),
    ("model.per_layer_model_projection.", "per_layer_model_proj."),
    ("model.per_layer_projection_norm.", "per_layer_proj_norm."),
    ("per_layer_input_gate.", "inp_gate."),
    ("post_per_layer_input_norm.", "post_norm."),
    ("per_layer_projection.", "proj."),
    ("layer_scalar", "layer_output_scale.weight"),
    ("router.proj.", "ffn_gate_inp."),
    ("pre_feedforward_layernorm_2.", "pre_ffw_norm_2."),
    ("post_feedforward_layernorm_1.", "post_ffw_norm_1."),
    ("post_feedforward_layernorm_2.", "post_ffw_norm_2."),
    ("model.embed_tokens.", "token_embd."),
    ("model.norm.", "output_norm."),
    ("lm_head.", "output."),
    ("model.layers.", "blk."),
    ("self_attn.q_norm.", "attn_q_norm."),
    ("self_attn.k_norm.", "attn_k_norm."),
    ("self_attn.q_proj.", "attn_q."),
    ("self_attn.k_proj.", "attn_k."),
    ("self_attn.v_proj.", "attn_v."),
    ("self_attn.o_proj.", "attn_output."),
    ("self_attn.qkv_proj.", "attn_qkv."),
    ("self_attn.q_a_proj.", "attn_q_a."),
    ("self_attn.q_a_layernorm.", "attn_q_a_norm."),
    ("self_attn.q_b_proj.", "attn_q_b."),
    ("self_attn.kv_a_proj_with_mqa.", "attn_kv_a_mqa."),
    ("self_attn.kv_a_layernorm.", "attn_kv_a_norm."),
    ("self_attn.k_b_proj.", "attn_k_b."),
    ("self_attn.v_b_proj.", "attn_v_b."),
    ("linear_attn.in_proj_qkv.", "attn_qkv."),
    ("linear_attn.in_proj_z.", "attn_gate."),
    ("linear_attn.in_proj_a.", "ssm_alpha."),
    ("linear_attn.in_proj_b.", "ssm_beta."),
    ("linear_attn.conv1d.", "ssm_conv1d."),
    ("linear_attn.norm.", "ssm_norm."),
    ("linear_attn.out_proj.", "ssm_out."),
    ("linear_attn.A_log", "ssm_a"),
    ("linear_attn.dt_bias", "ssm_dt.bias"),
    ("mlp.shared_experts.gate_proj.", "ffn_gate_shexp."),
    ("mlp.shared_experts.up_proj.", "ffn_up_shexp."),
    ("mlp.shared_experts.down_proj.", "ffn_down_shexp."),
    ("mlp.shared_expert.gate_proj.", "ffn_gate_shexp."),
    ("mlp.shared_expert.up_proj.", "ffn_up_shexp."),
    ("mlp.shared_expert.down_proj.", "ffn_down_shexp."),
    ("mlp.shared_expert_gate.", "ffn_gate_inp_shexp."),
    ("mlp.gate_up_proj.", "ffn_up."),
    ("mlp.gate.", "ffn_gate_inp."),
    ("mlp.router.", "ffn_gate_inp."),
    ("self_attn.sinks", "attn_sinks.weight"),
    ("mlp.gate_proj.", "ffn_gate."),
    ("mlp.up_proj.", "ffn_up."),
    ("mlp.down_proj.", "ffn_down."),
    ("mlp.c_fc.", "ffn_up."),
    ("mlp.c_proj.", "ffn_down."),
    ("shared_mlp.output_linear.", "ffn_down."),
    ("mlp.experts.", "experts."),
    ("input_layernorm.", "attn_norm."),
    ("pre_feedforward_layernorm.", "ffn_norm."),
    ("post_feedforward_layernorm.", "post_ffw_norm."),
    ("post_self_attn_layernorm.", "post_attention_norm."),
    ("post_mlp_layernorm.", "post_ffw_norm."),
    ("post_attention_layernorm.", "ffn_norm."),
];

/// The tensors of what reads, in 32 bits, as a file of this architecture has them.
pub fn named(
    architecture: &str,
    config: &Value,
    tensors: &BTreeMap<String, Tensor>,
) -> Result<BTreeMap<String, Tensor>> {
    let mut changed = BTreeMap::new();
    let tensors = mxfp4::as_numbers(tensors)?;
    for (name, tensor) in &tensors {
        if [
            "vision_tower.",
            "embed_vision.",
            "multi_modal_projector.",
            "visual.",
        ]
        .iter()
        .any(|eyes| name.contains(eyes))
        {
            continue;
        }
        let name = name.replace("language_model.", "");
        for (name, tensor) in change(architecture, config, name, tensor.to_dtype(DType::F32)?)? {
            changed.insert(renamed(architecture, name), tensor);
        }
    }
    stack_experts(&mut changed)?;
    Ok(changed)
}

fn renamed(architecture: &str, name: String) -> String {
    // Where there is a norm behind attention as well, the one in front of what follows is called after that.
    let has_norm_behind = matches!(
        architecture,
        "gemma2" | "gemma3" | "gemma4" | "qwen35" | "qwen35moe" | "gpt-oss"
    );
    let name = match has_norm_behind {
        true => name.replace("post_attention_layernorm.", "post_attention_norm."),
        false => name,
    };
    NAMES.iter().fold(name, |name, (old, new)| name.replace(old, new))
}

/// What becomes of one tensor.
fn change(architecture: &str, config: &Value, name: String, tensor: Tensor) -> Result<Vec<(String, Tensor)>> {
    let number = |key: &str| config[key].as_u64().unwrap_or(1) as usize;
    let one = |tensor: Tensor| Ok(vec![(name.clone(), tensor)]);
    match architecture {
        "llama" | "mistral3" | "smollm3" | "granite" | "granitehybrid" if name.contains("q_proj") => {
            one(interleaved(&tensor, number("num_attention_heads"))?)
        }
        "llama" | "mistral3" | "smollm3" | "granite" | "granitehybrid" if name.contains("k_proj") => {
            one(interleaved(&tensor, number("num_key_value_heads"))?)
        }
        "gemma2" if name.contains("q_proj") => one((tensor * query_scale(config))?),
        "gemma3" if name.contains("q_norm") => one(((tensor + 1.0)? * query_scale(config))?),
        "gemma2" | "gemma3" if name.ends_with("norm.weight") => one((tensor + 1.0)?),
        "gemma4" => {
            let role = name.rsplit_once('.').map_or("", |(_, role)| role);
            let (part, theirs) = match role {
                "scale" => ("router.scale", "ffn_gate_inp.scale"),
                "per_expert_scale" => ("router.per_expert_scale", "ffn_down_exps.scale"),
                "gate_up_proj" => ("experts.gate_up_proj", "ffn_gate_up_exps.weight"),
                "down_proj" => ("experts.down_proj", "ffn_down_exps.weight"),
                _ => return one(tensor),
            };
            Ok(vec![(name.replace(part, theirs), tensor)])
        }
        "deepseek2" if name.contains("kv_b_proj") => {
            let (keys, values) = (number("qk_nope_head_dim"), number("v_head_dim"));
            let heads = tensor.reshape((number("num_attention_heads"), keys + values, ()))?;
            Ok(vec![
                (
                    name.replace("kv_b_proj", "k_b_proj"),
                    heads.narrow(1, 0, keys)?.transpose(1, 2)?.contiguous()?,
                ),
                (
                    name.replace("kv_b_proj", "v_b_proj"),
                    heads.narrow(1, keys, values)?.contiguous()?,
                ),
            ])
        }
        "granite" if name.contains("shared_mlp.input_linear") => {
            let halves = tensor.chunk(2, 0)?;
            let names = ["ffn_gate", "ffn_up"].map(|role| name.replace("shared_mlp.input_linear", role));
            names
                .into_iter()
                .zip(halves)
                .map(|(name, half)| Ok((name, half.force_contiguous()?)))
                .collect()
        }
        "granitehybrid" => granite_hybrid(&name, tensor),
        "qwen35" | "qwen35moe" => qwen35(config, name, tensor),
        "gpt-oss" if name.contains("mlp.experts.") => gpt_oss(&name, &tensor),
        _ => one(tensor),
    }
}

/// A file does not say by what the products of queries and keys are divided if not by the length of a head: that is put into
/// the queries' weights, so that the model means the same.
fn query_scale(config: &Value) -> f64 {
    let number = |key: &str| config[key].as_f64().unwrap_or(1.0);
    (number("head_dim") / number("query_pre_attn_scalar")).sqrt()
}

/// Llama's rotation takes neighbours together in GGUF, and halves in transformers.
fn interleaved(tensor: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = tensor.dims2()?;
    tensor
        .reshape((heads, 2, rows / heads / 2, columns))?
        .transpose(1, 2)?
        .reshape((rows, columns))
}

fn qwen35(config: &Value, name: String, tensor: Tensor) -> Result<Vec<(String, Tensor)>> {
    let number = |key: &str| config[key].as_u64().unwrap_or(1) as usize;
    let (keys, values) = (number("linear_num_key_heads"), number("linear_num_value_heads"));
    let (key, value) = (number("linear_key_head_dim"), number("linear_value_head_dim"));
    // Heads of values lie by the head of keys that they belong to in transformers, and here by their number in it.
    let tiled = |tensor: &Tensor, width: usize| {
        let shape = tensor.dims();
        tensor
            .reshape((keys, values / keys, width, ()))?
            .transpose(0, 1)?
            .contiguous()?
            .reshape(shape)
    };
    let after_keys = |tensor: &Tensor| {
        let before = 2 * keys * key;
        let heads = tiled(&tensor.narrow(0, before, values * value)?.contiguous()?, value)?;
        Tensor::cat(&[tensor.narrow(0, 0, before)?, heads], 0)
    };
    let changed = match name.rsplit_once("linear_attn.").map_or("", |(_, role)| role) {
        "in_proj_qkv.weight" => after_keys(&tensor)?,
        "conv1d.weight" => after_keys(&tensor.squeeze(1)?)?,
        "in_proj_z.weight" => tiled(&tensor, value)?,
        "in_proj_a.weight" | "in_proj_b.weight" | "dt_bias" => tiled(&tensor, 1)?,
        "A_log" => tiled(&tensor.exp()?.neg()?, 1)?,
        "out_proj.weight" => tiled(&tensor.t()?.contiguous()?, value)?.t()?.contiguous()?,
        "norm.weight" => tensor,
        _ if name.ends_with("norm.weight") => (tensor + 1.0)?,
        _ if name.ends_with("experts.gate_up_proj") => {
            let halves = tensor.chunk(2, 1)?;
            let place = name.replace("mlp.experts.gate_up_proj", "");
            let names = ["ffn_gate_exps.weight", "ffn_up_exps.weight"].map(|name| place.clone() + name);
            return names
                .into_iter()
                .zip(halves)
                .map(|(name, half)| Ok((name, half.force_contiguous()?)))
                .collect();
        }
        _ if name.ends_with("experts.down_proj") => {
            return Ok(vec![(
                name.replace("mlp.experts.down_proj", "ffn_down_exps.weight"),
                tensor,
            )]);
        }
        _ => tensor,
    };
    Ok(vec![(name, changed)])
}

/// Gates and what they let through lie apart, and those of the expert that all tokens share are called after that; what states
/// decay by is as the class makes it.
fn granite_hybrid(name: &str, tensor: Tensor) -> Result<Vec<(String, Tensor)>> {
    let parts = ["shared_mlp.", "block_sparse_moe.", "mamba."];
    let at = parts.iter().find_map(|part| name.find(part));
    let (layer, role) = name.split_at(at.unwrap_or(0));
    let halves = |dimension: usize, roles: [&str; 2]| -> Result<Vec<(String, Tensor)>> {
        let halves = tensor.chunk(2, dimension)?;
        let both = roles.into_iter().zip(halves);
        both.map(|(role, half)| Ok((format!("{layer}{role}.weight"), half.force_contiguous()?)))
            .collect()
    };
    let one = |name: String, tensor: Tensor| Ok(vec![(name, tensor)]);
    match role {
        "shared_mlp.input_linear.weight" => halves(0, ["ffn_gate_shexp", "ffn_up_shexp"]),
        "shared_mlp.output_linear.weight" => one(format!("{layer}ffn_down_shexp.weight"), tensor),
        "block_sparse_moe.input_linear.weight" => halves(1, ["ffn_gate_exps", "ffn_up_exps"]),
        "mamba.conv1d.weight" => one(name.to_owned(), tensor.squeeze(1)?),
        "mamba.A_log" => one(name.to_owned(), tensor.exp()?.neg()?.unsqueeze(1)?),
        "mamba.D" => one(name.to_owned(), tensor.unsqueeze(1)?),
        "mamba.norm.weight" => one(name.to_owned(), tensor.unsqueeze(0)?),
        _ => one(name.to_owned(), tensor),
    }
}

/// Every other row of what gates and lets through is a gate's.
fn gpt_oss(name: &str, tensor: &Tensor) -> Result<Vec<(String, Tensor)>> {
    let (layer, role) = name.split_once("mlp.experts.").unwrap_or_default();
    let (role, end) = match role.strip_suffix("_bias") {
        Some(role) => (role, "bias"),
        None => (role, "weight"),
    };
    if role == "down_proj" {
        return Ok(vec![(format!("{layer}ffn_down_exps.{end}"), tensor.clone())]);
    }
    let every_other = |first: u32| {
        let rows: Vec<u32> = (first..tensor.dim(1)? as u32).step_by(2).collect();
        tensor.index_select(&Tensor::new(rows, tensor.device())?, 1)
    };
    Ok(vec![
        (format!("{layer}ffn_gate_exps.{end}"), every_other(0)?),
        (format!("{layer}ffn_up_exps.{end}"), every_other(1)?),
    ])
}

/// Puts a layer's experts into one tensor for each role.
fn stack_experts(named: &mut BTreeMap<String, Tensor>) -> Result<()> {
    let mut experts: BTreeMap<String, BTreeMap<usize, Tensor>> = BTreeMap::new();
    named.retain(|name, tensor| {
        let Some((layer, rest)) = name.split_once("experts.") else {
            return true;
        };
        let (number, role) = rest.split_once('.').unwrap_or_default();
        let role = role.replace("gate_proj.", "ffn_gate_exps.");
        let role = role
            .replace("up_proj.", "ffn_up_exps.")
            .replace("down_proj.", "ffn_down_exps.");
        let number = number.parse().unwrap_or_default();
        experts
            .entry(format!("{layer}{role}"))
            .or_default()
            .insert(number, tensor.clone());
        false
    });
    for (name, tensors) in experts {
        let tensors: Vec<Tensor> = tensors.into_values().collect();
        named.insert(name, Tensor::stack(&tensors, 0)?);
    }
    Ok(())
}
