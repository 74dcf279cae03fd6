//! candle-nn 0.11.1, answering to the requirement `^0.10.2` of mistral.rs 0.8.1.
//!
//! It must move together with the candle-core shim, whose tensors it takes and returns. Its table of embeddings may be
//! quantised, which is candle's in all else: the classes of models that mistral.rs has for safetensors hold one by that name.
pub use real::*;

mod table;
pub use table::{Embedding, embedding};
