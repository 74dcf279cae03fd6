//! A layer of experts with a bias each, which mistral.rs' own have not.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use candle_core::{DType, Device, Result, Tensor, bail};
use mistralrs_quant::{
    GgufMatMul, IsqType, QuantMethod, QuantMethodConfig, QuantizeOntoGuard, QuantizedSerde,
};

use crate::mxfp4;

/// What experts are multiplied with.
#[derive(Debug)]
pub enum Product {
    /// Matrices of a type that candle knows.
    Gguf(GgufMatMul),
    /// Matrices of MXFP4, on the processor.
    Mxfp4(mxfp4::Matrices),
}

/// Experts, and what is added to each one's product.
#[derive(Debug)]
pub struct Layer {
    /// Their matrices.
    pub product: Product,
    /// `(experts, rows)`.
    pub bias: Option<Tensor>,
}

impl QuantMethod for Layer {
    fn new(_: QuantMethodConfig) -> Result<Self> {
        bail!("experts are made of a file's matrices")
    }

    fn forward(&self, _: &Tensor) -> Result<Tensor> {
        bail!("experts are asked one by one")
    }

    /// Rows of `(tokens, columns)`, `(tokens, 1, columns)` or `(tokens, asked, columns)`.
    fn gather_forward(&self, rows: &Tensor, asked: &Tensor) -> Result<Tensor> {
        let rows = match rows.rank() {
            2 => &rows.unsqueeze(1)?,
            _ => rows,
        };
        let product = match &self.product {
            Product::Mxfp4(matrices) => matrices.product(rows, asked)?,
            Product::Gguf(matrices) => matrices.gather_forward(rows, asked)?,
        };
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
        match &self.product {
            Product::Gguf(matrices) => matrices.dtype_and_device(),
            Product::Mxfp4(_) => (DType::F32, Device::Cpu),
        }
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

impl QuantizedSerde for Layer {
    fn name(&self) -> &'static str {
        "experts-with-bias"
    }
}
