//! The experts of a layer as a class multiplies with them: for gpt-oss gates and what they let through in one matrix, row by row
//! in turn, and a bias for each expert. Files hold both apart (llama.cpp's `conversion/gpt_oss.py`). Other classes have them apart,
//! and some files both in one.

use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{Device, Result, Tensor, bail};
use mistralrs_quant::{GgufMatMul, MXFP4Layer, QuantMethod, QuantMethodConfig};

use super::files::Files;
use super::source::{check, of_bytes};
use crate::experts::{Layer, Product};
use crate::mxfp4::{self, BLOCK, BYTES};

/// The layer of matrices `(experts, rows, columns)` whose rows lie in these tensors in turn.
///
/// # Errors
/// When one of them is not there, is of another shape or kind than the others, or cannot be read.
pub fn layer(
    files: &Files,
    names: &[String],
    shape: [usize; 3],
    device: &Device,
) -> Result<Arc<dyn QuantMethod>> {
    let [count, rows, columns] = shape;
    if let [name] = names
        && let Some((both, half)) = half(files, name)
    {
        let q_weight = half_of_each(files, &both, half, shape, device)?;
        let product = Product::Gguf(GgufMatMul::new(QuantMethodConfig::Gguf { q_weight, b: None })?);
        return Ok(Arc::new(Layer { product, bias: None }));
    }
    let weights: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
    let part = [count, rows / names.len(), columns];
    for name in &weights {
        check(name, files.shape(name), &part)?;
    }
    let bias = match bias(files, names, count, rows)? {
        Some(bias) => Some(bias.to_device(device)?),
        None => None,
    };
    if !weights.iter().all(|name| files.is_mxfp4(name)) {
        let product = Product::Gguf(GgufMatMul::new(QuantMethodConfig::Gguf {
            q_weight: Arc::new(quantised(files, &weights, shape, device)?),
            b: None,
        })?);
        return Ok(Arc::new(Layer { product, bias }));
    }
    let blocks = blocks(files, &weights, part)?;
    if device.is_cpu() {
        let product = Product::Mxfp4(mxfp4::Matrices::new(blocks, shape)?);
        return Ok(Arc::new(Layer { product, bias }));
    }
    let (blocks, scales) = mxfp4::apart(&blocks);
    Ok(Arc::new(MXFP4Layer::new(QuantMethodConfig::MXFP4 {
        blocks: Tensor::from_vec(blocks, (count, rows, columns / 2), device)?,
        scales: Tensor::from_vec(scales, (count, rows, columns / BLOCK), device)?,
        bias,
    })?))
}

/// The tensor that has gates above what they let through, and which half of each expert's rows is asked for, where a file has
/// both in one.
fn half(files: &Files, name: &str) -> Option<(String, usize)> {
    let (layer, half) = match name.strip_suffix(".ffn_gate_exps") {
        Some(layer) => (layer, 0),
        None => (name.strip_suffix(".ffn_up_exps")?, 1),
    };
    let both = format!("{layer}.ffn_gate_up_exps.weight");
    (!files.has(&format!("{name}.weight")) && files.has(&both)).then_some((both, half))
}

fn half_of_each(
    files: &Files,
    name: &str,
    half: usize,
    shape: [usize; 3],
    device: &Device,
) -> Result<Arc<QTensor>> {
    let [count, rows, columns] = shape;
    check(name, files.shape(name), &[count, 2 * rows, columns])?;
    let kind = files.kind(name)?;
    let bytes = rows * columns / kind.block_size() * kind.type_size();
    let mut halves = vec![0; count * bytes];
    for (expert, to) in halves.chunks_mut(bytes).enumerate() {
        files.read_bytes(name, (2 * expert + half) * bytes, to)?;
    }
    of_bytes(&halves, kind, &shape, device).map(Arc::new)
}

/// The biases of all experts, `(experts, rows)`.
fn bias(files: &Files, names: &[String], count: usize, rows: usize) -> Result<Option<Tensor>> {
    let names: Vec<String> = names.iter().map(|name| format!("{name}.bias")).collect();
    if !names.iter().all(|name| files.has(name)) {
        return Ok(None);
    }
    let read = |name: &String| {
        check(name, files.shape(name), &[count, rows / names.len()])?;
        files.numbers(name)
    };
    let parts = names.iter().map(read).collect::<Result<Vec<_>>>()?;
    Tensor::stack(&parts, 2)?.reshape((count, rows)).map(Some)
}

/// Blocks of MXFP4, of tensors with these sides each, read an expert at a time.
fn blocks(files: &Files, names: &[String], part: [usize; 3]) -> Result<Vec<u8>> {
    let [count, rows, columns] = part;
    let row = columns / BLOCK * BYTES;
    let mut blocks = Vec::with_capacity(count * rows * row * names.len());
    let mut parts = vec![vec![0; rows * row]; names.len()];
    for expert in 0..count {
        for (name, bytes) in names.iter().zip(&mut parts) {
            files.read_bytes(name, expert * bytes.len(), bytes)?;
        }
        in_turn(&parts, row, &mut blocks);
    }
    Ok(blocks)
}

fn quantised(files: &Files, names: &[String], shape: [usize; 3], device: &Device) -> Result<QTensor> {
    if let [name] = names {
        return files.read(name, device);
    }
    let [count, rows, columns] = shape;
    let parts = names.iter().map(|name| files.read(name, &Device::Cpu));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let kind = match &parts[..] {
        [first, others @ ..] if others.iter().all(|other| other.dtype() == first.dtype()) => first.dtype(),
        _ => bail!(
            "of {} one is quantised otherwise than another",
            names.join(" and ")
        ),
    };
    let data = parts.iter().map(QTensor::data).collect::<Result<Vec<_>>>()?;
    let row = data[0].len() * names.len() / (count * rows);
    let mut bytes = Vec::with_capacity(row * count * rows);
    in_turn(&data, row, &mut bytes);
    for name in names {
        files.let_go(name);
    }
    of_bytes(&bytes, kind, (count, rows, columns), device)
}

/// Rows of so many bytes, one of each part after the other.
fn in_turn(parts: &[impl AsRef<[u8]>], row: usize, to: &mut Vec<u8>) {
    let length = parts.first().map_or(0, |part| part.as_ref().len());
    for at in (0..length).step_by(row.max(1)) {
        for part in parts {
            to.extend_from_slice(&part.as_ref()[at..at + row]);
        }
    }
}
