//! safetensors 0.8.0, answering to the requirement `^0.7.0` of mistral.rs 0.8.1.
//!
//! candle 0.11.1 implements its traits for 0.8.0's types, and mistral.rs calls candle with them.
pub use real::*;
