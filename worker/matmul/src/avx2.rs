//! Kernels for AVX2, as those for AVX-512 with half the width: 32 weights at a time.

mod groups;

use core::arch::x86_64::*;

use crate::activations::{Block, Order};
use crate::blocks::{Kind, scales_and_minima};
use crate::kernels::{
    eight_of, fetch, filled_up, for_rows, half, kernel, kernels_of, load16, load32, of_eight, sums_of_32,
};
use crate::multiply::{Acts, Kernels, NEAR, PANEL, PIECE, Products};
use crate::packed::{Eight, EightBlocks, ManyKernel, packing};
use groups::{Unpacked, unpack_mxfp4, unpack_q4_0, unpack_q4_1, unpack_q5_0, unpack_q5_1};

/// The kernel for a kind of weights, if the processor has what it takes.
pub fn kernels(kind: Kind) -> Option<Kernels> {
    let able = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    able.then_some(kernels_of!(kind))
}

/// The `part`th 32 activations of a block.
#[target_feature(enable = "avx2,fma,f16c")]
fn part_of(block: &Block, part: usize) -> __m256i {
    // SAFETY: a block has eight parts, and it is aligned to 64 bytes.
    unsafe { _mm256_load_si256(block.bytes.as_ptr().add(32 * (part & 7)).cast()) }
}

/// The sums of the first or the other eight sixteens of a block.
#[target_feature(enable = "avx2,fma,f16c")]
fn sums_of(block: &Block, half: usize) -> __m256 {
    // SAFETY: there are sixteen.
    unsafe { _mm256_loadu_ps(block.sums.as_ptr().add(8 * (half & 1))) }
}

/// Adds 256 weights to the totals: `weights` gives bytes and 16-bit scales of each 32, `scale` is what one step of their
/// product is worth, `offsets` what is subtracted from each sixteen weights.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    weights: impl Fn(usize) -> (__m256i, __m256i),
    scale: f32,
    offsets: [__m256; 2],
) {
    let mut steps = [_mm256_setzero_si256(); ROWS];
    for part in 0..8 {
        let (weights, scales) = weights(part);
        for (row, steps) in steps.iter_mut().enumerate() {
            // SAFETY: the caller's.
            let act = unsafe { acts.block(row, place) };
            let pairs = _mm256_maddubs_epi16(weights, part_of(act, part));
            *steps = _mm256_add_epi32(*steps, _mm256_madd_epi16(pairs, scales));
        }
    }
    for (row, (total, steps)) in totals.iter_mut().zip(steps).enumerate() {
        // SAFETY: the caller's.
        let act = unsafe { acts.block(row, place) };
        let worth = _mm256_set1_ps(scale * unsafe { acts.scale(row, place) });
        *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), worth, *total);
        for (half, offsets) in offsets.into_iter().enumerate() {
            *total = _mm256_fnmadd_ps(offsets, sums_of(act, half), *total);
        }
    }
}

/// Adds 256 weights, of which eight products of a lane fit 16 bits.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_groups<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    weights: Unpacked,
) {
    for (row, total) in totals.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let (act, scale) = unsafe { (acts.block(row, place), acts.scale(row, place)) };
        let mut part = _mm256_setzero_ps();
        for (half, fours) in weights.fours.iter().enumerate() {
            let mut pairs = _mm256_setzero_si256();
            for (four, weights) in fours.iter().enumerate() {
                let products = _mm256_maddubs_epi16(*weights, part_of(act, 2 * four + half));
                pairs = _mm256_add_epi16(pairs, products);
            }
            let steps = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
            part = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), weights.scales[half], part);
        }
        *total = _mm256_fmadd_ps(part, _mm256_set1_ps(scale), *total);
        for (half, offsets) in weights.offsets.into_iter().enumerate() {
            *total = _mm256_fnmadd_ps(offsets, sums_of(act, half), *total);
        }
    }
}

static MANY_BY_2: [ManyKernel<Eight>; 4] = [many::<1, 2>, many::<2, 2>, many::<3, 2>, many::<4, 2>];
static MANY_BY_4: [ManyKernel<Eight>; 4] = [many::<1, 4>, many::<2, 4>, many::<3, 4>, many::<4, 4>];
static MANY_BLOCKS: [ManyKernel<EightBlocks>; 4] = for_rows!(many_blocks; 1 2 3 4);

/// A kernel for many rows of activations, for weights of which `CHUNKS` times eight columns share a scale: four of the eight
/// rows of weights after the other four.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn many<const ROWS: usize, const CHUNKS: usize>(
    packed: &[Eight],
    acts: Acts,
    totals: &mut [[f32; 16]],
) {
    for half in 0..2 {
        // SAFETY: eight numbers each.
        let mut sums: [_; ROWS] =
            std::array::from_fn(|row| unsafe { _mm256_loadu_ps(totals[row][8 * half..].as_ptr()) });
        for (place, packed) in packed.iter().enumerate() {
            // SAFETY: the caller's.
            let blocks: [&Block; ROWS] = std::array::from_fn(|row| unsafe { acts.block(row, place) });
            let mut steps = [_mm256_setzero_si256(); ROWS];
            for (group, scales) in packed.scales.iter().enumerate().take(32 / CHUNKS) {
                let mut pairs = [_mm256_setzero_si256(); ROWS];
                for chunk in CHUNKS * group..CHUNKS * (group + 1) {
                    let weights = load32(&packed.bytes[chunk], 32 * half);
                    for (pairs, block) in pairs.iter_mut().zip(blocks) {
                        let acts = _mm256_set1_epi64x(eight_of(block, chunk));
                        *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(weights, acts));
                    }
                }
                // SAFETY: sixteen numbers of 16 bits.
                let scales = unsafe { _mm256_loadu_si256(scales[16 * half..].as_ptr().cast()) };
                for (steps, pairs) in steps.iter_mut().zip(pairs) {
                    *steps = _mm256_add_epi32(*steps, _mm256_madd_epi16(pairs, scales));
                }
            }
            // SAFETY: eight numbers.
            let worth = unsafe { _mm256_loadu_ps(packed.steps[8 * half..].as_ptr()) };
            for (row, (sum, steps)) in sums.iter_mut().zip(steps).enumerate() {
                // SAFETY: the caller's.
                let scale = _mm256_set1_ps(unsafe { acts.scale(row, place) });
                *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), _mm256_mul_ps(worth, scale), *sum);
            }
            subtract(&mut sums, &packed.offsets, half, blocks);
        }
        for (totals, sum) in totals.iter_mut().zip(sums) {
            // SAFETY: eight numbers.
            unsafe { _mm256_storeu_ps(totals[8 * half..].as_mut_ptr(), sum) };
        }
    }
}

/// A kernel for many rows of activations, for weights in blocks of at most five bits: four of the eight rows of weights after
/// the other four.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn many_blocks<const ROWS: usize>(packed: &[EightBlocks], acts: Acts, totals: &mut [[f32; 16]]) {
    for half in 0..2 {
        // SAFETY: eight numbers each.
        let mut sums: [_; ROWS] =
            std::array::from_fn(|row| unsafe { _mm256_loadu_ps(totals[row][8 * half..].as_ptr()) });
        for (place, packed) in packed.iter().enumerate() {
            // SAFETY: the caller's.
            let blocks: [&Block; ROWS] = std::array::from_fn(|row| unsafe { acts.block(row, place) });
            let mut parts = [_mm256_setzero_ps(); ROWS];
            for (part, (fours, scales)) in packed.bytes.iter().zip(&packed.scales).enumerate() {
                let mut pairs = [_mm256_setzero_si256(); ROWS];
                for (four, weights) in fours.iter().enumerate() {
                    let weights = load32(weights, 32 * half);
                    for (pairs, block) in pairs.iter_mut().zip(blocks) {
                        let acts = _mm256_set1_epi64x(eight_of(block, 8 * four + part));
                        *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(weights, acts));
                    }
                }
                // SAFETY: eight numbers.
                let scales = unsafe { _mm256_loadu_ps(scales[8 * half..].as_ptr()) };
                for (part, pairs) in parts.iter_mut().zip(pairs) {
                    let steps = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
                    *part = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), scales, *part);
                }
            }
            for (row, (sum, part)) in sums.iter_mut().zip(parts).enumerate() {
                // SAFETY: the caller's.
                let scale = unsafe { acts.scale(row, place) };
                *sum = _mm256_fmadd_ps(part, _mm256_set1_ps(scale), *sum);
            }
            subtract(&mut sums, &packed.offsets, half, blocks);
        }
        for (totals, sum) in totals.iter_mut().zip(sums) {
            // SAFETY: eight numbers.
            unsafe { _mm256_storeu_ps(totals[8 * half..].as_mut_ptr(), sum) };
        }
    }
}

/// Subtracts four rows' offsets of 32 columns after the other, times the sums of their activations.
#[target_feature(enable = "avx2,fma,f16c")]
fn subtract<const ROWS: usize>(
    sums: &mut [__m256; ROWS],
    offsets: &[[f32; 16]; 8],
    half: usize,
    blocks: [&Block; ROWS],
) {
    for (part, offsets) in offsets.iter().enumerate() {
        // SAFETY: eight numbers.
        let offsets = unsafe { _mm256_loadu_ps(offsets[8 * half..].as_ptr()) };
        for (sum, block) in sums.iter_mut().zip(blocks) {
            let both = _mm256_castsi256_ps(_mm256_set1_epi64x(sums_of_32(block, part)));
            *sum = _mm256_fnmadd_ps(offsets, both, *sum);
        }
    }
}

/// Adds up each total, four at a time and always in the same order.
#[target_feature(enable = "avx2,fma,f16c")]
fn finish<const ROWS: usize>(totals: [__m256; ROWS], row: usize, out: &mut Products) {
    for first in (0..ROWS).step_by(4) {
        let at = |index: usize| totals[(first + index).min(ROWS - 1)];
        let ab = _mm256_hadd_ps(at(0), at(1));
        let cd = _mm256_hadd_ps(at(2), at(3));
        let sums = _mm256_hadd_ps(ab, cd);
        let sums = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
        let mut four = [0.0; 4];
        // SAFETY: four numbers.
        unsafe { _mm_storeu_ps(four.as_mut_ptr(), sums) };
        for (index, sum) in four.into_iter().enumerate().take(ROWS - first) {
            out[first + index][row] += sum;
        }
    }
}

kernel!("avx2,fma,f16c", _mm256_setzero_ps, q4_k, 144, add_q4_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q5_k, 176, add_q5_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q6_k, 210, add_q6_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q8_0, 8 * 34, add_q8_0);

of_eight!(
    "avx2,fma,f16c",
    __m256,
    _mm256_setzero_ps,
    q4_0,
    18,
    add_q4_0,
    unpack_q4_0
);
of_eight!(
    "avx2,fma,f16c",
    __m256,
    _mm256_setzero_ps,
    q4_1,
    20,
    add_q4_1,
    unpack_q4_1
);
of_eight!(
    "avx2,fma,f16c",
    __m256,
    _mm256_setzero_ps,
    q5_0,
    22,
    add_q5_0,
    unpack_q5_0
);
of_eight!(
    "avx2,fma,f16c",
    __m256,
    _mm256_setzero_ps,
    q5_1,
    24,
    add_q5_1,
    unpack_q5_1
);
of_eight!(
    "avx2,fma,f16c",
    __m256,
    _mm256_setzero_ps,
    mxfp4,
    17,
    add_mxfp4,
    unpack_mxfp4
);

/// The `part`th 32 weights of four bits. Of 32 bytes the lower halves are the first 32, the upper halves the second.
#[target_feature(enable = "avx2,fma,f16c")]
fn nibbles(block: &[u8], at: usize, part: usize) -> __m256i {
    let both = load32(block, at + 32 * (part / 2));
    let bytes = if part.is_multiple_of(2) {
        both
    } else {
        _mm256_srli_epi16(both, 4)
    };
    _mm256_and_si256(bytes, _mm256_set1_epi8(15))
}

/// The scale of the `part`th 32 weights of a Q4_K or Q5_K block.
#[target_feature(enable = "avx2,fma,f16c")]
fn scale_of(packed: [u32; 4], part: usize) -> __m256i {
    _mm256_set1_epi16(i16::from(packed[part / 4].to_le_bytes()[part % 4]))
}

/// The minima of a Q4_K or Q5_K block, each for two times sixteen weights.
#[target_feature(enable = "avx2,fma,f16c")]
fn minima(packed: [u32; 4], scale: f32) -> [__m256; 2] {
    let scale = _mm256_set1_ps(scale);
    let of = |four: u32| {
        let [a, b, c, d] = four.to_le_bytes();
        let [a, b, c, d] = [i32::from(a), i32::from(b), i32::from(c), i32::from(d)];
        let twice = _mm256_setr_epi32(a, a, b, b, c, c, d, d);
        _mm256_mul_ps(_mm256_cvtepi32_ps(twice), scale)
    };
    [of(packed[2]), of(packed[3])]
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q4_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 144],
) {
    let packed = scales_and_minima(block, 4);
    let weights = |part: usize| (nibbles(block, 16, part), scale_of(packed, part));
    let minima = minima(packed, half(block, 2));
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, half(block, 0), minima) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q5_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 176],
) {
    let packed = scales_and_minima(block, 4);
    let fifth = load32(block, 16);
    let weights = |part: usize| {
        let bit = _mm256_set1_epi8((1_u8 << part) as i8);
        let set = _mm256_cmpeq_epi8(_mm256_and_si256(fifth, bit), bit);
        let bytes = _mm256_or_si256(
            nibbles(block, 48, part),
            _mm256_and_si256(set, _mm256_set1_epi8(16)),
        );
        (bytes, scale_of(packed, part))
    };
    let minima = minima(packed, half(block, 2));
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, half(block, 0), minima) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q6_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 210],
) {
    let scale = half(block, 208);
    let scales = load16(block, 192);
    let weights = |part: usize| {
        // 64 bytes of lower and 32 of upper bits are 128 weights.
        let (half, quarter) = (part / 4, part % 4);
        let lower = load32(block, 64 * half + 32 * (quarter % 2));
        let lower = if quarter < 2 {
            lower
        } else {
            _mm256_srli_epi16(lower, 4)
        };
        let upper = load32(block, 128 + 32 * half);
        let upper = match quarter {
            0 => _mm256_slli_epi16(upper, 4),
            1 => _mm256_slli_epi16(upper, 2),
            2 => upper,
            _ => _mm256_srli_epi16(upper, 2),
        };
        let bytes = _mm256_or_si256(
            _mm256_and_si256(lower, _mm256_set1_epi8(15)),
            _mm256_and_si256(upper, _mm256_set1_epi8(0x30)),
        );
        // Two scales, one for each sixteen weights.
        let pick = _mm_add_epi8(
            _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1),
            _mm_set1_epi8(2 * part as i8),
        );
        (bytes, _mm256_cvtepi8_epi16(_mm_shuffle_epi8(scales, pick)))
    };
    // The six bits stand for -32 to 31.
    let worth = _mm256_set1_ps(32.0 * scale);
    let of = |scales| _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales)), worth);
    let offsets = [of(scales), of(_mm_srli_si128(scales, 8))];
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, scale, offsets) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q8_0<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 8 * 34],
) {
    let mut parts = [_mm256_setzero_ps(); ROWS];
    for part in 0..8 {
        let weights = load32(block, 34 * part + 2);
        let scale = _mm256_set1_ps(half(block, 34 * part));
        // One factor must be without a sign: the weights give theirs to the activations.
        let sizes = _mm256_abs_epi8(weights);
        for (row, sum) in parts.iter_mut().enumerate() {
            // SAFETY: the caller's.
            let act = unsafe { acts.block(row, place) };
            let signed = _mm256_sign_epi8(part_of(act, part), weights);
            let pairs = _mm256_maddubs_epi16(sizes, signed);
            let steps = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
            *sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), scale, *sum);
        }
    }
    for (row, (total, part)) in totals.iter_mut().zip(parts).enumerate() {
        // SAFETY: the caller's.
        let scale = unsafe { acts.scale(row, place) };
        *total = _mm256_fmadd_ps(part, _mm256_set1_ps(scale), *total);
    }
}
