//! The verdict: can the engine run a model here, does it fit, how fast.
//!
//! Pure functions. A [`Shape`] is what a file's header says of the model, a [`hearth_machine::Machine`] what the
//! computer has, and [`verdict`] puts them together. The formulas follow mistral.rs 0.8.1 on candle 0.11.1, as Hearth's
//! worker runs them: KV cache in 16-bit floats, one chat at a time, no prefix cache. Each says which
//! function of theirs it copies; paths are those of mistralrs-core unless they begin with `candle`. What no source
//! tells, and had to be measured, is in `constants.rs`.
//!
//! Sizes are bytes, lengths tokens, speeds tokens a second. Arithmetic saturates: a header may claim anything.

mod constants;
mod draft;
mod held;
mod label;
mod memory;
mod quick;
mod reason;
mod shape;
mod speed;
mod verdict;

pub use draft::same_vocabulary;
pub use label::Label;
pub use memory::{CardShare, MemoryNeed};
pub use quick::{Built, four_bit_bytes, quick_label};
pub use reason::Reason;
pub use shape::{Experts, Matrices, Role, Shape, Weights};
pub use speed::{Speed, decode_speed, prompt_speed};
pub use verdict::{Basis, Measured, Plan, Verdict, verdict};

/// A product that stops at the largest number, as a hostile header's may.
fn product(factors: &[u64]) -> u64 {
    factors.iter().fold(1, |all, &factor| all.saturating_mul(factor))
}

/// A sum that stops at the largest number.
fn sum(parts: &[u64]) -> u64 {
    parts.iter().fold(0, |all, &part| all.saturating_add(part))
}
