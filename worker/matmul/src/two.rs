//! Kernels for AVX-512 with VNNI that take two rows of weights at once, for the kinds that most of a model is made of: what is
//! loaded of activations is used twice, for one load takes as long as one multiplication.
//!
//! Unpacking moves whole words within the quarters of registers, which takes less than to look each lane up. In which order
//! that leaves the columns is up to the activations ([`Pair`], [`Centred`]).

use core::arch::x86_64::*;

use crate::activations::{Centred, Pair};
use crate::avx512::finish;
use crate::blocks::word;
use crate::groups::load64;
use crate::kernels::{filled_up, load16, load32};
use crate::multiply::{Acts, PANEL, PIECE, Products};

/// How far ahead weights are asked for, bytes at least, where whole rows pass: into the second cache, for while a core waits
/// for memory in its first one, activations that do not fit there wait as well.
const AHEAD: usize = 8192;

/// Bytes of activations beside which whole rows of weights pass: used twice, they may come from the second cache.
pub const NEAR: usize = 256 << 10;

/// Declares a kernel as `kernels.rs` does, for blocks of `$bytes` bytes, `$panel` to a panel.
macro_rules! kernel {
    ($name:ident, $bytes:expr, $panel:expr, $add:ident) => {
        /// # Safety
        /// As [`Kernel`] says.
        ///
        /// [`Kernel`]: crate::multiply::Kernel
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
        pub unsafe fn $name<const ROWS: usize>(
            weights: &[u8],
            row_bytes: usize,
            bytes: usize,
            ahead: usize,
            acts: Acts,
            out: &mut Products,
        ) {
            let rows = weights.len().div_ceil(row_bytes).min(PIECE);
            let places = bytes.div_ceil($bytes);
            // Whole rows one after the other, as processors expect memory to be read, and parts of rows side by side.
            let (ahead, step, apart) = match bytes == row_bytes {
                true => (AHEAD.next_multiple_of(2 * row_bytes), 2 * $bytes, $bytes),
                false => (ahead, $bytes, row_bytes),
            };
            for row in (0..rows).step_by(2) {
                // The last row is its own neighbour if it has none.
                let next = (row + 1).min(rows - 1);
                let part = |row: usize| weights[row * row_bytes..][..bytes].as_chunks::<{ $bytes }>();
                let ((one, one_rest), (other, other_rest)) = (part(row), part(next));
                for first in (0..places).step_by($panel) {
                    let mut totals = [[_mm512_setzero_ps(); ROWS]; 2];
                    for place in first..places.min(first + $panel) {
                        for side in 0..2 {
                            fetch::<{ $bytes }>(
                                weights,
                                row * row_bytes + ahead + step * place + side * apart,
                            );
                        }
                        let rest;
                        let blocks = match (one.get(place), other.get(place)) {
                            (Some(one), Some(other)) => [one, other],
                            _ => {
                                rest = [filled_up(one_rest), filled_up(other_rest)];
                                [&rest[0], &rest[1]]
                            }
                        };
                        // SAFETY: a row of activations has as many blocks as one of weights, and zeros where one is not whole.
                        unsafe { $add(&mut totals, acts, place, blocks) };
                    }
                    let [of_one, of_other] = totals;
                    finish(of_one, row, out);
                    if next > row {
                        finish(of_other, next, out);
                    }
                }
            }
        }
    };
}

// Two blocks of a row at once: 32 columns of each share a scale, and sixteen times 32 are the lanes of a register.
kernel!(q4_k, 2 * 144, PANEL / 2, add_q4_k);
kernel!(q6_k, 210, PANEL, add_q6_k);

/// Asks memory for `BYTES` bytes from `at` on, which need not be there.
#[inline(always)]
fn fetch<const BYTES: usize>(weights: &[u8], at: usize) {
    for line in (0..BYTES).step_by(64) {
        let at = weights.as_ptr().wrapping_add(at + line);
        // SAFETY: every x86-64 has SSE, and what is asked for need not be there.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
    }
}

/// Adds twice 256 weights of each of two rows to their totals.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a pair of blocks at `place`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
unsafe fn add_q4_k<const ROWS: usize>(
    totals: &mut [[__m512; ROWS]; 2],
    acts: Acts,
    place: usize,
    blocks: [&[u8; 2 * 144]; 2],
) {
    // SAFETY: the caller's.
    let acts: [&Pair; ROWS] = std::array::from_fn(|row| unsafe { acts.pair(row, place) });
    let mut steps = [[_mm512_setzero_si512(); 2]; ROWS];
    let halves = _mm512_set1_epi64(0xf0f0_f0f0_0f0f_0f0f_u64.cast_signed());
    for sixteen in 0..2 {
        let words = [
            words_of_q4_k(blocks[0], sixteen),
            words_of_q4_k(blocks[1], sixteen),
        ];
        for four in 0..4 {
            let mut weights = [_mm512_setzero_si512(); 2];
            for (weights, words) in weights.iter_mut().zip(words) {
                let words = words[four / 2];
                let turned = if four % 2 == 0 {
                    words
                } else {
                    _mm512_shuffle_epi32::<0b10_11_00_01>(words)
                };
                *weights = _mm512_and_si512(turned, halves);
            }
            for (steps, act) in steps.iter_mut().zip(acts) {
                multiply(steps, weights, &act.bytes[4 * sixteen + four]);
            }
        }
    }
    let scales = [scales_of_q4_k(blocks[0]), scales_of_q4_k(blocks[1])];
    for (row, (steps, act)) in steps.into_iter().zip(acts).enumerate() {
        let (worth, sums) = (sixteen_of(&act.scales), sixteen_of(&act.sums));
        for side in 0..2 {
            let (scales, offsets) = scales[side];
            let total = &mut totals[side][row];
            let worth = _mm512_mul_ps(scales, worth);
            *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps[side]), worth, *total);
            *total = _mm512_fnmadd_ps(offsets, sums, *total);
        }
    }
}

/// Four words of eight times four bits of every 32 bytes of two blocks: of their first or their other `sixteen` the first two and
/// the other two. Lower halves of bytes are a group of 32 columns, upper halves, which stay where they are, the next.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn words_of_q4_k(blocks: &[u8; 2 * 144], sixteen: usize) -> [__m512i; 2] {
    let (a, b) = (load64(blocks, 16), load64(blocks, 144 + 16));
    let (c, d) = (load64(blocks, 16 + 64), load64(blocks, 144 + 16 + 64));
    let (first, second) = match sixteen {
        0 => (
            _mm512_shuffle_i64x2::<0b10_00_10_00>(a, b),
            _mm512_shuffle_i64x2::<0b10_00_10_00>(c, d),
        ),
        _ => (
            _mm512_shuffle_i64x2::<0b11_01_11_01>(a, b),
            _mm512_shuffle_i64x2::<0b11_01_11_01>(c, d),
        ),
    };
    [
        _mm512_unpacklo_epi64(first, second),
        _mm512_unpackhi_epi64(first, second),
    ]
}

/// The scales and the offsets of two blocks, as `scales_of_32` in `groups.rs` has those of one. Of weights that are the upper
/// halves of bytes, sixteen times too large, a step is worth the less.
#[inline]
#[target_feature(enable = "avx512f,avx2,f16c")]
fn scales_of_q4_k(blocks: &[u8; 2 * 144]) -> (__m512, __m512) {
    let both = |of_one| _mm256_broadcastsi128_si256(of_one);
    let words = _mm256_set_m128i(load16(blocks, 144 + 4), load16(blocks, 4));
    let lower = _mm256_shuffle_epi32::<0b10_01_10_00>(words);
    let lower = _mm256_srlv_epi32(lower, both(_mm_setr_epi32(0, 0, 0, 4)));
    let lower_bits = _mm_setr_epi32(0x3f3f_3f3f, 0x0f0f_0f0f, 0x3f3f_3f3f, 0x0f0f_0f0f);
    let lower = _mm256_and_si256(lower, both(lower_bits));
    let upper = _mm256_srli_epi32::<2>(_mm256_shuffle_epi32::<0b01_00_00_00>(words));
    let upper = _mm256_and_si256(upper, both(_mm_setr_epi32(0, 0x3030_3030, 0, 0x3030_3030)));
    let packed = _mm256_or_si256(lower, upper);
    let order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
    let packed = _mm256_shuffle_epi8(packed, both(order));
    let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
    let steps = |steps| _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(steps));
    let worth = |block: usize| word(blocks, 144 * block).cast_signed();
    let worth = _mm_cvtph_ps(_mm_setr_epi32(worth(0), worth(1), 0, 0));
    let less = _mm_mul_ps(worth, _mm_set1_ps(1.0 / 16.0));
    let worth = _mm512_castps256_ps512(_mm256_set_m128(less, worth));
    let of_scales = _mm512_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4, 2, 6, 2, 6, 2, 6, 2, 6);
    let of_minima = _mm512_setr_epi32(1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3);
    (
        _mm512_mul_ps(
            steps(_mm256_castsi256_si128(packed)),
            _mm512_permutexvar_ps(of_scales, worth),
        ),
        _mm512_mul_ps(
            steps(_mm256_extracti128_si256::<1>(packed)),
            _mm512_permutexvar_ps(of_minima, worth),
        ),
    )
}

/// Adds 256 weights of each of two rows to their totals.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
unsafe fn add_q6_k<const ROWS: usize>(
    totals: &mut [[__m512; ROWS]; 2],
    acts: Acts,
    place: usize,
    blocks: [&[u8; 210]; 2],
) {
    // SAFETY: the caller's.
    let of_rows: [&Centred; ROWS] = std::array::from_fn(|row| unsafe { acts.block_as(row, place) });
    let mut steps = [[_mm512_setzero_si512(); 2]; ROWS];
    for (steps, act) in steps.iter_mut().zip(of_rows) {
        // SAFETY: sixteen numbers.
        *steps = [unsafe { _mm512_loadu_si512(act.starts.as_ptr().cast()) }; 2];
    }
    for turned in 0..2 {
        let one = weights_of_q6_k(blocks[0], turned == 1);
        let other = weights_of_q6_k(blocks[1], turned == 1);
        for two in 0..2 {
            let weights = [one[two], other[two]];
            for (steps, act) in steps.iter_mut().zip(of_rows) {
                multiply(steps, weights, &act.bytes[2 * two + turned]);
            }
        }
    }
    let scales = [scales_of_q6_k(blocks[0]), scales_of_q6_k(blocks[1])];
    for (row, steps) in steps.into_iter().enumerate() {
        // SAFETY: the caller's.
        let scale = _mm512_set1_ps(unsafe { acts.scale(row, place) });
        for side in 0..2 {
            let total = &mut totals[side][row];
            let worth = _mm512_mul_ps(scales[side], scale);
            *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps[side]), worth, *total);
        }
    }
}

/// Four columns of each group of sixteen and four others: the first and the third, or turned, the second and the fourth; in
/// every other lane, whose group is the upper halves of bytes, the others.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn weights_of_q6_k(block: &[u8; 210], turned: bool) -> [__m512i; 2] {
    // 64 bytes of lower and 32 of upper bits are 128 columns: a lane's upper bits lie as its lower ones do.
    let upper = load64(block, 128);
    let (low, upper_two) = (_mm512_set1_epi8(15), _mm512_set1_epi8(0x30));
    let lanes = |lower: i64, upper: i64| {
        let (even, odd) = if turned { (upper, lower) } else { (lower, upper) };
        _mm512_set1_epi64(even | odd << 32)
    };
    let weights = |at: usize, turns: __m512i| {
        let first = _mm512_castsi256_si512(load32(block, at));
        let bytes = _mm512_inserti64x4::<1>(first, load32(block, 64 + at));
        let lower = _mm512_and_si512(_mm512_srlv_epi32(bytes, lanes(0, 4)), low);
        // To bits four and five.
        let upper = _mm512_and_si512(_mm512_rolv_epi32(upper, turns), upper_two);
        _mm512_or_si512(lower, upper)
    };
    let (a, b) = (weights(0, lanes(4, 0)), weights(32, lanes(2, 30)));
    if !turned {
        return [_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)];
    }
    let (a, b) = (_mm512_castsi512_ps(a), _mm512_castsi512_ps(b));
    [
        _mm512_castps_si512(_mm512_shuffle_ps::<0b00_01_00_01>(a, b)),
        _mm512_castps_si512(_mm512_shuffle_ps::<0b10_11_10_11>(a, b)),
    ]
}

/// What a step of each group is worth.
#[inline]
#[target_feature(enable = "avx512f,avx2,f16c")]
fn scales_of_q6_k(block: &[u8; 210]) -> __m512 {
    let order = _mm_setr_epi8(0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15);
    let steps = _mm_shuffle_epi8(load16(block, 192), order);
    let steps = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(steps));
    // Of a vector, for one number alone would be put into a register that has to be waited for.
    let worth = _mm512_cvtph_ps(_mm256_set1_epi16(i16::from_le_bytes([block[208], block[209]])));
    _mm512_mul_ps(steps, worth)
}

/// Adds the products of two rows' weights with the same activations.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn multiply(steps: &mut [__m512i; 2], weights: [__m512i; 2], acts: &[i8; 64]) {
    // SAFETY: 64 bytes.
    let acts = unsafe { _mm512_loadu_si512(acts.as_ptr().cast()) };
    for (steps, weights) in steps.iter_mut().zip(weights) {
        *steps = _mm512_dpbusd_epi32(*steps, weights, acts);
    }
}

#[target_feature(enable = "avx512f")]
fn sixteen_of(numbers: &[f32; 16]) -> __m512 {
    // SAFETY: sixteen numbers.
    unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
}
