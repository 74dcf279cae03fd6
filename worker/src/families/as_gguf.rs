//! The same models as GGUF files, as llama.cpp's `convert_hf_to_gguf.py` writes them.

mod metadata;
mod mxfp4;
mod tensors;

pub use mxfp4::with_mxfp4;

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use serde_json::Value;

/// Writes a model of this architecture, its matrices of this kind, and returns where.
pub fn write(
    architecture: &str,
    kind: GgmlDType,
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<PathBuf> {
    let config = text(&golden["config"]);
    let mut named = tensors::named(architecture, &config, tensors)?;
    for (name, numbers) in frequencies(&config) {
        named.insert(name.to_owned(), Tensor::new(numbers, &Device::Cpu)?);
    }
    let mut written = Vec::new();
    for (name, tensor) in &named {
        written.push((
            name.as_str(),
            QTensor::quantize(tensor, kind_of(name, tensor, kind))?,
        ));
    }
    let written: Vec<(&str, &QTensor)> = written.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let metadata = metadata::metadata(architecture, &config, folder)?;
    let metadata: Vec<(&str, &gguf_file::Value)> = metadata
        .iter()
        .map(|(key, value)| (key.as_str(), value))
        .collect();
    let path = folder.join(format!("model-{kind:?}.gguf"));
    gguf_file::write(&mut File::create(&path)?, &metadata, &written)?;
    Ok(path)
}

/// The config of what reads, with the defaults of models that see.
fn text(config: &Value) -> Value {
    let Value::Object(text) = &config["text_config"] else {
        return config.clone();
    };
    let mut text = text.clone();
    if let Some(parameters) = text.get("rope_parameters").and_then(Value::as_object).cloned() {
        text.extend(parameters);
    }
    Value::Object(text)
}

/// llama.cpp keeps vectors, convolutions and what chooses experts as plain numbers.
fn kind_of(name: &str, tensor: &Tensor, kind: GgmlDType) -> GgmlDType {
    let is_plain = [
        "conv1d",
        "ffn_gate_inp",
        "ssm_alpha",
        "ssm_beta",
        "ssm_a",
        "ssm_d",
        "ssm_norm",
    ]
    .iter()
    .any(|part| name.contains(part));
    match tensor.rank() > 1 && !is_plain && !name.ends_with(".bias") {
        true => kind,
        false => GgmlDType::F32,
    }
}

/// Tensors of what frequencies are divided by.
fn frequencies(config: &Value) -> Vec<(&'static str, Vec<f32>)> {
    let mut tensors = Vec::new();
    if let Some(divisors) = divisors(config).or_else(|| turned(config)) {
        tensors.push(("rope_freqs.weight", divisors));
    }
    for (key, name) in [
        ("long_factor", "rope_factors_long.weight"),
        ("short_factor", "rope_factors_short.weight"),
    ] {
        if let Some(factors) = config["rope_scaling"][key].as_array() {
            let factors = factors
                .iter()
                .map(|factor| factor.as_f64().unwrap_or_default() as f32);
            tensors.push((name, factors.collect()));
        }
    }
    tensors
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

/// How Gemma 4's full layers turn the first of their pairs alone: the others are divided by next to infinity.
fn turned(config: &Value) -> Option<Vec<f32>> {
    let share = config["rope_parameters"]["full_attention"]["partial_rotary_factor"].as_f64()?;
    let pairs = config["global_head_dim"].as_u64()? / 2;
    let turned = (share * pairs as f64) as u64;
    Some(
        (0..pairs)
            .map(|pair| if pair < turned { 1.0 } else { 1e30 })
            .collect(),
    )
}
