//! candle-core 0.11.1, answering to the requirement `^0.10.2` of mistral.rs 0.8.1.
//!
//! The newer candle picks its CPU kernels at run time (AVX2, AVX-512, NEON…) and tiles rows;
//! 0.10.2 picks them at compile time, so a portable build of it is scalar. This shim goes when
//! mistral.rs publishes a release on candle 0.11 or later.
pub use real::*;
