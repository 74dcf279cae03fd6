//! The experts of a layer as gpt-oss' class multiplies with them: gates and what they let through in one matrix, row by row in
//! turn, and a bias for each expert.
//!
//! Files hold both apart (llama.cpp's `conversion/gpt_oss.py`), and blocks of MXFP4 in another order than the one in which
//! mistral.rs takes them: ggml's hold the first sixteen numbers in the lower halves of their bytes (`block_mxfp4` in
//! `ggml-common.h`), and mistral.rs', as safetensors', neighbours in each byte.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use candle_core::quantized::QTensor;
use candle_core::{DType, Device, Result, Tensor, bail};
use mistralrs_quant::{
    GgufMatMul, IsqType, MXFP4Layer, QuantMethod, QuantMethodConfig, QuantizeOntoGuard, QuantizedSerde,
};

use super::files::Files;

/// Numbers of a block.
const BLOCK: usize = 32;
/// Bytes of a block: a power of two for all its numbers, and two of them in every byte.
const BYTES: usize = 1 + BLOCK / 2;

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
    let [experts, rows, columns] = shape;
    let weights: Vec<String> = names.iter().map(|name| format!("{name}.weight")).collect();
    let part = [experts, rows / names.len(), columns];
    for name in &weights {
        super::source::check(name, files.shape(name), &part)?;
    }
    let bias = bias(files, names, experts, rows)?
        .map(|bias| bias.to_device(device))
        .transpose()?;
    if weights.iter().all(|name| files.is_mxfp4(name)) {
        let (blocks, scales) = blocks(files, &weights, part)?;
        return Ok(Arc::new(MXFP4Layer::new(QuantMethodConfig::MXFP4 {
            blocks: Tensor::from_vec(blocks, (experts, rows, columns / 2), device)?,
            scales: Tensor::from_vec(scales, (experts, rows, columns / BLOCK), device)?,
            bias,
        })?));
    }
    let tensors = weights.iter().map(|name| files.read(name, &Device::Cpu));
    let tensors = tensors.collect::<Result<Vec<_>>>()?;
    let matrix = Arc::new(in_turn(&tensors, shape, device)?);
    let product = GgufMatMul::new(QuantMethodConfig::Gguf {
        q_weight: matrix,
        b: None,
    })?;
    Ok(Arc::new(Experts { product, bias }))
}

/// The biases of all experts, `(experts, rows)`.
fn bias(files: &Files, names: &[String], experts: usize, rows: usize) -> Result<Option<Tensor>> {
    let names: Vec<String> = names.iter().map(|name| format!("{name}.bias")).collect();
    if !names.iter().all(|name| files.has(name)) {
        return Ok(None);
    }
    let part = [experts, rows / names.len()];
    let read = |name: &String| {
        super::source::check(name, files.shape(name), &part)?;
        files.numbers(name)
    };
    let parts = names.iter().map(read).collect::<Result<Vec<_>>>()?;
    Tensor::stack(&parts, 2)?.reshape((experts, rows)).map(Some)
}

/// Blocks of u8 `(experts, rows, columns / 2)`, and a power of two for each, of tensors with these sides each.
fn blocks(files: &Files, names: &[String], part: [usize; 3]) -> Result<(Vec<u8>, Vec<u8>)> {
    let [experts, rows, columns] = part;
    let in_row = columns / BLOCK;
    let count = experts * rows * names.len() * in_row;
    let (mut blocks, mut scales) = (Vec::with_capacity(count * BLOCK / 2), Vec::with_capacity(count));
    let mut of_expert = vec![vec![0; rows * in_row * BYTES]; names.len()];
    for expert in 0..experts {
        for (name, bytes) in names.iter().zip(&mut of_expert) {
            files.read_bytes(name, expert * bytes.len(), bytes)?;
        }
        for row in 0..rows {
            for bytes in &of_expert {
                let row = &bytes[row * in_row * BYTES..][..in_row * BYTES];
                for (scale, halves) in row.chunks_exact(BYTES).filter_map(|block| block.split_first()) {
                    scales.push(*scale);
                    let pairs = || halves.chunks_exact(2);
                    blocks.extend(pairs().map(|pair| (pair[0] & 15) | (pair[1] << 4)));
                    blocks.extend(pairs().map(|pair| (pair[0] >> 4) | (pair[1] & 0xF0)));
                }
            }
        }
    }
    Ok((blocks, scales))
}

/// Matrices of one kind, row by row in turn.
fn in_turn(parts: &[QTensor], shape: [usize; 3], device: &Device) -> Result<QTensor> {
    let [experts, rows, columns] = shape;
    let Some(first) = parts.first() else {
        bail!("there are no experts");
    };
    if parts.iter().any(|part| part.dtype() != first.dtype()) {
        bail!("its experts' gates are quantised otherwise than what they let through");
    }
    let data = parts.iter().map(QTensor::data).collect::<Result<Vec<_>>>()?;
    let row = data[0].len() / (experts * rows / parts.len());
    let mut bytes = Vec::with_capacity(experts * rows * row);
    for at in 0..experts * rows / parts.len() {
        for part in &data {
            bytes.extend_from_slice(&part[at * row..(at + 1) * row]);
        }
    }
    super::source::of_bytes(&bytes, first.dtype(), (experts, rows, columns), device)
}

/// Experts with a bias each.
#[derive(Debug)]
struct Experts {
    product: GgufMatMul,
    /// `(experts, rows)`.
    bias: Option<Tensor>,
}

impl QuantMethod for Experts {
    fn new(_: QuantMethodConfig) -> Result<Self> {
        bail!("experts are made of a file's matrices")
    }

    fn forward(&self, _: &Tensor) -> Result<Tensor> {
        bail!("experts are asked for one by one")
    }

    fn gather_forward(&self, rows: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let rows = match rows.rank() {
            2 => rows.unsqueeze(1)?,
            _ => rows.clone(),
        };
        let product = self.product.gather_forward(&rows, asked)?;
        let Some(bias) = &self.bias else {
            return Ok(product);
        };
        let bias = bias.index_select(&asked.flatten_all()?, 0)?;
        &product + bias.reshape(product.shape())?.to_dtype(product.dtype())?
    }

    fn quantized_act_type(&self) -> Option<DType> {
        Some(DType::F32)
    }

    fn dtype_and_device(&self) -> (DType, Device) {
        self.product.dtype_and_device()
    }

    fn dequantize_w(&self) -> Result<Tensor> {
        bail!("experts give products alone")
    }

    fn add_delta_w(&self, _: &Tensor) -> Result<Arc<dyn QuantMethod>> {
        bail!("experts give products alone")
    }

    fn apply_isq(
        self: Arc<Self>,
        _: Option<IsqType>,
        _: Device,
        _: &AtomicUsize,
        _: Option<Vec<f32>>,
        _: QuantizeOntoGuard,
    ) -> Result<Arc<dyn QuantMethod>> {
        // They stay as they are in the file.
        Ok(self)
    }
}

impl QuantizedSerde for Experts {
    fn name(&self) -> &'static str {
        "gguf-file-experts"
    }
}
