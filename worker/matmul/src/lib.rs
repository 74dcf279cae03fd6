//! Products of activations with quantised matrices, which are most of what a language model does.
//!
//! The matrices stay as GGUF files hold them: nothing is held twice and nothing is done at loading. A block of weights is
//! unpacked once for up to twelve rows of activations, so that a pass over a few tokens takes little longer than one over a
//! single token. A row's result does not depend on how many others are multiplied with it, to the last bit: a draft that
//! is verified in one pass says what single passes would have said. From [`MANY`] rows on, which only prompts have, AVX-512
//! unpacks eight or sixteen rows of weights for all of them (`packed.rs`).
//!
//! Kernels: AVX-512 (BW) with VNNI and without, and AVX2 with F16C. On other processors [`Matrix::new`] gives nothing. Plain
//! numbers of 16 bits ([`Halves`]) are multiplied with on every processor.

#![allow(
    unsafe_code,
    reason = "vector instructions, and threads that each write a part of one result"
)]

mod activations;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
#[cfg(target_arch = "x86_64")]
mod groups;
mod halves;
#[cfg(target_arch = "x86_64")]
mod kernels;
mod multiply;
mod packed;
#[cfg(target_arch = "x86_64")]
mod two;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub use activations::{Activations, BLOCK, Order};
pub use blocks::{Kind, MXFP4_HALVES};
pub use halves::Halves;
pub use multiply::{MANY, Matrix};
