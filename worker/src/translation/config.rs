//! `config.json`, from what a GGUF file says of the model. Where it says nothing, llama.cpp's defaults count
//! (`src/llama-model.cpp`, `load_hparams`).

use anyhow::{Result, bail};
use hearth_attention::rope::positions;
use hearth_engine::support::gemma4::Layers;
use hearth_engine::support::safetensors::Class;
use hearth_gguf::Header;
use serde_json::{Value, json};

use super::files::Files;
use super::metadata::Metadata;

/// The config that the class reads.
///
/// # Errors
/// When the file does not say what there is no default for.
pub fn of(header: &Header, metadata: &Metadata, files: &Files, class: Class) -> Result<Value> {
    let mut config = common(metadata, files)?;
    let more = match metadata.architecture {
        "gemma2" => gemma2(metadata)?,
        "gemma3" => gemma3(metadata)?,
        "gemma4" => gemma4(header, metadata, files)?,
        "smollm3" => json!({ "no_rope_layer_interval": 4 }),
        "glm4" => json!({ "partial_rotary_factor": rotary_share(metadata)? }),
        "phi3" => phi3(metadata, files)?,
        "deepseek2" => deepseek2(metadata)?,
        "granite" => granite(metadata)?,
        "granitehybrid" => granite_hybrid(metadata, files)?,
        "qwen35" | "qwen35moe" => qwen35(metadata)?,
        "starcoder2" => starcoder2(metadata),
        "gpt-oss" => gpt_oss(metadata)?,
        other => bail!("its architecture, “{other}”, is not known to the engine"),
    };
    extend(&mut config, more);
    if ["qwen3_5", "qwen3_5_moe", "gemma4"].contains(&class.family) {
        config = blind(config);
    }
    extend(&mut config, json!({ "architectures": [class.name] }));
    Ok(config)
}

fn extend(config: &mut Value, more: Value) {
    if let (Value::Object(config), Value::Object(more)) = (config, more) {
        config.extend(more);
    }
}

/// What every config has.
fn common(metadata: &Metadata, files: &Files) -> Result<Value> {
    let Some(&[vocabulary, _]) = files.shape("token_embd.weight") else {
        bail!("it has no embeddings");
    };
    // Layers that guess tokens ahead come last, and no class here runs them.
    let layers = metadata.needed("block_count")?;
    let guessing = metadata.number("nextn_predict_layers").unwrap_or(0);
    let heads = metadata.needed("attention.head_count")?;
    let activation = match metadata.architecture {
        "gemma2" | "gemma3" | "gemma4" | "starcoder2" => "gelu_pytorch_tanh",
        _ => "silu",
    };
    Ok(json!({
        "attention_bias": false,
        "head_dim": head(metadata)?,
        "hidden_act": activation,
        "hidden_activation": activation,
        "hidden_size": metadata.needed("embedding_length")?,
        "intermediate_size": metadata.number("feed_forward_length").unwrap_or(0),
        "max_position_embeddings": metadata.needed("context_length")?,
        "num_attention_heads": heads,
        "num_hidden_layers": layers.saturating_sub(guessing),
        "num_key_value_heads": metadata.most("attention.head_count_kv").unwrap_or(heads),
        "rms_norm_eps": metadata.float("attention.layer_norm_rms_epsilon").unwrap_or(1e-6),
        "rope_theta": metadata.float("rope.freq_base").unwrap_or(10_000.0),
        // The output is handed out as a layer, whichever tensor it is.
        "tie_word_embeddings": false,
        "vocab_size": vocabulary,
    }))
}

/// Numbers of a head.
fn head(metadata: &Metadata) -> Result<usize> {
    match metadata.number("attention.key_length") {
        Some(length) => Ok(length),
        None => Ok(metadata.needed("embedding_length")? / metadata.needed("attention.head_count")?),
    }
}

/// How many of a head's numbers carry the position, of all.
fn rotary_share(metadata: &Metadata) -> Result<f64> {
    let head = head(metadata)?;
    let rotary = metadata.number("rope.dimension_count").unwrap_or(head);
    Ok(rotary as f64 / head as f64)
}

/// What Gemma's queries are divided by the root of: the length of a head, but in the largest model of each generation, which
/// files tell by the number of its layers alone.
fn query_scalar(metadata: &Metadata, largest: usize) -> Result<usize> {
    if metadata.needed("block_count")? == largest {
        return Ok(metadata.needed("embedding_length")? / metadata.needed("attention.head_count")?);
    }
    head(metadata)
}

fn gemma2(metadata: &Metadata) -> Result<Value> {
    Ok(json!({
        "attn_logit_softcapping": metadata.float("attn_logit_softcapping").unwrap_or(50.0),
        "final_logit_softcapping": metadata.float("final_logit_softcapping").unwrap_or(30.0),
        "query_pre_attn_scalar": query_scalar(metadata, 46)?,
        "sliding_window": metadata.number("attention.sliding_window").unwrap_or(4096),
    }))
}

fn gemma3(metadata: &Metadata) -> Result<Value> {
    let window = metadata
        .number("attention.sliding_window")
        .filter(|window| *window > 0);
    // Every sixth layer sees everything; where there is no window, all do.
    let pattern = match window {
        Some(_) => metadata.number("attention.sliding_window_pattern").unwrap_or(6),
        None => 1,
    };
    let factor = metadata
        .float("rope.scaling.factor")
        .filter(|factor| *factor > 1.0);
    Ok(json!({
        "final_logit_softcapping": metadata.float("final_logit_softcapping"),
        "query_pre_attn_scalar": query_scalar(metadata, 62)?,
        "rope_local_base_freq": metadata.float("rope.freq_base_swa").unwrap_or(10_000.0),
        "rope_scaling": factor.map(|factor| json!({ "rope_type": "linear", "factor": factor })),
        "rope_theta": metadata.float("rope.freq_base").unwrap_or(1_000_000.0),
        "sliding_window": window.unwrap_or(1),
        "sliding_window_pattern": pattern.max(1),
    }))
}

fn gemma4(header: &Header, metadata: &Metadata, files: &Files) -> Result<Value> {
    let layers = Layers::of(&header.metadata)?;
    let kinds = layers.sliding.iter().map(|is_sliding| match is_sliding {
        true => "sliding_attention",
        false => "full_attention",
    });
    let global = metadata.needed("attention.key_length")?;
    // The positions of the layers that see all are turned as far as they are not divided by next to infinity.
    let divisors: Vec<f32> = files.numbers("rope_freqs.weight")?.flatten_all()?.to_vec1()?;
    let turned = divisors.iter().take_while(|divisor| **divisor < 2.0).count();
    let first = layers.sliding.iter().position(|is_sliding| !is_sliding);
    let has_values = first.is_none_or(|layer| files.has(&format!("blk.{layer}.attn_v.weight")));
    let table = files.shape("per_layer_token_embd.weight");
    let experts = metadata.number("expert_count").filter(|count| *count > 0);
    Ok(json!({
        "attention_k_eq_v": !has_values,
        "enable_moe_block": experts.is_some(),
        "expert_intermediate_size": metadata.number("expert_feed_forward_length"),
        "final_logit_softcapping": metadata.float("final_logit_softcapping"),
        "global_head_dim": global,
        "head_dim": metadata.needed("attention.key_length_swa")?,
        "hidden_size_per_layer_input": table.and(metadata.number("embedding_length_per_layer_input")),
        "intermediate_size": layers.feed_forward,
        "layer_types": kinds.collect::<Vec<_>>(),
        "num_experts": experts,
        "num_global_key_value_heads": layers.global_kv_heads,
        "num_key_value_heads": layers.kv_heads,
        "num_kv_shared_layers": layers.shared,
        "rope_parameters": {
            "full_attention": {
                "partial_rotary_factor": 2.0 * turned as f64 / global as f64,
                "rope_theta": metadata.float("rope.freq_base").unwrap_or(1_000_000.0),
            },
            "sliding_attention": { "rope_theta": metadata.float("rope.freq_base_swa").unwrap_or(10_000.0) },
        },
        "sliding_window": metadata.needed("attention.sliding_window")?,
        "top_k_experts": metadata.number("expert_used_count"),
        "use_double_wide_mlp": layers.is_double_wide,
        "vocab_size_per_layer_input": table.and_then(|shape| shape.first()),
    }))
}

fn phi3(metadata: &Metadata, files: &Files) -> Result<Value> {
    let context = metadata.needed("context_length")?;
    let factors = |name: &str| -> Result<Vec<f32>> { Ok(files.numbers(name)?.flatten_all()?.to_vec1()?) };
    let scaling = match files.has("rope_factors_long.weight") {
        true => Some(json!({
            "type": "longrope",
            "long_factor": factors("rope_factors_long.weight")?,
            "short_factor": factors("rope_factors_short.weight")?,
        })),
        false => None,
    };
    let original = metadata
        .number("rope.scaling.original_context_length")
        .unwrap_or(context);
    // What is in the cache was rotated for the length that the text had: where it may outgrow the original, nothing is gone
    // back on, which a window sees to, however long.
    let outgrows = scaling.is_some() && positions(context) > original;
    let window = metadata.number("attention.sliding_window");
    let window = window.filter(|window| (1..context).contains(window));
    Ok(json!({
        "original_max_position_embeddings": original,
        "partial_rotary_factor": rotary_share(metadata)?,
        "rope_scaling": scaling,
        "sliding_window": window.or(outgrows.then_some(context)),
    }))
}

fn deepseek2(metadata: &Metadata) -> Result<Value> {
    let rotary = metadata.needed("rope.dimension_count")?;
    // Files of before llama.cpp kept keys and values compressed have no numbers of their own for what they are made of.
    let key = metadata.number("attention.key_length_mla");
    let key = key.map_or_else(|| metadata.needed("attention.key_length"), Ok)?;
    let value = metadata.number("attention.value_length_mla");
    let value = value.map_or_else(|| metadata.needed("attention.value_length"), Ok)?;
    let experts = metadata.number("expert_count").filter(|count| *count > 0);
    let scaling = match (
        metadata.text("rope.scaling.type"),
        metadata.float("rope.scaling.factor"),
    ) {
        (Some("yarn"), Some(factor)) => {
            // A tenth of what the model's own config has (`[TAG_DEEPSEEK2_YARN_LOG_MUL_FIX]` in llama.cpp's converter).
            let magnitude = metadata.float("rope.scaling.yarn_log_multiplier").unwrap_or(0.0) * 10.0;
            Some(json!({
                "type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": metadata.needed("rope.scaling.original_context_length")?,
                "beta_fast": metadata.float("rope.scaling.yarn_beta_fast").unwrap_or(32.0),
                "beta_slow": metadata.float("rope.scaling.yarn_beta_slow").unwrap_or(1.0),
                "mscale": magnitude,
                "mscale_all_dim": magnitude,
            }))
        }
        _ => None,
    };
    Ok(json!({
        "first_k_dense_replace": metadata.number("leading_dense_block_count").unwrap_or(0),
        "kv_lora_rank": metadata.needed("attention.kv_lora_rank")?,
        "moe_intermediate_size": metadata.number("expert_feed_forward_length").unwrap_or(0),
        "n_group": 1,
        "n_routed_experts": experts,
        "n_shared_experts": metadata.number("expert_shared_count").filter(|count| *count > 0),
        "norm_topk_prob": metadata.flag("expert_weights_norm").unwrap_or(false),
        "num_experts_per_tok": experts.map(|_| metadata.needed("expert_used_count")).transpose()?,
        "q_lora_rank": metadata.number("attention.q_lora_rank").filter(|rank| *rank > 0),
        "qk_nope_head_dim": key.saturating_sub(rotary),
        "qk_rope_head_dim": rotary,
        "rope_scaling": scaling,
        "routed_scaling_factor": metadata.float("expert_weights_scale").filter(|scale| *scale > 0.0).unwrap_or(1.0),
        "topk_group": 1,
        "v_head_dim": value,
    }))
}

/// The class of models that may have states that do not grow as well, and experts; here there are neither.
fn granite(metadata: &Metadata) -> Result<Value> {
    let scale = |key: &str| metadata.float(key).filter(|scale| *scale > 0.0);
    let usual = 1.0 / (head(metadata)? as f64).sqrt();
    // llama.cpp writes this of models that know no positions (`build_granite`).
    let positions = match metadata.flag("rope.scaling.finetuned") {
        Some(false) => "nope",
        _ => "rope",
    };
    Ok(json!({
        "attention_multiplier": scale("attention.scale").unwrap_or(usual),
        "embedding_multiplier": scale("embedding_scale").unwrap_or(1.0),
        "logits_scaling": scale("logit_scale").unwrap_or(1.0),
        "num_experts_per_tok": 0,
        "num_local_experts": 0,
        "position_embedding_type": positions,
        "residual_multiplier": scale("residual_scale").unwrap_or(1.0),
        "shared_intermediate_size": metadata.needed("feed_forward_length")?,
    }))
}

/// With states in most layers: those that the file gives no heads of keys and values. All layers have a feed-forward part, of
/// which all tokens make use; where there are experts besides, its tensors are called after that.
fn granite_hybrid(metadata: &Metadata, files: &Files) -> Result<Value> {
    let Some(heads) = metadata.numbers("attention.head_count_kv") else {
        bail!("it does not say which of its layers have attention");
    };
    let kinds = heads.iter().map(|heads| match heads {
        0 => "mamba",
        _ => "attention",
    });
    let shared = ["blk.0.ffn_gate_shexp.weight", "blk.0.ffn_gate.weight"];
    let shared = shared.iter().find_map(|name| files.shape(name)?.first());
    let experts = metadata.number("expert_count").unwrap_or(0);
    let states = metadata.needed("ssm.time_step_rank")?;
    let inner = metadata.needed("ssm.inner_size")?;
    let mut config = granite(metadata)?;
    extend(
        &mut config,
        json!({
            "layer_types": kinds.collect::<Vec<_>>(),
            "mamba_conv_bias": files.tensors().any(|name| name.ends_with(".ssm_conv1d.bias")),
            "mamba_d_conv": metadata.needed("ssm.conv_kernel")?,
            "mamba_d_head": inner / states,
            "mamba_d_state": metadata.needed("ssm.state_size")?,
            "mamba_expand": inner / metadata.needed("embedding_length")?,
            "mamba_n_groups": metadata.needed("ssm.group_count")?,
            "mamba_n_heads": states,
            "num_experts_per_tok": metadata.number("expert_used_count").unwrap_or(0),
            "num_local_experts": experts,
            "shared_intermediate_size": shared,
        }),
    );
    Ok(config)
}

fn qwen35(metadata: &Metadata) -> Result<Value> {
    let values = metadata.needed("ssm.time_step_rank")?;
    let sections = metadata.numbers("rope.dimension_sections").unwrap_or_default();
    let sections: Vec<usize> = sections.into_iter().take(3).collect();
    let mut config = json!({
        "full_attention_interval": metadata.number("full_attention_interval").filter(|every| *every > 0).unwrap_or(4),
        "linear_conv_kernel_dim": metadata.needed("ssm.conv_kernel")?,
        "linear_key_head_dim": metadata.needed("ssm.state_size")?,
        "linear_num_key_heads": metadata.needed("ssm.group_count")?,
        "linear_num_value_heads": values,
        "linear_value_head_dim": metadata.needed("ssm.inner_size")? / values,
        "rope_parameters": {
            "mrope_section": if sections.len() == 3 { sections } else { vec![11, 11, 10] },
            "partial_rotary_factor": rotary_share(metadata)?,
            "rope_theta": metadata.float("rope.freq_base").unwrap_or(10_000_000.0),
        },
    });
    if metadata.architecture == "qwen35moe" {
        let wide = metadata.needed("expert_feed_forward_length")?;
        extend(
            &mut config,
            json!({
                "moe_intermediate_size": wide,
                "norm_topk_prob": true,
                "num_experts": metadata.needed("expert_count")?,
                "num_experts_per_tok": metadata.needed("expert_used_count")?,
                "shared_expert_intermediate_size":
                    metadata.number("expert_shared_feed_forward_length").unwrap_or(wide),
            }),
        );
    }
    Ok(config)
}

/// Files say nothing of the window, which is as long in all three published models.
fn starcoder2(metadata: &Metadata) -> Value {
    json!({
        "norm_epsilon": metadata.float("attention.layer_norm_epsilon").unwrap_or(1e-5),
        "sliding_window": metadata.number("attention.sliding_window").unwrap_or(4096),
        "use_bias": true,
    })
}

/// Files say neither where gates are cut off nor how steep they are, which is as the class has it in both published models.
fn gpt_oss(metadata: &Metadata) -> Result<Value> {
    let layers = metadata.needed("block_count")?;
    let kinds = ["sliding_attention", "full_attention"].into_iter().cycle();
    let wide = metadata.number("expert_feed_forward_length");
    let scaling = match metadata.text("rope.scaling.type") {
        Some("yarn") => Some(json!({
            "rope_type": "yarn",
            "beta_fast": metadata.float("rope.scaling.yarn_beta_fast").unwrap_or(32.0),
            "beta_slow": metadata.float("rope.scaling.yarn_beta_slow").unwrap_or(1.0),
            "factor": metadata.float("rope.scaling.factor").unwrap_or(1.0),
            "original_max_position_embeddings": metadata.needed("rope.scaling.original_context_length")?,
            "truncate": false,
        })),
        _ => None,
    };
    Ok(json!({
        "attention_bias": true,
        "intermediate_size": wide.map_or_else(|| metadata.needed("feed_forward_length"), Ok)?,
        "layer_types": kinds.take(layers).collect::<Vec<_>>(),
        "num_experts_per_tok": metadata.needed("expert_used_count")?,
        "num_local_experts": metadata.needed("expert_count")?,
        "rope_scaling": scaling,
        "sliding_window": metadata.needed("attention.sliding_window")?,
    }))
}

/// A model that could see, with eyes of next to no numbers: a GGUF file holds what reads alone.
fn blind(text: Value) -> Value {
    json!({
        "image_token_id": 0,
        "text_config": text,
        "tie_word_embeddings": false,
        "video_token_id": 0,
        "vision_config": {
            "deepstack_visual_indexes": [],
            "depth": 0,
            "hidden_size": 4,
            "in_chans": 1,
            "intermediate_size": 4,
            "num_heads": 1,
            "num_position_embeddings": 1,
            "out_hidden_size": 4,
            "head_dim": 4,
            "num_hidden_layers": 0,
            "patch_size": 1,
            "position_embedding_size": 1,
            "spatial_merge_size": 1,
            "temporal_patch_size": 2,
        },
        "vision_end_token_id": 0,
        "vision_start_token_id": 0,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::quantized::gguf_file::Value as Entry;

    use super::*;

    fn entries(architecture: &str, numbers: &[(&str, u32)]) -> HashMap<String, Entry> {
        let entry = |(key, number): &(&str, u32)| (format!("{architecture}.{key}"), Entry::U32(*number));
        let mut entries: HashMap<String, Entry> = numbers.iter().map(entry).collect();
        let name = Entry::String(architecture.to_owned());
        entries.insert("general.architecture".to_owned(), name);
        entries
    }

    /// Gemma 3 12B and 27B, as their own configs have it.
    #[test]
    fn the_largest_gemma_divides_its_queries_otherwise() -> Result<()> {
        for (layers, width, heads, head, scalar) in [(48, 3840, 16, 256, 256), (62, 5376, 32, 128, 168)] {
            let entries = entries(
                "gemma3",
                &[
                    ("block_count", layers),
                    ("embedding_length", width),
                    ("attention.head_count", heads),
                    ("attention.key_length", head),
                ],
            );
            let config = gemma3(&Metadata::new(&entries)?)?;
            assert_eq!(config["query_pre_attn_scalar"], scalar);
        }
        Ok(())
    }

    #[test]
    fn what_a_file_does_not_say_is_named() -> Result<()> {
        let entries = entries("qwen35", &[("ssm.time_step_rank", 32), ("ssm.conv_kernel", 0)]);
        let metadata = Metadata::new(&entries)?;
        let said = qwen35(&metadata).err().map(|error| error.to_string());
        assert_eq!(
            said.as_deref(),
            Some("it has no usable number qwen35.ssm.conv_kernel")
        );
        assert!(Metadata::new(&HashMap::new()).is_err());
        Ok(())
    }
}
