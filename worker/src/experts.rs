//! Products with the experts that a token asks, and with no other.

mod layer;

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{QMatMul, QStorage, QTensor};
use candle_core::{CpuStorage, DType, Device, IndexOp, Module, Result, Storage, Tensor};
use mistralrs_quant::GGUF_EXPERTS;

use crate::matmul;
pub use layer::{Layer, Product};

/// Makes mistral.rs ask here first.
pub fn install() {
    let _ = GGUF_EXPERTS.set(product);
}

/// Rows of f32 of `(tokens, 1 or asked, columns)` times matrices of `(experts, rows, columns)`, those that `ids`, u32 of
/// `(tokens, asked)`, names: `(tokens, asked, rows)`. None for what does not lie in this computer's own memory.
///
/// # Errors
/// candle's, and when an expert is named that there is not.
pub fn product(weights: &QMatMul, activations: &Tensor, ids: &Tensor) -> Result<Option<Tensor>> {
    if !activations.device().is_cpu() || activations.dtype() != DType::F32 {
        return Ok(None);
    }
    if activations.rank() != 3 || ids.rank() != 2 {
        return Ok(None);
    }
    let experts = Experts::of(weights)?;
    let multiply = |expert: usize, rows: &Tensor| experts.multiply(expert, rows);
    asked(ids, (experts.count, experts.rows), activations, multiply).map(Some)
}

/// Rows of f32 of `(tokens, 1 or asked, columns)` times those of `count` matrices of so many `rows` that `ids`, u32 of `(tokens,
/// asked)`, names: `(tokens, asked, rows)`. `multiply` gives the product of rows `(some, columns)` with one of the matrices.
///
/// # Errors
/// candle's, those of `multiply`, and when an expert is named that there is not.
pub fn asked(
    ids: &Tensor,
    (count, rows): (usize, usize),
    activations: &Tensor,
    multiply: impl Fn(usize, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let ((tokens, asked), (given, shared, columns)) = (ids.dims2()?, activations.dims3()?);
    if given != tokens || (shared != 1 && shared != asked) {
        candle_core::bail!("{tokens} tokens ask {asked} experts of {activations:?}");
    }
    let flat = activations.reshape((tokens * shared, columns))?;
    let mut out = vec![0.0; tokens * asked * rows];
    let asking = asking(ids, count)?;
    for (expert, places) in asking.iter().enumerate().filter(|(_, places)| !places.is_empty()) {
        // A row for each time that the expert was asked: the token's only one, or that of its asking.
        let of = |&place: &u32| if shared == 1 { place / asked as u32 } else { place };
        let from: Vec<u32> = places.iter().map(of).collect();
        let from = Tensor::from_vec(from, places.len(), &Device::Cpu)?;
        let product = multiply(expert, &flat.index_select(&from, 0)?)?.contiguous()?;
        let (storage, layout) = product.storage_and_layout();
        let Storage::Cpu(CpuStorage::F32(numbers)) = &*storage else {
            candle_core::bail!("an expert's product is no longer of 32 bits");
        };
        let numbers = numbers[layout.start_offset()..].chunks_exact(rows);
        for (&place, numbers) in places.iter().zip(numbers) {
            let at = place as usize * rows;
            out[at..at + rows].copy_from_slice(numbers);
        }
    }
    Tensor::from_vec(out, (tokens, asked, rows), activations.device())
}

/// By expert, where in `ids` it is asked.
///
/// # Errors
/// candle's, and when an expert is named that there is not.
fn asking(ids: &Tensor, experts: usize) -> Result<Vec<Vec<u32>>> {
    let mut asking = vec![Vec::new(); experts];
    for (place, id) in (0..).zip(ids.flatten_all()?.to_vec1::<u32>()?) {
        match asking.get_mut(id as usize) {
            Some(places) => places.push(place),
            None => candle_core::bail!("expert {id} was asked, of {experts}"),
        }
    }
    Ok(asking)
}

/// The matrices of a layer's experts.
struct Experts<'a> {
    weights: &'a QMatMul,
    count: usize,
    rows: usize,
    columns: usize,
}

impl<'a> Experts<'a> {
    fn of(weights: &'a QMatMul) -> Result<Self> {
        let (count, rows, columns) = match weights {
            QMatMul::QTensor(weights) => weights.shape().dims3()?,
            QMatMul::Tensor(weights) | QMatMul::TensorF16(weights) => weights.dims3()?,
        };
        Ok(Self {
            weights,
            count,
            rows,
            columns,
        })
    }

    /// Rows times one of the matrices.
    fn multiply(&self, expert: usize, activations: &Tensor) -> Result<Tensor> {
        let weights = match self.weights {
            QMatMul::QTensor(weights) => weights,
            QMatMul::Tensor(weights) | QMatMul::TensorF16(weights) => {
                let weights = weights.i(expert)?.to_dtype(DType::F32)?;
                return activations.matmul(&weights.t()?);
            }
        };
        let data = weights.data()?;
        let bytes = data.len() / self.count;
        let data = &data[expert * bytes..(expert + 1) * bytes];
        let kind = weights.dtype();
        if let Some(product) = matmul::multiply(kind, data, self.rows, self.columns, activations)? {
            return Ok(product);
        }
        // candle multiplies with whole tensors: this one's bytes are copied, and no other's.
        let storage = QStorage::from_data(Cow::Borrowed(data), &Device::Cpu, kind)?;
        let weights = QTensor::new(storage, (self.rows, self.columns))?;
        QMatMul::from_arc(Arc::new(weights))?.forward(activations)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;

    use super::*;

    /// What each token gets of each expert that it asks, as with one product for each.
    fn one_by_one(weights: &Tensor, activations: &Tensor, ids: &Tensor) -> Result<Tensor> {
        let mut tokens = Vec::new();
        for (token, asked) in ids.to_vec2::<u32>()?.iter().enumerate() {
            let mut rows = Vec::new();
            for (slot, &expert) in asked.iter().enumerate() {
                let slot = slot.min(activations.dim(1)? - 1);
                let row = activations.i((token, slot))?.unsqueeze(0)?;
                rows.push(row.matmul(&weights.i(expert as usize)?.t()?)?);
            }
            tokens.push(Tensor::cat(&rows, 0)?);
        }
        Tensor::stack(&tokens, 0)
    }

    /// Q3_K is candle's own, floats are nobody's kernel, and the rest is ours.
    #[test]
    fn every_token_gets_what_its_experts_give() -> Result<()> {
        let device = Device::Cpu;
        let ids = Tensor::new(&[[2u32, 0], [2, 3], [3, 2], [0, 2], [2, 1]], &device)?;
        let floats = Tensor::randn(0_f32, 1_f32, (4, 48, 256), &device)?;
        for kind in [GgmlDType::Q8_0, GgmlDType::Q4K, GgmlDType::Q3K, GgmlDType::F16] {
            let weights = QTensor::quantize(&floats, kind)?;
            let exact = weights.dequantize(&device)?;
            let weights = QMatMul::from_qtensor(weights)?;
            for shared in [1, 2] {
                let activations = Tensor::randn(0_f32, 1_f32, (5, shared, 256), &device)?;
                let right = one_by_one(&exact, &activations, &ids)?;
                let Some(ours) = product(&weights, &activations, &ids)? else {
                    candle_core::bail!("{kind:?} is not known");
                };
                assert_eq!(ours.dims(), [5, 2, 48]);
                let size = right.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                let error = (&right - ours)?.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                assert!(error < 0.015 * size, "{kind:?}, {shared}: {error} of {size}");
            }
        }
        Ok(())
    }

    #[test]
    fn an_expert_that_there_is_not_is_an_error() -> Result<()> {
        let weights = QMatMul::Tensor(Tensor::zeros((2, 8, 32), DType::F32, &Device::Cpu)?);
        let row = Tensor::zeros((1, 1, 32), DType::F32, &Device::Cpu)?;
        let ids = Tensor::new(&[[2u32]], &Device::Cpu)?;
        assert!(product(&weights, &row, &ids).is_err());
        Ok(())
    }
}
