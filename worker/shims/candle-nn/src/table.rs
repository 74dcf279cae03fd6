use std::sync::Arc;

use candle_core::quantized::QTensor;
use candle_core::{Module, Result, Tensor};
use real::VarBuilder;

/// A table of embeddings, of `(tokens, width)`: of numbers, as candle's, or as it is quantised, of which single rows are made
/// numbers when they are asked for.
#[derive(Clone, Debug)]
pub struct Embedding {
    numbers: real::Embedding,
    quantised: Option<Arc<QTensor>>,
}

impl Embedding {
    /// A table of numbers.
    pub fn new(embeddings: Tensor, hidden_size: usize) -> Self {
        Self {
            numbers: real::Embedding::new(embeddings, hidden_size),
            quantised: None,
        }
    }

    /// A quantised table.
    ///
    /// # Errors
    /// candle's.
    pub fn quantised(table: Arc<QTensor>, hidden_size: usize) -> Result<Self> {
        let none = Tensor::zeros((0, hidden_size), candle_core::DType::F32, &table.device())?;
        Ok(Self {
            quantised: Some(table),
            ..Self::new(none, hidden_size)
        })
    }

    /// The numbers of a table of numbers; of a quantised one none, `(0, width)`.
    pub fn embeddings(&self) -> &Tensor {
        self.numbers.embeddings()
    }

    /// Numbers of one embedding.
    pub fn hidden_size(&self) -> usize {
        self.numbers.hidden_size()
    }
}

impl Module for Embedding {
    fn forward(&self, indexes: &Tensor) -> Result<Tensor> {
        match &self.quantised {
            Some(table) => table.embedding(indexes),
            None => self.numbers.forward(indexes),
        }
    }
}

/// As candle's, of numbers.
///
/// # Errors
/// When the builder has no such tensor.
pub fn embedding(in_size: usize, out_size: usize, vb: VarBuilder) -> Result<Embedding> {
    let numbers = real::embedding(in_size, out_size, vb)?;
    Ok(Embedding {
        numbers,
        quantised: None,
    })
}
