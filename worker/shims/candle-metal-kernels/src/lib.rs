//! candle-metal-kernels 0.11.1, answering to the requirement `^0.10.2` of mistral.rs 0.8.1.
//!
//! mistral.rs hands candle's Metal buffers and pipelines to its own kernels, so both must have them from one crate.
pub use real::*;
