//! Kernels for AVX-512 with dot products of bytes (VNNI): one instruction adds four products to each of sixteen sums.
//!
//! A block of weights is unpacked to four registers whose sixteen lanes are its sixteen groups of sixteen columns
//! (`groups.rs`), so that four instructions multiply a block, and what is done for each scale is done for all of them at once.
//! Q4_K and Q6_K have kernels of their own (`two.rs`).
//!
//! For many rows of activations sixteen rows of weights lie side by side, four columns of each in turn: one instruction
//! multiplies four activations, taken from memory as they are, with all of them.

use core::arch::x86_64::*;

use crate::activations::{Block, Order};
use crate::avx512::finish;
use crate::blocks::Kind;
use crate::groups::{
    four_of_each, sums_of, unpack_mxfp4, unpack_q4_0, unpack_q4_1, unpack_q4_k, unpack_q5_0, unpack_q5_1,
    unpack_q5_k, unpack_q6_k, unpack_q8_0,
};
use crate::kernels::{fetch, filled_up, for_rows, kernel};
use crate::multiply::{Acts, Kernel, Kernels, NEAR, PANEL, PIECE, Products};
use crate::packed::{Many, ManyKernel, Pack, SideBySide};
use crate::two::{self, q4_k, q6_k};

/// The kernels for a kind of weights, if the processor has what they take.
pub fn kernels(kind: Kind) -> Option<Kernels> {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("f16c");
    let (few, pack): (&[Kernel], Pack<Sixteen>) = match kind {
        Kind::Q4K => (const { &for_rows!(q4_k; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q4_k),
        Kind::Q5K => (const { &for_rows!(q5_k; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q5_k),
        Kind::Q6K => (const { &for_rows!(q6_k; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q6_k),
        Kind::Q8_0 => (const { &for_rows!(q8_0; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q8_0),
        Kind::Q4_0 => (const { &for_rows!(q4_0; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q4_0),
        Kind::Q4_1 => (const { &for_rows!(q4_1; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q4_1),
        Kind::Q5_0 => (const { &for_rows!(q5_0; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q5_0),
        Kind::Q5_1 => (const { &for_rows!(q5_1; 1 2 3 4 5 6 7 8 9 10 11 12) }, pack_q5_1),
        Kind::Mxfp4 => (
            const { &for_rows!(mxfp4; 1 2 3 4 5 6 7 8 9 10 11 12) },
            pack_mxfp4,
        ),
    };
    let kernels = match kind {
        Kind::Q6K => &MANY_BY_16,
        _ => &MANY_BY_32,
    };
    able.then_some(Kernels {
        order: match kind {
            Kind::Q4K => Order::Pairs,
            Kind::Q6K => Order::Centred,
            _ => Order::Groups,
        },
        order_of_many: Order::Groups,
        near: match kind {
            Kind::Q4K | Kind::Q6K => two::NEAR,
            _ => NEAR,
        },
        few,
        many: Some(Many::Sixteen(pack, kernels)),
    })
}

/// Declares the kernel for a kind of weights, and how sixteen rows of it are put side by side: blocks of `$bytes` bytes, which
/// `$unpack` unpacks.
macro_rules! kind {
    ($few:ident, $add:ident, $pack:ident, $bytes:expr, $unpack:ident) => {
        /// Adds 256 weights to the totals.
        ///
        /// # Safety
        /// `acts` has as many rows as there are totals, and a block at `place`.
        #[inline]
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
        unsafe fn $add<const ROWS: usize>(
            totals: &mut [__m512; ROWS],
            acts: Acts,
            place: usize,
            block: &[u8; $bytes],
        ) {
            let weights = $unpack(block);
            for (row, total) in totals.iter_mut().enumerate() {
                // SAFETY: the caller's.
                let (act, scale) = unsafe { (acts.block(row, place), acts.scale(row, place)) };
                let mut steps = _mm512_setzero_si512();
                for (four, weights) in weights.fours.iter().enumerate() {
                    steps = _mm512_dpbusd_epi32(steps, *weights, four_of_each(act, four));
                }
                let worth = _mm512_mul_ps(weights.scales, _mm512_set1_ps(scale));
                *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), worth, *total);
                *total = _mm512_fnmadd_ps(weights.offsets, sums_of(act), *total);
            }
        }

        kernel!(
            "avx512f,avx512bw,avx512vnni,avx2,f16c",
            _mm512_setzero_ps,
            $few,
            $bytes,
            $add
        );

        pack!($pack, $unpack);
    };
}

/// Declares how sixteen rows of a kind of weights are put side by side, blocks which `$unpack` unpacks.
macro_rules! pack {
    ($pack:ident, $unpack:ident) => {
        /// # Safety
        /// The processor has what this is compiled for.
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
        unsafe fn $pack(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut Sixteen) {
            let zero = _mm512_setzero_si512();
            let (mut fours, mut scales, mut offsets) = ([[zero; 16]; 4], [zero; 16], [zero; 16]);
            for row in 0..16 {
                // The last row in place of those that are not there: what comes of them is not asked for.
                let at = row.min(rows - 1) * row_bytes;
                let part = &first[at..at + bytes];
                let weights = match part.first_chunk() {
                    Some(block) => $unpack(block),
                    None => $unpack(&filled_up(part)),
                };
                for (rows, four) in fours.iter_mut().zip(weights.fours) {
                    rows[row] = four;
                }
                scales[row] = _mm512_castps_si512(weights.scales);
                offsets[row] = _mm512_castps_si512(weights.offsets);
            }
            for (bytes, fours) in to.bytes.iter_mut().zip(fours.map(|rows| transposed(rows))) {
                *bytes = fours;
            }
            to.scales = transposed(scales);
            to.offsets = transposed(offsets);
        }
    };
}

pack!(pack_q4_k, unpack_q4_k);
kind!(q5_k, add_q5_k, pack_q5_k, 176, unpack_q5_k);
pack!(pack_q6_k, unpack_q6_k);
kind!(q8_0, add_q8_0, pack_q8_0, 8 * 34, unpack_q8_0);
kind!(q4_0, add_q4_0, pack_q4_0, 8 * 18, unpack_q4_0);
kind!(q4_1, add_q4_1, pack_q4_1, 8 * 20, unpack_q4_1);
kind!(q5_0, add_q5_0, pack_q5_0, 8 * 22, unpack_q5_0);
kind!(q5_1, add_q5_1, pack_q5_1, 8 * 24, unpack_q5_1);
kind!(mxfp4, add_mxfp4, pack_mxfp4, 8 * 17, unpack_mxfp4);

/// 256 columns of sixteen rows.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Sixteen {
    /// The weights without a sign: for each four of a group and each group of sixteen columns, four columns of each row.
    bytes: [[[u32; 16]; 16]; 4],
    /// What a step of each row is worth, as the bits of an f32, by group.
    scales: [[u32; 16]; 16],
    /// What is to be subtracted from each row's weights, as the bits of an f32, by group.
    offsets: [[u32; 16]; 16],
}

impl SideBySide for Sixteen {
    const ROWS: usize = 16;
    const ZERO: Self = Self {
        bytes: [[[0; 16]; 16]; 4],
        scales: [[0; 16]; 16],
        offsets: [[0; 16]; 16],
    };

    fn products(totals: &[f32; 16]) -> [f32; 16] {
        *totals
    }
}

static MANY_BY_16: [ManyKernel<Sixteen>; 8] = for_rows!(many, 1);
static MANY_BY_32: [ManyKernel<Sixteen>; 8] = for_rows!(many, 2);

/// A kernel for many rows of activations, for weights of which `GROUPS` times sixteen columns share a scale.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx2,f16c")]
unsafe fn many<const ROWS: usize, const GROUPS: usize>(
    packed: &[Sixteen],
    acts: Acts,
    totals: &mut [[f32; 16]],
) {
    for (place, packed) in packed.iter().enumerate() {
        // SAFETY: the caller's.
        let blocks: [&Block; ROWS] = std::array::from_fn(|row| unsafe { acts.block(row, place) });
        let mut parts = [_mm512_setzero_ps(); ROWS];
        for first in (0..16).step_by(GROUPS) {
            let mut steps = [_mm512_setzero_si512(); ROWS];
            for group in first..first + GROUPS {
                for (four, groups) in packed.bytes.iter().enumerate() {
                    let weights = row_of(&groups[group]);
                    for (steps, block) in steps.iter_mut().zip(blocks) {
                        let acts = _mm512_set1_epi32(four_at(block, 16 * four + group));
                        *steps = _mm512_dpbusd_epi32(*steps, weights, acts);
                    }
                }
            }
            let scales = _mm512_castsi512_ps(row_of(&packed.scales[first]));
            for (part, steps) in parts.iter_mut().zip(steps) {
                *part = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), scales, *part);
            }
        }
        // SAFETY: there is a total of sixteen numbers for each row.
        let mut sums: [_; ROWS] = std::array::from_fn(|row| unsafe { _mm512_loadu_ps(totals[row].as_ptr()) });
        for (row, (sum, part)) in sums.iter_mut().zip(parts).enumerate() {
            // SAFETY: the caller's.
            let scale = _mm512_set1_ps(unsafe { acts.scale(row, place) });
            *sum = _mm512_fmadd_ps(part, scale, *sum);
        }
        for (group, offsets) in packed.offsets.iter().enumerate() {
            let offsets = _mm512_castsi512_ps(row_of(offsets));
            for (sum, block) in sums.iter_mut().zip(blocks) {
                *sum = _mm512_fnmadd_ps(offsets, _mm512_set1_ps(block.sums[group]), *sum);
            }
        }
        for (totals, sum) in totals.iter_mut().zip(sums) {
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_ps(totals.as_mut_ptr(), sum) };
        }
    }
}

/// Four bytes of each row.
#[target_feature(enable = "avx512f")]
fn row_of(numbers: &[u32; 16]) -> __m512i {
    // SAFETY: 64 bytes.
    unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) }
}

/// Four activations of a block.
#[inline(always)]
fn four_at(block: &Block, four: usize) -> i32 {
    // SAFETY: a block has 64 times four.
    unsafe {
        let fours = block.bytes.as_ptr().cast::<i32>();
        fours.add(four & 63).read_unaligned()
    }
}

/// The first lane of each row, the second lanes, and so on.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(rows: [__m512i; 16]) -> [[u32; 16]; 16] {
    let mut pairs = rows;
    for two in 0..8 {
        let (a, b) = (rows[2 * two], rows[2 * two + 1]);
        pairs[2 * two] = _mm512_unpacklo_epi32(a, b);
        pairs[2 * two + 1] = _mm512_unpackhi_epi32(a, b);
    }
    // By four rows: of every four lanes of them the first, the second, the third and the fourth.
    let mut fours = pairs;
    for four in 0..4 {
        for upper in 0..2 {
            let (a, b) = (pairs[4 * four + upper], pairs[4 * four + 2 + upper]);
            fours[4 * four + 2 * upper] = _mm512_unpacklo_epi64(a, b);
            fours[4 * four + 2 * upper + 1] = _mm512_unpackhi_epi64(a, b);
        }
    }
    let mut columns = [[0; 16]; 16];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|at| fours[at + column]);
        let even = [(a, b), (c, d)].map(|(a, b)| _mm512_shuffle_i32x4(a, b, 0x88));
        let odd = [(a, b), (c, d)].map(|(a, b)| _mm512_shuffle_i32x4(a, b, 0xdd));
        let sixteens = [
            _mm512_shuffle_i32x4(even[0], even[1], 0x88),
            _mm512_shuffle_i32x4(odd[0], odd[1], 0x88),
            _mm512_shuffle_i32x4(even[0], even[1], 0xdd),
            _mm512_shuffle_i32x4(odd[0], odd[1], 0xdd),
        ];
        for (place, sixteen) in sixteens.into_iter().enumerate() {
            let to = &mut columns[4 * place + column];
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sixteen) };
        }
    }
    columns
}
