//! Our quantisation of weights in place of candle's, while they are read.

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{CpuStorage, Device, Result, Storage, Tensor};
use hearth_pool::pool;
use hearth_quantise::{Numbers, quantise as to_blocks};
use mistralrs_quant::GGUF_QUANTISE;

use crate::matmul;

/// Makes mistral.rs ask here first.
pub fn install() {
    let _ = GGUF_QUANTISE.set(quantise);
}

/// A tensor of any shape whose last dimension is a whole number of blocks; none for kinds that are candle's alone.
///
/// # Errors
/// candle's.
pub fn quantise(weights: &Tensor, kind: GgmlDType) -> Result<Option<QTensor>> {
    let Some(ours) = matmul::kind(kind) else {
        return Ok(None);
    };
    let whole_rows = (weights.dims().last()).is_some_and(|columns| columns.is_multiple_of(ours.block().0));
    if !weights.device().is_cpu() || !whole_rows {
        return Ok(None);
    }
    let flat = weights.contiguous()?;
    let (storage, layout) = flat.storage_and_layout();
    let place = layout.start_offset()..layout.start_offset() + layout.shape().elem_count();
    let numbers = match &*storage {
        Storage::Cpu(CpuStorage::F32(numbers)) => Numbers::F32(&numbers[place]),
        Storage::Cpu(CpuStorage::F16(numbers)) => Numbers::F16(&numbers[place]),
        Storage::Cpu(CpuStorage::BF16(numbers)) => Numbers::BF16(&numbers[place]),
        _ => return Ok(None),
    };
    let Some(blocks) = to_blocks(ours, numbers, |parts, part| pool().run(parts, part)) else {
        return Ok(None);
    };
    let storage = QStorage::from_data(blocks.into(), &Device::Cpu, kind)?;
    QTensor::new(storage, weights.shape()).map(Some)
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;

    /// Experts lie together, and some tensors are seen the other way round.
    #[test]
    fn any_shape_and_width_is_quantised_row_by_row() -> Result<()> {
        let floats = Tensor::randn(0_f32, 1_f32, (3, 256, 16), &Device::Cpu)?;
        let turned = floats.transpose(1, 2)?;
        for kind in [GgmlDType::Q4K, GgmlDType::Q5K, GgmlDType::Q6K, GgmlDType::Q8_0] {
            for width in [DType::F32, DType::F16, DType::BF16] {
                let weights = turned.to_dtype(width)?;
                let Some(ours) = quantise(&weights, kind)? else {
                    candle_core::bail!("{kind:?} of {width:?} is not known");
                };
                assert_eq!((ours.shape().dims(), ours.dtype()), (&[3, 16, 256][..], kind));
                let back = ours.dequantize(&Device::Cpu)?;
                let error = (back - &turned)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
                assert!(error < 0.01, "{kind:?} of {width:?}: {error}");
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_left_to_candle() -> Result<()> {
        let weights = Tensor::zeros((4, 256), DType::F32, &Device::Cpu)?;
        assert!(quantise(&weights, GgmlDType::Q4_0)?.is_none());
        let narrow = Tensor::zeros((4, 64), DType::F32, &Device::Cpu)?;
        assert!(quantise(&narrow, GgmlDType::Q4K)?.is_none());
        let counts = Tensor::zeros((4, 256), DType::U32, &Device::Cpu)?;
        assert!(quantise(&counts, GgmlDType::Q8_0)?.is_none());
        Ok(())
    }
}
