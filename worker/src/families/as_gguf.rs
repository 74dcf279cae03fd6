//! The same models as GGUF files, as llama.cpp's `convert_hf_to_gguf.py` writes them.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{self, Value as Entry};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Result, Tensor};
use serde_json::Value;

/// Names of transformers' that have another name there, each with all before it replaced.
const NAMES: [(&str, &str); 17] = [
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
    ("mlp.gate.", "ffn_gate_inp."),
    ("mlp.gate_proj.", "ffn_gate."),
    ("mlp.up_proj.", "ffn_up."),
    ("mlp.down_proj.", "ffn_down."),
    ("mlp.experts.", "experts."),
    ("input_layernorm.", "attn_norm."),
    ("post_attention_layernorm.", "ffn_norm."),
];

/// Writes a model of this architecture and returns where.
pub fn write(
    architecture: &str,
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let mut named = BTreeMap::new();
    for (name, tensor) in tensors {
        let heads = match name {
            _ if architecture != "llama" => None,
            name if name.contains("q_proj") => golden["config"]["num_attention_heads"].as_u64(),
            name if name.contains("k_proj") => golden["config"]["num_key_value_heads"].as_u64(),
            _ => None,
        };
        let tensor = match heads {
            Some(heads) => interleaved(tensor, heads as usize)?,
            None => tensor.clone(),
        };
        let new = |name: String, (old, new): &(&str, &str)| name.replace(old, new);
        named.insert(NAMES.iter().fold(name.clone(), new), tensor);
    }
    stack_experts(&mut named)?;
    if let Some(divisors) = divisors(&golden["config"]) {
        let divisors = Tensor::new(divisors, &Device::Cpu)?;
        named.insert("rope_freqs.weight".to_owned(), divisors);
    }
    let mut plain = Vec::new();
    for (name, tensor) in &named {
        plain.push((
            name.as_str(),
            QTensor::quantize(&tensor.to_dtype(candle_core::DType::F32)?, GgmlDType::F32)?,
        ));
    }
    let plain: Vec<(&str, &QTensor)> = plain.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let metadata = metadata(architecture, golden, folder)?;
    let metadata: Vec<(&str, &Entry)> = metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let path = folder.join("model.gguf");
    gguf_file::write(&mut File::create(&path)?, &metadata, &plain)?;
    Ok(path)
}

/// Llama's rotation takes neighbours together in GGUF, and halves in transformers.
fn interleaved(tensor: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, columns) = tensor.dims2()?;
    tensor
        .reshape((heads, 2, rows / heads / 2, columns))?
        .transpose(1, 2)?
        .reshape((rows, columns))
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

/// What Llama 3.1's frequencies are divided by: wavelengths that fit into the old context less than `low_freq_factor` times by
/// the factor, those that fit more than `high_freq_factor` times not at all.
fn divisors(config: &Value) -> Option<Vec<f32>> {
    let scaling = config
        .get("rope_scaling")
        .filter(|scaling| scaling["rope_type"] == "llama3")?;
    let number = |key: &str| scaling[key].as_f64();
    let (factor, low, high) = (
        number("factor")?,
        number("low_freq_factor")?,
        number("high_freq_factor")?,
    );
    let context = number("original_max_position_embeddings")?;
    let (base, length) = (config["rope_theta"].as_f64()?, config["head_dim"].as_u64()?);
    let divisor = |pair: u64| {
        let wavelength = 2.0 * PI * base.powf(2.0 * pair as f64 / length as f64);
        let smooth = ((context / wavelength - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
    };
    Some((0..length / 2).map(divisor).collect())
}

fn metadata(architecture: &str, golden: &Value, folder: &Path) -> anyhow::Result<BTreeMap<String, Entry>> {
    let config = &golden["config"];
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
    for (key, value) in [
        ("block_count", number("num_hidden_layers")),
        ("embedding_length", Some(wide)),
        ("feed_forward_length", number("intermediate_size")),
        ("expert_feed_forward_length", number("moe_intermediate_size")),
        ("expert_count", number("num_experts")),
        ("expert_used_count", number("num_experts_per_tok")),
        ("context_length", number("max_position_embeddings")),
        ("attention.head_count", Some(heads)),
        ("attention.head_count_kv", number("num_key_value_heads")),
        ("attention.key_length", Some(head)),
        ("attention.value_length", Some(head)),
        ("rope.dimension_count", Some(head)),
    ] {
        if let Some(value) = value {
            entries.insert(format!("{architecture}.{key}"), Entry::U32(value as u32));
        }
    }
    for (key, value) in [
        ("rope.freq_base", &config["rope_theta"]),
        ("attention.layer_norm_rms_epsilon", &config["rms_norm_eps"]),
    ] {
        let value = value.as_f64().unwrap_or_default() as f32;
        entries.insert(format!("{architecture}.{key}"), Entry::F32(value));
    }
    entries.extend(vocabulary(folder)?);
    Ok(entries)
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
