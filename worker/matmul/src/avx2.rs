//! Kernels for AVX2. Blocks of 32 of at most five bits are unpacked as for AVX-512 with half the width; other kinds have their own
//! (`lanes.rs`), and those of eight bits another for prompts (`wide.rs`).

mod groups;
mod lanes;
mod wide;

use core::arch::x86_64::*;

use crate::activations::{Block, Order};
use crate::blocks::Kind;
use crate::kernels::{fetch, filled_up, for_rows, kernel, of_eight};
use crate::multiply::{Acts, Kernel, Kernels, NEAR, PANEL, PIECE, Products};
use crate::packed::Many;
use groups::{Unpacked, unpack_mxfp4, unpack_q4_0, unpack_q4_1, unpack_q5_0, unpack_q5_1};
use lanes::{q4_k, q5_k, q6_k, q8_0};
use wide::{MANY, pack_q8_0};

pub(crate) use wide::SixteenWide;

/// The kernel for a kind of weights, if the processor has what it takes.
pub fn kernels(kind: Kind) -> Option<Kernels> {
    let able = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    let few: &[Kernel] = match kind {
        Kind::Q4K => const { &for_rows!(q4_k; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q5K => const { &for_rows!(q5_k; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q6K => const { &for_rows!(q6_k; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q8_0 => const { &for_rows!(q8_0; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q4_0 => const { &for_rows!(q4_0; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q4_1 => const { &for_rows!(q4_1; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q5_0 => const { &for_rows!(q5_0; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Q5_1 => const { &for_rows!(q5_1; 1 2 3 4 5 6 7 8 9 10 11 12) },
        Kind::Mxfp4 => const { &for_rows!(mxfp4; 1 2 3 4 5 6 7 8 9 10 11 12) },
    };
    let order = match kind {
        Kind::Q4K | Kind::Q5K | Kind::Q8_0 => Order::Stacked,
        Kind::Q6K => Order::Folded,
        Kind::Q4_0 | Kind::Q4_1 | Kind::Q5_0 | Kind::Q5_1 | Kind::Mxfp4 => Order::Groups,
    };
    able.then_some(Kernels {
        order,
        order_of_many: Order::Wide,
        near: NEAR,
        few,
        // Others gain nothing by it over twelve rows at a time.
        many: (kind == Kind::Q8_0).then_some(Many::SixteenWide(pack_q8_0, &MANY)),
    })
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
