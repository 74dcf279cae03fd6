//! Weights to blocks of a few bits each, as GGUF files hold them and `hearth-matmul` multiplies them.
//!
//! A block's scale is searched for: of some that are tried, the one with which the numbers are off by least is taken. The search
//! is `search.rs`, what lies where in a block `blocks.rs`. Both are compiled for AVX-512, for AVX2 and for any processor, and
//! give the same bytes on all.

#![allow(unsafe_code, reason = "vector instructions")]

mod blocks;
mod search;

use std::sync::{Mutex, PoisonError};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
pub use hearth_matmul::Kind;

use blocks::BLOCK;

/// Weights as a model's files hold them.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// 32 bits.
    F32(&'a [f32]),
    /// 16 bits.
    F16(&'a [f16]),
    /// The upper 16 of 32 bits.
    BF16(&'a [bf16]),
}

impl Numbers<'_> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::F16(numbers) => numbers.len(),
            Self::BF16(numbers) => numbers.len(),
        }
    }
}

/// Weights that one thread takes at a time: a multiple of two blocks of every kind.
const PIECE: usize = 64 * BLOCK;

/// Quantises weights, block after block. `parallel` calls the function it is given, at once or one after the other, with each
/// number below the one it is given.
///
/// What is no number becomes zero; what is more than 65504, as infinity is, becomes that.
///
/// None when the weights are no whole number of blocks, or of a kind that is read and not written.
#[must_use]
pub fn quantise(
    kind: Kind,
    numbers: Numbers<'_>,
    parallel: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
) -> Option<Vec<u8>> {
    quantise_with(best_for(kind)?, kind, numbers, parallel)
}

/// The same without vectors of the processor's: for tests.
#[must_use]
pub fn quantise_plainly(kind: Kind, numbers: Numbers<'_>) -> Option<Vec<u8>> {
    quantise_with(plain(kind)?, kind, numbers, |parts, part| {
        (0..parts).for_each(part)
    })
}

fn quantise_with(
    kernel: Kernel,
    kind: Kind,
    numbers: Numbers<'_>,
    parallel: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
) -> Option<Vec<u8>> {
    let (weights, bytes) = kind.block();
    if !numbers.count().is_multiple_of(weights) {
        return None;
    }
    let mut out = vec![0; numbers.count() / weights * bytes];
    let pieces: Vec<_> = out.chunks_mut(PIECE / weights * bytes).map(Mutex::new).collect();
    parallel(pieces.len(), &|piece| {
        let mut out = pieces[piece].lock().unwrap_or_else(PoisonError::into_inner);
        let place = piece * PIECE..numbers.count().min((piece + 1) * PIECE);
        let mut wide = [0.0; PIECE];
        let wide = &mut wide[..place.len()];
        let numbers = match numbers {
            Numbers::F32(numbers) => &numbers[place],
            Numbers::F16(numbers) => {
                numbers[place].convert_to_f32_slice(wide);
                wide
            }
            Numbers::BF16(numbers) => {
                numbers[place].convert_to_f32_slice(wide);
                wide
            }
        };
        // SAFETY: kernels are only given out for what the processor has.
        unsafe { kernel(numbers, &mut out) };
    });
    drop(pieces);
    Some(out)
}

/// Quantises weights into blocks of a kind.
///
/// # Safety
/// The processor has what it was compiled for.
type Kernel = unsafe fn(&[f32], &mut [u8]);

/// A kernel for each kind that is written, for what `$features` names.
macro_rules! kernels {
    ($kind:expr, $($features:literal)?) => {{
        $(#[target_feature(enable = $features)])?
        fn four(numbers: &[f32], out: &mut [u8]) {
            blocks::with_minima::<15, 144>(numbers, out);
        }
        $(#[target_feature(enable = $features)])?
        fn five(numbers: &[f32], out: &mut [u8]) {
            blocks::with_minima::<31, 176>(numbers, out);
        }
        $(#[target_feature(enable = $features)])?
        fn six(numbers: &[f32], out: &mut [u8]) {
            blocks::six_bits(numbers, out);
        }
        $(#[target_feature(enable = $features)])?
        fn eight(numbers: &[f32], out: &mut [u8]) {
            blocks::eight_bits(numbers, out);
        }
        match $kind {
            Kind::Q4K => Some(four),
            Kind::Q5K => Some(five),
            Kind::Q6K => Some(six),
            Kind::Q8_0 => Some(eight),
            Kind::Q4_0 | Kind::Q4_1 | Kind::Q5_0 | Kind::Q5_1 | Kind::Mxfp4 => None,
        }
    }};
}

fn best_for(kind: Kind) -> Option<Kernel> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
            return kernels!(kind, "avx512f,avx512bw,avx512vl,avx512dq");
        }
        if is_x86_feature_detected!("avx2") {
            return kernels!(kind, "avx2");
        }
    }
    plain(kind)
}

fn plain(kind: Kind) -> Option<Kernel> {
    kernels!(kind,)
}
