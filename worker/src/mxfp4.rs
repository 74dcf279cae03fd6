//! Experts of MXFP4, four bits a number: blocks of 32 with a power of two each (Open Compute Project, "Microscaling Formats",
//! version 1.0). On the processor they lie as GGUF files hold them, whatever they come from: the power first, then sixteen bytes
//! whose lower halves are the first sixteen numbers (`block_mxfp4` in ggml's `ggml-common.h`). Safetensors, and mistral.rs on
//! cards, hold the powers apart and neighbours in each byte.

use std::sync::Arc;

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use hearth_matmul::{Kind, MXFP4_HALVES, Matrix};
use hearth_pool::pool;
use mistralrs_quant::{MXFP4_EXPERTS, QuantMethod};

use crate::experts::{self, Layer, Product};

/// Numbers that share a power of two.
pub const BLOCK: usize = 32;
/// Bytes of a block.
pub const BYTES: usize = 1 + BLOCK / 2;

/// Makes mistral.rs' layers on the processor.
pub fn install() {
    let _ = MXFP4_EXPERTS.set(layer);
}

/// Blocks of u8 `(experts, rows, columns / 2)` with powers of u8 `(experts, rows, columns / 32)` and perhaps a bias `(experts,
/// rows)`, as safetensors hold them.
fn layer(blocks: &Tensor, powers: &Tensor, bias: Option<Tensor>) -> Result<Arc<dyn QuantMethod>> {
    let (count, rows, half) = blocks.dims3()?;
    let shape = [count, rows, 2 * half];
    let (blocks, powers) = (blocks.flatten_all()?, powers.flatten_all()?);
    let (blocks, powers) = (blocks.storage_and_layout(), powers.storage_and_layout());
    let matrices = Matrices::new(joined(bytes(&blocks)?, bytes(&powers)?), shape)?;
    Ok(Arc::new(Layer {
        product: Product::Mxfp4(matrices),
        bias,
    }))
}

fn bytes<'a>(
    (storage, layout): &'a (impl std::ops::Deref<Target = Storage>, &candle_core::Layout),
) -> Result<&'a [u8]> {
    match (&**storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::U8(bytes)), Some((start, end))) => Ok(&bytes[start..end]),
        _ => bail!("experts are not bytes in this computer's own memory"),
    }
}

/// Blocks as GGUF files hold them, of those of safetensors and their powers.
fn joined(blocks: &[u8], powers: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(powers.len() * BYTES);
    for (block, power) in blocks.chunks_exact(BYTES - 1).zip(powers) {
        let (first, second) = block.split_at(block.len() / 2);
        joined.push(*power);
        for (first, second) in first.iter().zip(second) {
            joined.push((first & 15) | (second << 4));
            joined.push((first >> 4) | (second & 0xF0));
        }
    }
    joined
}

/// Blocks as safetensors hold them, and their powers, of those of GGUF files.
pub fn apart(joined: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let count = joined.len() / BYTES;
    let (mut blocks, mut powers) = (Vec::with_capacity(count * (BYTES - 1)), Vec::with_capacity(count));
    for (power, block) in joined.chunks_exact(BYTES).filter_map(|block| block.split_first()) {
        let pairs = || block.chunks_exact(2);
        powers.push(*power);
        blocks.extend(pairs().map(|pair| (pair[0] & 15) | (pair[1] << 4)));
        blocks.extend(pairs().map(|pair| (pair[0] >> 4) | (pair[1] & 0xF0)));
    }
    (blocks, powers)
}

/// The matrices of a layer's experts.
#[derive(Debug)]
pub struct Matrices {
    data: Vec<u8>,
    count: usize,
    rows: usize,
    columns: usize,
}

impl Matrices {
    /// Of blocks as GGUF files hold them, one matrix `(rows, columns)` after the other.
    ///
    /// # Errors
    /// When there are not as many bytes as the shape needs.
    pub fn new(data: Vec<u8>, shape: [usize; 3]) -> Result<Self> {
        let [count, rows, columns] = shape;
        let wanted = (columns / BLOCK * BYTES)
            .checked_mul(rows)
            .and_then(|bytes| bytes.checked_mul(count));
        if !columns.is_multiple_of(BLOCK) || wanted != Some(data.len()) {
            bail!("{} bytes are not experts of {shape:?}", data.len());
        }
        Ok(Self {
            data,
            count,
            rows,
            columns,
        })
    }

    /// Rows of `(tokens, 1, columns)` or `(tokens, asked, columns)` times the matrices that `ids`, u32 of `(tokens, asked)`, names:
    /// `(tokens, asked, rows)`.
    ///
    /// # Errors
    /// Those of [`experts::asked`].
    pub fn product(&self, activations: &Tensor, ids: &Tensor) -> Result<Tensor> {
        if activations.dims().last() != Some(&self.columns) {
            bail!(
                "experts of {} columns do not multiply {activations:?}",
                self.columns
            );
        }
        let multiply = |expert: usize, rows: &Tensor| self.multiply(expert, rows);
        let product = experts::asked(
            ids,
            (self.count, self.rows),
            &activations.to_dtype(DType::F32)?,
            multiply,
        )?;
        product.to_dtype(activations.dtype())
    }

    /// Rows times one of the matrices.
    fn multiply(&self, expert: usize, activations: &Tensor) -> Result<Tensor> {
        let bytes = self.data.len() / self.count;
        let data = &self.data[expert * bytes..(expert + 1) * bytes];
        let Some(matrix) = Matrix::new(Kind::Mxfp4, data, self.rows, self.columns) else {
            // Processors that there are no kernels for.
            let numbers = Tensor::from_vec(numbers(data), (self.rows, self.columns), &Device::Cpu)?;
            return activations.matmul(&numbers.t()?);
        };
        let rows: Vec<f32> = activations.flatten_all()?.to_vec1()?;
        let product = matrix.multiply(&rows, |parts, work| pool().run(parts, work));
        Tensor::from_vec(product, (activations.dim(0)?, self.rows), &Device::Cpu)
    }
}

/// What blocks stand for.
fn numbers(data: &[u8]) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(data.len() / BYTES * BLOCK);
    for (power, block) in data.chunks_exact(BYTES).filter_map(|block| block.split_first()) {
        let half = f32::from_bits(u32::from(power.saturating_sub(1)) << 23);
        let number = |bits: u8| f32::from(MXFP4_HALVES[usize::from(bits)]) * half;
        numbers.extend(block.iter().map(|byte| number(byte & 15)));
        numbers.extend(block.iter().map(|byte| number(byte >> 4)));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use candle_core::IndexOp;

    use super::*;

    const SHAPE: [usize; 3] = [3, 70, 96];

    /// Experts as safetensors hold them, and their numbers, made one by one as the format says.
    fn experts() -> Result<(Tensor, Tensor, Tensor)> {
        let [count, rows, columns] = SHAPE;
        let bytes: Vec<u8> = (0..count * rows * columns / 2)
            .map(|i| (i * 37 % 251) as u8)
            .collect();
        let powers: Vec<u8> = (0..count * rows * columns / BLOCK)
            .map(|i| 120 + (i % 11) as u8)
            .collect();
        let mut exact = Vec::new();
        for (bytes, &power) in bytes.chunks(BLOCK / 2).zip(&powers) {
            for byte in bytes {
                for bits in [byte & 15, byte >> 4] {
                    // Sign, exponent and mantissa one by one: 2^(e - 1) * (1 + m / 2), and without a one before it for e = 0.
                    let (exponent, mantissa) = (f32::from(bits >> 1 & 3), f32::from(bits & 1));
                    let size = match exponent {
                        0.0 => mantissa / 2.0,
                        _ => (exponent - 1.0).exp2() * (1.0 + mantissa / 2.0),
                    };
                    let sign = if bits > 7 { -1.0 } else { 1.0 };
                    exact.push(sign * size * (f32::from(power) - 127.0).exp2());
                }
            }
        }
        let device = Device::Cpu;
        Ok((
            Tensor::from_vec(bytes, (count, rows, columns / 2), &device)?,
            Tensor::from_vec(powers, (count, rows, columns / BLOCK), &device)?,
            Tensor::from_vec(exact, &SHAPE, &device)?,
        ))
    }

    #[test]
    fn every_token_gets_what_its_experts_give() -> Result<()> {
        let device = Device::Cpu;
        let (blocks, powers, exact) = experts()?;
        let bias = Tensor::randn(0_f32, 1_f32, (3, 70), &device)?;
        let layer = layer(&blocks, &powers, Some(bias.clone()))?;
        let ids = Tensor::new(&[[2u32, 0], [1, 2], [0, 2], [2, 1]], &device)?;
        for shape in [vec![4, 96], vec![4, 2, 96]] {
            let activations = Tensor::randn(0_f32, 1_f32, shape, &device)?;
            let ours = layer.gather_forward(&activations, &ids)?;
            for (token, asked) in ids.to_vec2::<u32>()?.into_iter().enumerate() {
                for (slot, expert) in asked.into_iter().enumerate() {
                    let row = match activations.rank() {
                        2 => activations.i(token)?,
                        _ => activations.i((token, slot))?,
                    };
                    let right = exact.i(expert as usize)?.matmul(&row.unsqueeze(1)?)?.squeeze(1)?;
                    let right = (right + bias.i(expert as usize)?)?;
                    let apart = (ours.i((token, slot))? - &right)?;
                    let apart = apart.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                    let size = right.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                    // Activations are taken to eight bits.
                    assert!(
                        apart < 0.015 * size,
                        "token {token}, expert {expert}: {apart} of {size}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn both_orders_hold_the_same_numbers() -> Result<()> {
        let (blocks, powers, exact) = experts()?;
        let (blocks, powers): (Vec<u8>, Vec<u8>) =
            (blocks.flatten_all()?.to_vec1()?, powers.flatten_all()?.to_vec1()?);
        let joined = joined(&blocks, &powers);
        assert_eq!(numbers(&joined), exact.flatten_all()?.to_vec1::<f32>()?);
        assert_eq!(apart(&joined), (blocks, powers));
        Ok(())
    }

    #[test]
    fn experts_of_other_shapes_are_an_error() -> Result<()> {
        let device = Device::Cpu;
        let matrices = Matrices::new(vec![0; 2 * 8 * BYTES], [2, 8, 32])?;
        let row = Tensor::zeros((1, 1, 32), DType::F32, &device)?;
        let ids = Tensor::new(&[[1u32]], &device)?;
        assert_eq!(matrices.product(&row, &ids)?.dims(), [1, 1, 8]);
        assert!(matrices.product(&row, &Tensor::new(&[[2u32]], &device)?).is_err());
        assert!(matrices.product(&row.narrow(2, 0, 16)?, &ids).is_err());
        for shape in [[2, 8, 64], [2, 8, 31], [usize::MAX, 8, 32]] {
            assert!(Matrices::new(vec![0; 2 * 8 * BYTES], shape).is_err());
        }
        Ok(())
    }
}
