//! Our products with quantised matrices in place of candle's, where there are kernels for them.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CpuStorage, Result, Storage, Tensor};
use hearth_matmul::{Halves, Kind, Matrix};
use hearth_pool::pool;
use mistralrs_quant::GGUF_MATMUL;

/// Makes mistral.rs ask here first.
pub fn install() {
    let _ = GGUF_MATMUL.set(product);
}

/// Rows of f32 of `(…, columns)` times a matrix of `(rows, columns)`, as `(…, rows)`; none for what the kernels do not know.
///
/// # Errors
/// candle's.
pub fn product(weights: &QTensor, activations: &Tensor) -> Result<Option<Tensor>> {
    let &[rows, columns] = weights.shape().dims() else {
        return Ok(None);
    };
    if !weights.device().is_cpu() {
        return Ok(None);
    }
    multiply(weights.dtype(), &weights.data()?, rows, columns, activations)
}

/// The same with a matrix of which there are the bytes.
///
/// # Errors
/// candle's.
pub fn multiply(
    kind: GgmlDType,
    data: &[u8],
    rows: usize,
    columns: usize,
    activations: &Tensor,
) -> Result<Option<Tensor>> {
    let Some((&last, outer)) = activations.dims().split_last() else {
        return Ok(None);
    };
    if last != columns || activations.elem_count() == 0 {
        return Ok(None);
    }
    let Some(matrix) = Multiplied::new(kind, data, rows, columns) else {
        return Ok(None);
    };
    let activations = activations.contiguous()?;
    let (storage, layout) = activations.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(numbers)) = &*storage else {
        return Ok(None);
    };
    let numbers = &numbers[layout.start_offset()..layout.start_offset() + layout.shape().elem_count()];
    let parallel = |parts: usize, work: &(dyn Fn(usize) + Sync)| pool().run(parts, work);
    let out = match matrix {
        Multiplied::Quantised(matrix) => matrix.multiply(numbers, parallel),
        Multiplied::Halves(matrix) => matrix.multiply(numbers, parallel),
    };
    let shape = [outer, &[rows]].concat();
    Tensor::from_vec(out, shape, activations.device()).map(Some)
}

/// What there are kernels for.
enum Multiplied<'a> {
    Quantised(Matrix<'a>),
    Halves(Halves<'a>),
}

impl<'a> Multiplied<'a> {
    fn new(of: GgmlDType, data: &'a [u8], rows: usize, columns: usize) -> Option<Self> {
        match of {
            GgmlDType::F16 => Halves::f16(data, rows, columns).map(Self::Halves),
            GgmlDType::BF16 => Halves::bf16(data, rows, columns).map(Self::Halves),
            _ => Matrix::new(kind(of)?, data, rows, columns).map(Self::Quantised),
        }
    }
}

/// How our kernels know a type of weights; none for what they do not.
pub fn kind(of: GgmlDType) -> Option<Kind> {
    match of {
        GgmlDType::Q4K => Some(Kind::Q4K),
        GgmlDType::Q5K => Some(Kind::Q5K),
        GgmlDType::Q6K => Some(Kind::Q6K),
        GgmlDType::Q8_0 => Some(Kind::Q8_0),
        GgmlDType::Q4_0 => Some(Kind::Q4_0),
        GgmlDType::Q4_1 => Some(Kind::Q4_1),
        GgmlDType::Q5_0 => Some(Kind::Q5_0),
        GgmlDType::Q5_1 => Some(Kind::Q5_1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::QMatMul;
    use candle_core::{Device, Module};

    use super::*;

    /// candle takes the activations to eight bits as well, in steps of its own: the results differ as roundings do. For blocks
    /// of 32 its steps are those of 32 activations and ours those of 256, as for all other kinds.
    #[test]
    fn the_product_is_candles_but_for_rounding() -> Result<()> {
        for kind in [
            GgmlDType::Q4K,
            GgmlDType::Q5K,
            GgmlDType::Q6K,
            GgmlDType::Q8_0,
            GgmlDType::Q4_0,
            GgmlDType::Q4_1,
            GgmlDType::Q5_0,
            GgmlDType::Q5_1,
        ] {
            let weights = Tensor::randn(0_f32, 1_f32, (96, 512), &Device::Cpu)?;
            let weights = QTensor::quantize(&weights, kind)?;
            let activations = Tensor::randn(0_f32, 1_f32, (2, 3, 512), &Device::Cpu)?;
            let Some(ours) = product(&weights, &activations)? else {
                continue;
            };
            assert_eq!(ours.dims(), [2, 3, 96]);
            let exact = activations.broadcast_matmul(&weights.dequantize(&Device::Cpu)?.t()?)?;
            let theirs = QMatMul::from_qtensor(weights)?.forward(&activations)?;
            let apart = |other: &Tensor| -> Result<f32> {
                let size = exact.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                let error = (&exact - other)?.sqr()?.mean_all()?.sqrt()?.to_scalar::<f32>()?;
                Ok(error / size)
            };
            let (ours, theirs) = (apart(&ours)?, apart(&theirs)?);
            assert!(
                ours < 0.01 && ours < 1.7 * theirs,
                "{kind:?}: {ours}, candle {theirs}"
            );
        }
        Ok(())
    }

    #[test]
    fn what_is_not_known_is_left_to_candle() -> Result<()> {
        let weights = Tensor::randn(0_f32, 1_f32, (32, 256), &Device::Cpu)?;
        let quantised = QTensor::quantize(&weights, GgmlDType::Q3K)?;
        let row = Tensor::zeros((1, 256), candle_core::DType::F32, &Device::Cpu)?;
        assert!(product(&quantised, &row)?.is_none());
        let quantised = QTensor::quantize(&weights, GgmlDType::Q4K)?;
        let short = Tensor::zeros((1, 128), candle_core::DType::F32, &Device::Cpu)?;
        assert!(product(&quantised, &short)?.is_none());
        let wide = Tensor::zeros((1, 256), candle_core::DType::F64, &Device::Cpu)?;
        assert!(product(&quantised, &wide)?.is_none());
        Ok(())
    }
}
