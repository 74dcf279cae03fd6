//! Kernels for AVX2 in which the columns of a scale meet in a lane. What a scale takes is then done once for eight lanes and not
//! for every register, and until then products are added up in as few bits as they fit. Words of weights are moved within the
//! halves of registers, which takes little; in which order that leaves the columns is up to the activations ([`Stacked`],
//! [`Folded`]).

use core::arch::x86_64::*;

use super::finish;
use crate::activations::{Folded, Stacked};
use crate::blocks::{scales_and_minima, word};
use crate::kernels::{fetch, filled_up, kernel, load16, load32};
use crate::multiply::{Acts, PANEL, PIECE, Products};

kernel!("avx2,fma,f16c", _mm256_setzero_ps, q4_k, 144, add_q4_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q5_k, 176, add_q5_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q6_k, 210, add_q6_k);
kernel!("avx2,fma,f16c", _mm256_setzero_ps, q8_0, 8 * 34, add_q8_0);

/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q4_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 144],
) {
    // SAFETY: the caller's.
    unsafe { add_stacked(totals, acts, place, block, stacked_nibbles(block, 16)) };
}

/// # Safety
/// As [`add_q4_k`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q5_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 176],
) {
    let mut weights = stacked_nibbles(block, 48);
    // A byte has a column's fifth bit of each group.
    let fifth = load32(block, 16);
    let fours = [
        _mm256_shuffle_epi32::<0b00_00_00_00>(fifth),
        _mm256_shuffle_epi32::<0b01_01_01_01>(fifth),
        _mm256_shuffle_epi32::<0b10_10_10_10>(fifth),
        _mm256_shuffle_epi32::<0b11_11_11_11>(fifth),
    ];
    let even = _mm_setr_epi32(0x0101_0101, 0x0404_0404, 0x1010_1010, 0x4040_4040);
    let even = _mm256_broadcastsi128_si256(even);
    let bits = [even, _mm256_add_epi8(even, even)];
    for (weights, four) in weights.iter_mut().zip(fours) {
        for (weights, bits) in weights.iter_mut().zip(bits) {
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(four, bits), bits);
            *weights = _mm256_or_si256(*weights, _mm256_and_si256(set, _mm256_set1_epi8(16)));
        }
    }
    // SAFETY: the caller's.
    unsafe { add_stacked(totals, acts, place, block, weights) };
}

/// Four bits of 256 columns from `at` on, as [`Stacked`] has them: of 32 bytes the lower halves are a group, the upper halves the
/// next.
#[inline]
#[target_feature(enable = "avx2")]
fn stacked_nibbles(block: &[u8], at: usize) -> [[__m256i; 2]; 4] {
    let fours = stacked([0, 32, 64, 96].map(|part| load32(block, at + part)));
    let low = _mm256_set1_epi8(15);
    let mut weights = [[_mm256_setzero_si256(); 2]; 4];
    for (weights, four) in weights.iter_mut().zip(fours) {
        *weights = [
            _mm256_and_si256(four, low),
            _mm256_and_si256(_mm256_srli_epi16(four, 4), low),
        ];
    }
    weights
}

/// The first four columns of four times 32, and sixteen columns on four more of each; then the next four.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn stacked([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ab_after, cd_after) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab_after, cd_after),
        _mm256_unpackhi_epi64(ab_after, cd_after),
    ]
}

/// Adds 256 weights of four or five bits, whose scales and minima the block begins with.
///
/// # Safety
/// As [`add_q4_k`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_stacked<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8],
    weights: [[__m256i; 2]; 4],
) {
    let [low, high, first, second] = scales_and_minima(block, 4).map(u64::from);
    let of_groups = _mm256_set1_epi64x((low | high << 32).cast_signed());
    // The scale of each lane's group, as two numbers of 16 bits.
    let even = _mm_setr_epi8(0, -1, 0, -1, 2, -1, 2, -1, 4, -1, 4, -1, 6, -1, 6, -1);
    let even = _mm256_broadcastsi128_si256(even);
    let odd = _mm256_add_epi16(even, _mm256_set1_epi16(1));
    let scales = [
        _mm256_shuffle_epi8(of_groups, even),
        _mm256_shuffle_epi8(of_groups, odd),
    ];
    let worth = _mm_cvtph_ps(_mm_cvtsi32_si128(word(block, 0).cast_signed()));
    let minima = _mm_cvtsi64_si128((first | second << 32).cast_signed());
    let minima = _mm256_mul_ps(
        _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(minima)),
        _mm256_broadcastss_ps(_mm_movehdup_ps(worth)),
    );
    let worth = _mm256_broadcastss_ps(worth);
    for (row, total) in totals.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let act = unsafe { acts.block_as::<Stacked>(row, place) };
        let mut steps = _mm256_setzero_si256();
        for (side, scales) in scales.into_iter().enumerate() {
            let mut pairs = _mm256_setzero_si256();
            for (four, weights) in weights.iter().enumerate() {
                let act = thirty_two(&act.bytes[2 * four + side]);
                pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(weights[side], act));
            }
            steps = _mm256_add_epi32(steps, _mm256_madd_epi16(pairs, scales));
        }
        let worth = _mm256_mul_ps(worth, eight(&act.scales));
        *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), worth, *total);
        *total = _mm256_fnmadd_ps(minima, eight(&act.sums), *total);
    }
}

/// # Safety
/// As [`add_q4_k`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q6_k<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 210],
) {
    let weights = folded_six(block);
    // Those of even sixteens, and then those of odd ones.
    let order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    let of_sixteens = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(load16(block, 192), order));
    let mut scales = [_mm256_setzero_si256(); 4];
    for (index, scales) in scales.iter_mut().enumerate() {
        // Two numbers of 16 bits, four times each.
        let two = _mm_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3, 2, 3);
        let two = _mm_add_epi8(two, _mm_set1_epi8(4 * index as i8));
        *scales = _mm256_shuffle_epi8(of_sixteens, _mm256_broadcastsi128_si256(two));
    }
    let twice = _mm256_add_epi16(of_sixteens, of_sixteens);
    // Not by way of a number alone, as `half` gives it: that takes a sixth longer.
    let worth = _mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(u16::from_le_bytes([
        block[208], block[209],
    ]))));
    let worth = _mm256_broadcastss_ps(worth);
    for (row, total) in totals.iter_mut().enumerate() {
        // SAFETY: the caller's; sixteen numbers of 16 bits.
        let (act, starts) = unsafe {
            let act = acts.block_as::<Folded>(row, place);
            (act, _mm256_loadu_si256(act.starts.as_ptr().cast()))
        };
        let mut steps = _mm256_madd_epi16(starts, twice);
        for (index, (weights, scales)) in weights.iter().zip(scales).enumerate() {
            let pairs = _mm256_add_epi16(
                _mm256_maddubs_epi16(weights[0], thirty_two(&act.bytes[2 * index])),
                _mm256_maddubs_epi16(weights[1], thirty_two(&act.bytes[2 * index + 1])),
            );
            steps = _mm256_add_epi32(steps, _mm256_madd_epi16(pairs, scales));
        }
        let worth = _mm256_mul_ps(worth, eight(&act.scales));
        *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), worth, *total);
    }
}

/// Six bits of 256 columns, as [`Folded`] has them: 64 bytes of lower and 32 of upper bits are 128 columns, the lower halves' first,
/// then the upper halves'.
#[inline]
#[target_feature(enable = "avx2")]
fn folded_six(block: &[u8; 210]) -> [[__m256i; 2]; 4] {
    let (low, upper_two) = (_mm256_set1_epi8(15), _mm256_set1_epi8(0x30));
    let left = _mm256_setr_epi64x(4, 2, 4, 2);
    let right = _mm256_setr_epi64x(0, 2, 0, 2);
    let mut weights = [[_mm256_setzero_si256(); 2]; 4];
    for (half, weights) in weights.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (a, b) = (load32(block, 64 * half), load32(block, 64 * half + 32));
        let upper = load32(block, 128 + 32 * half);
        let lower = [_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)];
        let upper = [
            _mm256_unpacklo_epi64(upper, upper),
            _mm256_unpackhi_epi64(upper, upper),
        ];
        for (eight, (lower, upper)) in lower.into_iter().zip(upper).enumerate() {
            weights[0][eight] = _mm256_or_si256(
                _mm256_and_si256(lower, low),
                _mm256_and_si256(_mm256_sllv_epi64(upper, left), upper_two),
            );
            weights[1][eight] = _mm256_or_si256(
                _mm256_and_si256(_mm256_srli_epi16(lower, 4), low),
                _mm256_and_si256(_mm256_srlv_epi64(upper, right), upper_two),
            );
        }
    }
    weights
}

/// # Safety
/// As [`add_q4_k`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_q8_0<const ROWS: usize>(
    totals: &mut [__m256; ROWS],
    acts: Acts,
    place: usize,
    blocks: &[u8; 8 * 34],
) {
    for side in 0..2 {
        let groups = [side, side + 2, side + 4, side + 6];
        let weights = stacked(groups.map(|group| load32(blocks, 34 * group + 2)));
        let [a, b, c, d] =
            groups.map(|group| i16::from_le_bytes([blocks[34 * group], blocks[34 * group + 1]]));
        let scales = _mm_cvtph_ps(_mm_setr_epi16(a, b, c, d, 0, 0, 0, 0));
        let scales = _mm256_set_m128(scales, scales);
        let mut steps = [_mm256_setzero_si256(); ROWS];
        for (four, weights) in weights.into_iter().enumerate() {
            // One factor must be without a sign: the weights give theirs to the activations.
            let sizes = _mm256_abs_epi8(weights);
            for (row, steps) in steps.iter_mut().enumerate() {
                // SAFETY: the caller's.
                let act = unsafe { acts.block_as::<Stacked>(row, place) };
                let signed = _mm256_sign_epi8(thirty_two(&act.bytes[2 * four + side]), weights);
                let pairs = _mm256_maddubs_epi16(sizes, signed);
                *steps = _mm256_add_epi32(*steps, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
        for (row, (total, steps)) in totals.iter_mut().zip(steps).enumerate() {
            // SAFETY: the caller's.
            let act = unsafe { acts.block_as::<Stacked>(row, place) };
            let worth = _mm256_mul_ps(scales, eight(&act.scales));
            *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps), worth, *total);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn thirty_two(bytes: &[i8; 32]) -> __m256i {
    // SAFETY: 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn eight(numbers: &[f32; 8]) -> __m256 {
    // SAFETY: eight numbers.
    unsafe { _mm256_loadu_ps(numbers.as_ptr()) }
}
