//! candle-nn 0.11.1, answering to the requirement `^0.10.2` of mistral.rs 0.8.1.
//!
//! It must move together with the candle-core shim, whose tensors it takes and returns.
pub use real::*;
