//! Kernels for many rows of activations, for weights that are unpacked for all of them (`packed.rs`).

use core::arch::x86_64::*;

use crate::activations::Block;
use crate::groups::load64;
use crate::kernels::for_rows;
use crate::multiply::Acts;
use crate::packed::{Eight, EightBlocks, ManyKernel};

pub static MANY_BY_2: [ManyKernel<Eight>; 8] = for_rows!(many, 2);
pub static MANY_BY_4: [ManyKernel<Eight>; 8] = for_rows!(many, 4);
pub static MANY_BLOCKS: [ManyKernel<EightBlocks>; 8] = for_rows!(many_blocks);

/// A kernel for many rows of activations, for weights of which `CHUNKS` times eight columns share a scale.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn many<const ROWS: usize, const CHUNKS: usize>(
    packed: &[Eight],
    acts: Acts,
    totals: &mut [[f32; 16]],
) {
    // SAFETY: sixteen numbers each.
    let mut sums: [_; ROWS] = std::array::from_fn(|row| unsafe { _mm512_loadu_ps(totals[row].as_ptr()) });
    for (place, packed) in packed.iter().enumerate() {
        // SAFETY: the caller's.
        let blocks: [&Block; ROWS] = std::array::from_fn(|row| unsafe { acts.block(row, place) });
        let mut steps = [_mm512_setzero_si512(); ROWS];
        for (group, scales) in packed.scales.iter().enumerate().take(32 / CHUNKS) {
            let mut pairs = [_mm512_setzero_si512(); ROWS];
            for chunk in CHUNKS * group..CHUNKS * (group + 1) {
                let weights = load64(&packed.bytes[chunk], 0);
                for (pairs, block) in pairs.iter_mut().zip(blocks) {
                    let acts = _mm512_set1_epi64(eight_of(block, chunk));
                    *pairs = _mm512_add_epi16(*pairs, _mm512_maddubs_epi16(weights, acts));
                }
            }
            // SAFETY: 32 numbers of 16 bits, aligned as what they are part of.
            let scales = unsafe { _mm512_load_si512(scales.as_ptr().cast()) };
            for (steps, pairs) in steps.iter_mut().zip(pairs) {
                *steps = _mm512_add_epi32(*steps, _mm512_madd_epi16(pairs, scales));
            }
        }
        // SAFETY: sixteen numbers.
        let worth = unsafe { _mm512_load_ps(packed.steps.as_ptr()) };
        for (row, (sum, steps)) in sums.iter_mut().zip(steps).enumerate() {
            // SAFETY: the caller's.
            let scale = _mm512_set1_ps(unsafe { acts.scale(row, place) });
            *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), _mm512_mul_ps(worth, scale), *sum);
        }
        subtract(&mut sums, &packed.offsets, blocks);
    }
    for (totals, sum) in totals.iter_mut().zip(sums) {
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(totals.as_mut_ptr(), sum) };
    }
}

/// A kernel for many rows of activations, for weights in blocks of at most five bits.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn many_blocks<const ROWS: usize>(packed: &[EightBlocks], acts: Acts, totals: &mut [[f32; 16]]) {
    // SAFETY: sixteen numbers each.
    let mut sums: [_; ROWS] = std::array::from_fn(|row| unsafe { _mm512_loadu_ps(totals[row].as_ptr()) });
    for (place, packed) in packed.iter().enumerate() {
        // SAFETY: the caller's.
        let blocks: [&Block; ROWS] = std::array::from_fn(|row| unsafe { acts.block(row, place) });
        let mut parts = [_mm512_setzero_ps(); ROWS];
        for (part, (fours, scales)) in packed.bytes.iter().zip(&packed.scales).enumerate() {
            let mut pairs = [_mm512_setzero_si512(); ROWS];
            for (four, weights) in fours.iter().enumerate() {
                let weights = load64(weights, 0);
                for (pairs, block) in pairs.iter_mut().zip(blocks) {
                    let acts = _mm512_set1_epi64(eight_of(block, 8 * four + part));
                    *pairs = _mm512_add_epi16(*pairs, _mm512_maddubs_epi16(weights, acts));
                }
            }
            // SAFETY: sixteen numbers.
            let scales = unsafe { _mm512_load_ps(scales.as_ptr()) };
            for (part, pairs) in parts.iter_mut().zip(pairs) {
                let steps = _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
                *part = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), scales, *part);
            }
        }
        for (row, (sum, part)) in sums.iter_mut().zip(parts).enumerate() {
            // SAFETY: the caller's.
            let scale = unsafe { acts.scale(row, place) };
            *sum = _mm512_fmadd_ps(part, _mm512_set1_ps(scale), *sum);
        }
        subtract(&mut sums, &packed.offsets, blocks);
    }
    for (totals, sum) in totals.iter_mut().zip(sums) {
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(totals.as_mut_ptr(), sum) };
    }
}

/// Subtracts the offsets of 32 columns after the other, times the sums of their activations.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn subtract<const ROWS: usize>(sums: &mut [__m512; ROWS], offsets: &[[f32; 16]; 8], blocks: [&Block; ROWS]) {
    for (part, offsets) in offsets.iter().enumerate() {
        // SAFETY: sixteen numbers, aligned as what they are part of.
        let offsets = unsafe { _mm512_load_ps(offsets.as_ptr()) };
        for (sum, block) in sums.iter_mut().zip(blocks) {
            let both = _mm512_castsi512_ps(_mm512_set1_epi64(sums_of_32(block, part)));
            *sum = _mm512_fnmadd_ps(offsets, both, *sum);
        }
    }
}

/// The `chunk`th eight activations of a block.
#[inline(always)]
fn eight_of(block: &Block, chunk: usize) -> i64 {
    // SAFETY: a block has 32 times eight.
    unsafe {
        block
            .bytes
            .as_ptr()
            .cast::<i64>()
            .add(chunk & 31)
            .read_unaligned()
    }
}

/// The two sums of the `part`th 32 activations of a block, as they lie in memory.
#[inline(always)]
fn sums_of_32(block: &Block, part: usize) -> i64 {
    // SAFETY: a block has eight times two.
    unsafe { block.sums.as_ptr().cast::<i64>().add(part & 7).read_unaligned() }
}
