//! The metadata as the converter writes it (`gguf-py/gguf/constants.py`, `conversion/*.py`).

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::quantized::gguf_file::Value as Entry;
use serde_json::Value;

/// What a file of this architecture says of a model with this config, and of the tokeniser in the folder.
pub fn metadata(
    architecture: &str,
    config: &Value,
    folder: &Path,
) -> anyhow::Result<BTreeMap<String, Entry>> {
    let heads = config["num_attention_heads"].as_u64().unwrap_or(1);
    let wide = config["hidden_size"].as_u64().unwrap_or_default();
    let head = config["head_dim"].as_u64().unwrap_or(wide / heads);
    let number = |key: &str| config[key].as_u64();
    let mut entries = BTreeMap::from([
        (
            "general.architecture".to_owned(),
            Entry::String(architecture.to_owned()),
        ),
        (
            "tokenizer.chat_template".to_owned(),
            Entry::String("{% for message in messages %}{{ message.content }}{% endfor %}".to_owned()),
        ),
        (
            "tokenizer.ggml.model".to_owned(),
            Entry::String("gpt2".to_owned()),
        ),
    ]);
    // What Llama 3.1's are divided by is a tensor, and so is Phi's.
    let stretched = &config["rope_scaling"];
    let kind = stretched["rope_type"].as_str().or(stretched["type"].as_str());
    let kind = kind.filter(|kind| ["linear", "yarn"].contains(kind));
    let scaling = if kind.is_some() { stretched } else { &Value::Null };
    // DeepSeek's are compressed, and heads of keys and values share one.
    let latent = number("kv_lora_rank");
    let rotary = number("qk_rope_head_dim");
    let compressed = |more: u64| latent.map(|latent| latent + more);
    let share = config["partial_rotary_factor"].as_f64().unwrap_or(1.0);
    for (key, value) in [
        ("block_count", number("num_hidden_layers")),
        ("embedding_length", Some(wide)),
        ("feed_forward_length", number("intermediate_size")),
        (
            "expert_feed_forward_length",
            number("moe_intermediate_size")
                .or(number("intermediate_size").filter(|_| architecture == "gpt-oss")),
        ),
        (
            "expert_shared_feed_forward_length",
            number("shared_expert_intermediate_size"),
        ),
        (
            "expert_count",
            (number("num_experts").or(number("n_routed_experts")))
                .or(number("num_local_experts").filter(|_| architecture == "gpt-oss")),
        ),
        ("expert_shared_count", number("n_shared_experts")),
        ("expert_used_count", number("num_experts_per_tok")),
        ("leading_dense_block_count", number("first_k_dense_replace")),
        ("context_length", number("max_position_embeddings")),
        ("full_attention_interval", number("full_attention_interval")),
        ("attention.head_count", Some(heads)),
        (
            "attention.head_count_kv",
            latent.map(|_| 1).or(number("num_key_value_heads")),
        ),
        (
            "attention.key_length",
            compressed(rotary.unwrap_or(0)).or(Some(head)),
        ),
        ("attention.value_length", compressed(0).or(Some(head))),
        ("attention.kv_lora_rank", latent),
        (
            "attention.key_length_mla",
            rotary.and_then(|rotary| Some(rotary + number("qk_nope_head_dim")?)),
        ),
        ("attention.value_length_mla", latent.and(number("v_head_dim"))),
        (
            "attention.sliding_window",
            number("sliding_window").or((architecture == "phi3").then_some(0)),
        ),
        (
            "rope.dimension_count",
            rotary.or(Some((share * head as f64) as u64)),
        ),
        (
            "rope.scaling.original_context_length",
            number("original_max_position_embeddings")
                .or(scaling["original_max_position_embeddings"].as_u64()),
        ),
        ("ssm.conv_kernel", number("linear_conv_kernel_dim")),
        ("ssm.state_size", number("linear_key_head_dim")),
        ("ssm.group_count", number("linear_num_key_heads")),
        ("ssm.time_step_rank", number("linear_num_value_heads")),
        (
            "ssm.inner_size",
            number("linear_value_head_dim")
                .and_then(|length| Some(length * number("linear_num_value_heads")?)),
        ),
    ] {
        if let Some(value) = value {
            entries.insert(format!("{architecture}.{key}"), Entry::U32(value as u32));
        }
    }
    let base = if architecture == "gemma3" { Some(1e6) } else { None };
    for (key, value) in [
        // The converter writes no base for Gemma 2.
        (
            "rope.freq_base",
            config["rope_theta"]
                .as_f64()
                .or(base)
                .filter(|_| architecture != "gemma2"),
        ),
        (
            "attention.layer_norm_rms_epsilon",
            config["rms_norm_eps"].as_f64(),
        ),
        ("attention.layer_norm_epsilon", config["norm_epsilon"].as_f64()),
        (
            "attn_logit_softcapping",
            config["attn_logit_softcapping"].as_f64(),
        ),
        (
            "final_logit_softcapping",
            config["final_logit_softcapping"].as_f64(),
        ),
        ("expert_weights_scale", config["routed_scaling_factor"].as_f64()),
        ("rope.scaling.attn_factor", longer(config)),
        ("attention.scale", config["attention_multiplier"].as_f64()),
        ("embedding_scale", config["embedding_multiplier"].as_f64()),
        ("residual_scale", config["residual_multiplier"].as_f64()),
        ("logit_scale", config["logits_scaling"].as_f64()),
        ("rope.scaling.factor", scaling["factor"].as_f64()),
        (
            "rope.scaling.yarn_log_multiplier",
            scaling["mscale_all_dim"].as_f64().map(|all| all * 0.1),
        ),
    ] {
        if let Some(value) = value {
            entries.insert(format!("{architecture}.{key}"), Entry::F32(value as f32));
        }
    }
    if let Some(kind) = kind {
        entries.insert(
            format!("{architecture}.rope.scaling.type"),
            Entry::String(kind.to_owned()),
        );
    }
    if let Some(sections) = config["mrope_section"].as_array() {
        let sections = sections
            .iter()
            .map(|section| section.as_i64().unwrap_or_default() as i32);
        let sections = sections.chain([0]).map(Entry::I32).collect();
        entries.insert(
            format!("{architecture}.rope.dimension_sections"),
            Entry::Array(sections),
        );
    }
    match architecture {
        "gemma4" => entries.extend(of_each_layer(config)),
        "granitehybrid" => entries.extend(states(config)),
        _ => {}
    }
    entries.extend(vocabulary(folder)?);
    Ok(entries)
}

/// What Granite's files say of its layers with states (`GraniteHybridModel` in `conversion/granite.py`).
fn states(config: &Value) -> BTreeMap<String, Entry> {
    let number = |key: &str| config[key].as_u64().unwrap_or_default() as u32;
    let heads = config["layer_types"].as_array().into_iter().flatten();
    let heads = heads.map(|kind| {
        Entry::U32(if kind == "attention" {
            number("num_key_value_heads")
        } else {
            0
        })
    });
    let entries = [
        ("attention.head_count_kv", Entry::Array(heads.collect())),
        ("expert_count", Entry::U32(number("num_local_experts"))),
        ("rope.scaling.finetuned", Entry::Bool(false)),
        ("ssm.conv_kernel", Entry::U32(number("mamba_d_conv"))),
        ("ssm.group_count", Entry::U32(number("mamba_n_groups"))),
        (
            "ssm.inner_size",
            Entry::U32(number("mamba_expand") * number("hidden_size")),
        ),
        ("ssm.state_size", Entry::U32(number("mamba_d_state"))),
        ("ssm.time_step_rank", Entry::U32(number("mamba_n_heads"))),
    ];
    entries
        .map(|(key, value)| (format!("granitehybrid.{key}"), value))
        .into()
}

/// What Gemma 4's files say of each layer, and of the two kinds of layers (`Gemma4Model` in `conversion/gemma.py`).
fn of_each_layer(config: &Value) -> BTreeMap<String, Entry> {
    let number = |key: &str| config[key].as_u64();
    let whole = |number: u64| Entry::U32(number as u32);
    let kinds = config["layer_types"].as_array().into_iter().flatten();
    let sliding: Vec<bool> = kinds.map(|kind| kind == "sliding_attention").collect();
    let base = |kind: &str| {
        let base = config["rope_parameters"][kind]["rope_theta"].as_f64();
        base.map(|base| Entry::F32(base as f32))
    };
    let shared = number("num_kv_shared_layers").unwrap_or(0);
    let own = sliding.len() - shared as usize;
    let wide = number("intermediate_size").unwrap_or_default();
    let twice = config["use_double_wide_mlp"] == true;
    let widths = (0..sliding.len()).map(|layer| if layer < own { wide } else { 2 * wide });
    let heads = number("num_key_value_heads").zip(number("num_global_key_value_heads"));
    let heads = heads.map(|(local, global)| {
        let heads = sliding
            .iter()
            .map(|is_sliding| if *is_sliding { local } else { global });
        Entry::Array(heads.map(whole).collect())
    });
    let pattern = sliding.iter().copied().map(Entry::Bool).collect();
    let entries = [
        ("attention.key_length", number("global_head_dim").map(whole)),
        ("attention.value_length", number("global_head_dim").map(whole)),
        ("attention.key_length_swa", number("head_dim").map(whole)),
        ("attention.value_length_swa", number("head_dim").map(whole)),
        ("attention.head_count_kv", heads),
        ("attention.shared_kv_layers", Some(whole(shared))),
        ("attention.sliding_window_pattern", Some(Entry::Array(pattern))),
        (
            "embedding_length_per_layer_input",
            number("hidden_size_per_layer_input").map(whole),
        ),
        ("expert_used_count", number("top_k_experts").map(whole)),
        (
            "feed_forward_length",
            twice.then(|| Entry::Array(widths.map(whole).collect())),
        ),
        ("rope.dimension_count", number("global_head_dim").map(whole)),
        ("rope.dimension_count_swa", number("head_dim").map(whole)),
        ("rope.freq_base", base("full_attention")),
        ("rope.freq_base_swa", base("sliding_attention")),
    ];
    let named = entries
        .into_iter()
        .filter_map(|(key, value)| Some((format!("gemma4.{key}"), value?)));
    named.collect()
}

/// What the sines and cosines of Phi's longer texts are multiplied with.
fn longer(config: &Value) -> Option<f64> {
    config["rope_scaling"]["long_factor"].as_array()?;
    let number = |key: &str| config[key].as_f64();
    let original = number("original_max_position_embeddings")?;
    let factor = number("max_position_embeddings")? / original;
    Some((1.0 + factor.ln() / original.ln()).sqrt())
}

fn vocabulary(folder: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let tokenizer: Value = serde_json::from_slice(&std::fs::read(folder.join("tokenizer.json"))?)?;
    let mut tokens = BTreeMap::new();
    for (token, id) in tokenizer["model"]["vocab"].as_object().into_iter().flatten() {
        tokens.insert(id.as_u64().unwrap_or_default(), (token.as_str(), 1));
    }
    for token in tokenizer["added_tokens"].as_array().into_iter().flatten() {
        let content = token["content"].as_str().unwrap_or_default();
        tokens.insert(token["id"].as_u64().unwrap_or_default(), (content, 3));
    }
    let merges = tokenizer["model"]["merges"].as_array().into_iter().flatten();
    let merge = |merge: &Value| match merge {
        Value::Array(two) => two.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        one => one.as_str().unwrap_or_default().to_owned(),
    };
    let texts = |texts: Vec<String>| Entry::Array(texts.into_iter().map(Entry::String).collect());
    let id_of = |text: &str| {
        let found = tokens.iter().find(|(_, (token, _))| *token == text);
        Entry::U32(found.map_or(0, |(&id, _)| id as u32))
    };
    Ok(BTreeMap::from([
        ("tokenizer.ggml.bos_token_id".to_owned(), id_of("<s>")),
        ("tokenizer.ggml.eos_token_id".to_owned(), id_of("</s>")),
        (
            "tokenizer.ggml.merges".to_owned(),
            texts(merges.map(merge).collect()),
        ),
        (
            "tokenizer.ggml.tokens".to_owned(),
            texts(tokens.values().map(|(token, _)| (*token).to_owned()).collect()),
        ),
        (
            "tokenizer.ggml.token_type".to_owned(),
            Entry::Array(tokens.values().map(|(_, kind)| Entry::I32(*kind)).collect()),
        ),
    ]))
}
