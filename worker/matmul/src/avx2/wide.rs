//! Kernels for AVX2 and many rows of activations, for weights of eight bits. Two products of eight bits are too much for 16, and one
//! factor would have to go without its sign: both factors are widened to 16 bits once, and an instruction multiplies two columns of
//! eight rows.

use core::arch::x86_64::*;

use super::lanes::stacked;
use crate::activations::Wide;
use crate::kernels::{for_rows, half, load16};
use crate::multiply::Acts;
use crate::packed::{ManyKernel, SideBySide};

/// Columns that are unpacked at once, of which 32 share a scale.
const COLUMNS: usize = 128;

/// 128 columns of sixteen rows.
#[repr(C, align(64))]
pub(crate) struct SixteenWide {
    /// Two columns of each of eight rows, and of the other eight; and then the next two.
    pairs: [[[i16; 16]; 2]; COLUMNS / 2],
    /// What a step is worth: for every 32 columns, each row's.
    scales: [[f32; 16]; COLUMNS / 32],
}

impl SideBySide for SixteenWide {
    const ROWS: usize = 16;
    const COLUMNS: usize = COLUMNS;
    const ZERO: Self = Self {
        pairs: [[[0; 16]; 2]; COLUMNS / 2],
        scales: [[0.0; 16]; COLUMNS / 32],
    };

    fn products(totals: &[f32; 16]) -> [f32; 16] {
        *totals
    }
}

/// For one row to as many as leave room for the weights in sixteen registers.
pub(crate) static MANY: [ManyKernel<SixteenWide>; 6] = for_rows!(many; 1 2 3 4 5 6);

#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn pack_q8_0(
    first: &[u8],
    row_bytes: usize,
    bytes: usize,
    rows: usize,
    to: &mut SixteenWide,
) {
    for part in 0..COLUMNS / 32 {
        for row in 0..16 {
            // Where a row has ended, and where there is none, nothing is worth anything.
            let there = row < rows && 34 * part < bytes;
            to.scales[part][row] = if there {
                half(first, row * row_bytes + 34 * part)
            } else {
                0.0
            };
        }
        for (sixteen, eight) in [(0, 0), (0, 8), (1, 0), (1, 8)] {
            let mut of_rows = [_mm256_setzero_si256(); 8];
            for (row, columns) in of_rows.iter_mut().enumerate() {
                let row = eight + row;
                if row < rows && 34 * part < bytes {
                    let at = row * row_bytes + 34 * part + 2 + 16 * sixteen;
                    *columns = _mm256_cvtepi8_epi16(load16(first, at));
                }
            }
            for (pair, of_pair) in turned(of_rows).into_iter().enumerate() {
                let to = &mut to.pairs[16 * part + 8 * sixteen + pair][eight / 8];
                // SAFETY: sixteen numbers of 16 bits.
                unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), of_pair) };
            }
        }
    }
}

/// Of eight times eight words, the first of each, then the second of each, and so on.
#[inline]
#[target_feature(enable = "avx2")]
fn turned(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let (one, other) = (stacked([a, b, c, d]), stacked([e, f, g, h]));
    let mut turned = [_mm256_setzero_si256(); 8];
    for index in 0..4 {
        turned[index] = _mm256_permute2x128_si256::<0x20>(one[index], other[index]);
        turned[index + 4] = _mm256_permute2x128_si256::<0x31>(one[index], other[index]);
    }
    turned
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn many<const ROWS: usize>(packed: &[SixteenWide], acts: Acts, totals: &mut [[f32; 16]]) {
    for (place, packed) in packed.iter().enumerate() {
        let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
        for (part, scales) in packed.scales.iter().enumerate() {
            let mut steps = [[_mm256_setzero_si256(); 2]; ROWS];
            for pair in 16 * part..16 * (part + 1) {
                let [one, other] = &packed.pairs[pair];
                // SAFETY: sixteen numbers of 16 bits each.
                let (one, other) = unsafe {
                    (
                        _mm256_load_si256(one.as_ptr().cast()),
                        _mm256_load_si256(other.as_ptr().cast()),
                    )
                };
                for (row, [of_one, of_other]) in steps.iter_mut().enumerate() {
                    // SAFETY: the caller's.
                    let both = _mm256_set1_epi32(unsafe { acts.block_as::<Wide>(row, place) }.pairs[pair]);
                    *of_one = _mm256_add_epi32(*of_one, _mm256_madd_epi16(one, both));
                    *of_other = _mm256_add_epi32(*of_other, _mm256_madd_epi16(other, both));
                }
            }
            // SAFETY: sixteen numbers.
            let scales = unsafe {
                [
                    _mm256_load_ps(scales.as_ptr()),
                    _mm256_load_ps(scales[8..].as_ptr()),
                ]
            };
            for (sums, steps) in sums.iter_mut().zip(steps) {
                sums[0] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps[0]), scales[0], sums[0]);
                sums[1] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(steps[1]), scales[1], sums[1]);
            }
        }
        for (row, (totals, sums)) in totals.iter_mut().zip(sums).enumerate() {
            // SAFETY: the caller's.
            let scale = _mm256_set1_ps(unsafe { acts.scale(row, place) });
            for (totals, sum) in totals.as_chunks_mut::<8>().0.iter_mut().zip(sums) {
                // SAFETY: eight numbers.
                unsafe {
                    let total = _mm256_fmadd_ps(sum, scale, _mm256_loadu_ps(totals.as_ptr()));
                    _mm256_storeu_ps(totals.as_mut_ptr(), total);
                }
            }
        }
    }
}
