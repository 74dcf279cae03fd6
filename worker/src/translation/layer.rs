//! Layers that mistral.rs has no kind of: of matrices whose columns lie in another order than what they are multiplied with,
//! of two that may be quantised in different ways where the class has one, and of plain numbers of 16 bits, of which it would
//! make twice as large ones.
//!
//! Blocks of quantised numbers go along a row and may be wider than what changed places, so that the matrix cannot be put in
//! order; what it is multiplied with can.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{D, DType, Device, Result, Tensor, bail};
use mistralrs_quant::{
    GgufMatMul, IsqType, QuantMethod, QuantMethodConfig, QuantizeOntoGuard, QuantizedSerde,
};

use super::places::Exchanged;
use crate::matmul;

/// The layer of a matrix as it is in the file, `(out, in)` or `(experts, out, in)`.
///
/// # Errors
/// candle's.
pub fn of(
    matrix: Arc<QTensor>,
    bias: Option<Tensor>,
    columns: Option<Exchanged>,
) -> Result<Arc<dyn QuantMethod>> {
    let is_halves = matches!(matrix.dtype(), GgmlDType::F16 | GgmlDType::BF16);
    let is_halves = is_halves && matrix.shape().rank() == 2 && matrix.device().is_cpu();
    let product = match is_halves {
        true => Product::Halves { matrix, bias },
        false => Product::Gguf(GgufMatMul::new(QuantMethodConfig::Gguf {
            q_weight: matrix,
            b: bias,
        })?),
    };
    Ok(match (product, columns) {
        (Product::Gguf(layer), None) => Arc::new(layer),
        (product, columns) => Arc::new(Layer { product, columns }),
    })
}

/// Two layers that take the same: what the second gives stands behind what the first does.
pub fn both(first: Arc<dyn QuantMethod>, second: Arc<dyn QuantMethod>) -> Arc<dyn QuantMethod> {
    Arc::new(Layer {
        product: Product::Both(first, second),
        columns: None,
    })
}

#[derive(Debug)]
enum Product {
    Gguf(GgufMatMul),
    Both(Arc<dyn QuantMethod>, Arc<dyn QuantMethod>),
    Halves {
        matrix: Arc<QTensor>,
        bias: Option<Tensor>,
    },
}

#[derive(Debug)]
struct Layer {
    product: Product,
    /// What was done to the matrix' columns.
    columns: Option<Exchanged>,
}

impl QuantMethod for Layer {
    fn new(_: QuantMethodConfig) -> Result<Self> {
        bail!("the layer of a file's matrix is made of that")
    }

    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let ordered = match self.columns {
            Some(columns) => exchanged(rows, columns)?,
            None => rows.clone(),
        };
        match &self.product {
            Product::Gguf(layer) => layer.forward(&ordered),
            Product::Both(first, second) => {
                Tensor::cat(&[first.forward(&ordered)?, second.forward(&ordered)?], D::Minus1)
            }
            Product::Halves { matrix, bias } => {
                let Some(product) = matmul::product(matrix, &ordered)? else {
                    bail!(
                        "{:?} cannot be multiplied with {:?}",
                        ordered.shape(),
                        matrix.shape()
                    );
                };
                match bias {
                    Some(bias) => product.broadcast_add(bias),
                    None => Ok(product),
                }
            }
        }
    }

    fn quantized_act_type(&self) -> Option<DType> {
        Some(DType::F32)
    }

    fn dtype_and_device(&self) -> (DType, Device) {
        match &self.product {
            Product::Gguf(layer) => layer.dtype_and_device(),
            Product::Both(first, _) => first.dtype_and_device(),
            Product::Halves { matrix, .. } => (DType::F32, matrix.device()),
        }
    }

    fn dequantize_w(&self) -> Result<Tensor> {
        bail!("this layer gives products alone")
    }

    fn add_delta_w(&self, _: &Tensor) -> Result<Arc<dyn QuantMethod>> {
        bail!("this layer gives products alone")
    }

    fn apply_isq(
        self: Arc<Self>,
        _: Option<IsqType>,
        _: Device,
        _: &AtomicUsize,
        _: Option<Vec<f32>>,
        _: QuantizeOntoGuard,
    ) -> Result<Arc<dyn QuantMethod>> {
        // It stays as it is in the file.
        Ok(self)
    }
}

impl QuantizedSerde for Layer {
    fn name(&self) -> &'static str {
        "gguf-file"
    }
}

/// Rows of numbers in the order of a file's columns.
fn exchanged(rows: &Tensor, columns: Exchanged) -> Result<Tensor> {
    let Exchanged {
        outer, inner, width, ..
    } = columns;
    let count = rows.elem_count() / rows.dim(D::Minus1)?;
    let grid = rows.reshape((count, outer, inner, width))?;
    grid.transpose(1, 2)?.reshape(rows.dims())
}
