//! candle-flash-attn 0.11.1, answering to the requirement `^0.10.2` of mistral.rs 0.8.1.
//!
//! It takes and returns candle's tensors, so it must move together with the candle-core shim.
pub use real::*;
