//! Kernels for AVX-512 with byte and word instructions. Every 64 weights are unpacked to a register of bytes and multiplied
//! with the activations of one row after the other: pairs of products as 16 bits, which their scale brings to 32.

mod many;

use core::arch::x86_64::*;

use crate::activations::{Block, Order};
use crate::blocks::{Kind, scales_and_minima};
use crate::groups::{
    Unpacked, four_of_each, load64, sums_of, unpack_mxfp4, unpack_q4_0, unpack_q4_1, unpack_q5_0, unpack_q5_1,
};
use crate::kernels::{fetch, filled_up, for_rows, half, kernel, load16, load32, of_eight};
use crate::multiply::{Acts, Kernel, Kernels, NEAR, PANEL, PIECE, Products};
use crate::packed::packing;
use many::{MANY_BLOCKS, MANY_BY_2, MANY_BY_4};

/// The kernel for a kind of weights, if the processor has what it takes.
pub fn kernels(kind: Kind) -> Option<Kernels> {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("f16c");
    let few: &[Kernel] = match kind {
        Kind::Q4K => const { &for_rows!(q4_k) },
        Kind::Q5K => const { &for_rows!(q5_k) },
        Kind::Q6K => const { &for_rows!(q6_k) },
        Kind::Q8_0 => const { &for_rows!(q8_0) },
        Kind::Q4_0 => const { &for_rows!(q4_0) },
        Kind::Q4_1 => const { &for_rows!(q4_1) },
        Kind::Q5_0 => const { &for_rows!(q5_0) },
        Kind::Q5_1 => const { &for_rows!(q5_1) },
        Kind::Mxfp4 => const { &for_rows!(mxfp4) },
    };
    let order = match kind {
        Kind::Q4K | Kind::Q5K | Kind::Q6K | Kind::Q8_0 => Order::Columns,
        Kind::Q4_0 | Kind::Q4_1 | Kind::Q5_0 | Kind::Q5_1 | Kind::Mxfp4 => Order::Groups,
    };
    able.then_some(Kernels {
        order,
        order_of_many: order,
        near: NEAR,
        few,
        many: packing(kind, &MANY_BY_2, &MANY_BY_4, &MANY_BLOCKS),
    })
}

/// The `quarter`th 64 activations of a block.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn quarter_of(block: &Block, quarter: usize) -> __m512i {
    // SAFETY: a block has four quarters, and it is aligned to 64 bytes.
    unsafe { _mm512_load_si512(block.bytes.as_ptr().add(64 * (quarter & 3)).cast()) }
}

/// The scales and minima of a Q4_K or Q5_K block, a byte each.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn packed(block: &[u8]) -> __m128i {
    let [a, b, c, d] = scales_and_minima(block, 4).map(|four| four as i32);
    _mm_setr_epi32(a, b, c, d)
}

/// Of sixteen numbers of 16 bits, one for each of the eight (`SHARE` 16) or four (8) weights' pairs that share it, for the
/// `quarter`th 64 weights.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn spread<const SHARE: usize>(scales: __m256i, quarter: usize) -> __m512i {
    const fn indices<const SHARE: usize>(quarter: usize) -> [i16; 32] {
        let mut indices = [0; 32];
        let mut lane = 0;
        while lane < 32 {
            indices[lane] = (quarter * (32 / SHARE) + lane / SHARE) as i16;
            lane += 1;
        }
        indices
    }
    let table = const {
        [
            indices::<SHARE>(0),
            indices::<SHARE>(1),
            indices::<SHARE>(2),
            indices::<SHARE>(3),
        ]
    };
    // SAFETY: 32 numbers of 16 bits are 64 bytes.
    let index = unsafe { _mm512_loadu_si512(table[quarter & 3].as_ptr().cast()) };
    _mm512_permutexvar_epi16(index, _mm512_castsi256_si512(scales))
}

/// Adds 256 weights to the totals: `weights` are bytes and 16-bit scales of each quarter, `scale` is what one step of their
/// product is worth, `offsets` what is subtracted from each sixteen weights.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    weights: [(__m512i, __m512i); 4],
    scale: f32,
    offsets: __m512,
) {
    let scale = _mm512_set1_ps(scale);
    for (row, total) in totals.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let act = unsafe { acts.block(row, place) };
        let mut steps = _mm512_setzero_si512();
        for (quarter, (weights, scales)) in weights.iter().enumerate() {
            let pairs = _mm512_maddubs_epi16(*weights, quarter_of(act, quarter));
            steps = _mm512_add_epi32(steps, _mm512_madd_epi16(pairs, *scales));
        }
        let worth = _mm512_mul_ps(scale, _mm512_set1_ps(unsafe { acts.scale(row, place) }));
        *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), worth, *total);
        *total = _mm512_fnmadd_ps(offsets, sums_of(act), *total);
    }
}

/// Adds 256 weights of at most five bits, of which eight products of a lane fit 16 bits.
///
/// # Safety
/// `acts` has as many rows as there are totals, and a block at `place`.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add_groups<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    weights: Unpacked,
) {
    for (row, total) in totals.iter_mut().enumerate() {
        // SAFETY: the caller's.
        let (act, scale) = unsafe { (acts.block(row, place), acts.scale(row, place)) };
        let mut pairs = _mm512_setzero_si512();
        for (four, weights) in weights.fours.iter().enumerate() {
            let products = _mm512_maddubs_epi16(*weights, four_of_each(act, four));
            pairs = _mm512_add_epi16(pairs, products);
        }
        let steps = _mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
        let worth = _mm512_mul_ps(weights.scales, _mm512_set1_ps(scale));
        *total = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), worth, *total);
        *total = _mm512_fnmadd_ps(weights.offsets, sums_of(act), *total);
    }
}

/// Adds up each total, four at a time and always in the same order.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn finish<const ROWS: usize>(totals: [__m512; ROWS], row: usize, out: &mut Products) {
    for first in (0..ROWS).step_by(4) {
        let at = |index: usize| totals[(first + index).min(ROWS - 1)];
        let (a, b, c, d) = (at(0), at(1), at(2), at(3));
        let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        let lower = _mm512_shuffle_ps(ab, cd, 0b01_00_01_00);
        let upper = _mm512_shuffle_ps(ab, cd, 0b11_10_11_10);
        let sums = _mm512_add_ps(lower, upper);
        let sums = _mm256_add_ps(_mm512_castps512_ps256(sums), upper_half(sums));
        let sums = _mm_add_ps(_mm256_castps256_ps128(sums), _mm256_extractf128_ps(sums, 1));
        let mut four = [0.0; 4];
        // SAFETY: four numbers.
        unsafe { _mm_storeu_ps(four.as_mut_ptr(), sums) };
        for (index, sum) in four.into_iter().enumerate().take(ROWS - first) {
            out[first + index][row] += sum;
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn upper_half(of: __m512) -> __m256 {
    _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(of), 1))
}

kernel!(
    "avx512f,avx512bw,avx2,f16c",
    _mm512_setzero_ps,
    q4_k,
    144,
    add_q4_k
);
kernel!(
    "avx512f,avx512bw,avx2,f16c",
    _mm512_setzero_ps,
    q5_k,
    176,
    add_q5_k
);
kernel!(
    "avx512f,avx512bw,avx2,f16c",
    _mm512_setzero_ps,
    q6_k,
    210,
    add_q6_k
);
kernel!(
    "avx512f,avx512bw,avx2,f16c",
    _mm512_setzero_ps,
    q8_0,
    8 * 34,
    add_q8_0
);

of_eight!(
    "avx512f,avx512bw,avx2,f16c",
    __m512,
    _mm512_setzero_ps,
    q4_0,
    18,
    add_q4_0,
    unpack_q4_0
);
of_eight!(
    "avx512f,avx512bw,avx2,f16c",
    __m512,
    _mm512_setzero_ps,
    q4_1,
    20,
    add_q4_1,
    unpack_q4_1
);
of_eight!(
    "avx512f,avx512bw,avx2,f16c",
    __m512,
    _mm512_setzero_ps,
    q5_0,
    22,
    add_q5_0,
    unpack_q5_0
);
of_eight!(
    "avx512f,avx512bw,avx2,f16c",
    __m512,
    _mm512_setzero_ps,
    q5_1,
    24,
    add_q5_1,
    unpack_q5_1
);
of_eight!(
    "avx512f,avx512bw,avx2,f16c",
    __m512,
    _mm512_setzero_ps,
    mxfp4,
    17,
    add_mxfp4,
    unpack_mxfp4
);

/// The `quarter`th 64 weights of four bits: of 32 bytes the lower halves, then the upper halves.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn nibbles(block: &[u8], at: usize, quarter: usize) -> __m512i {
    let both = _mm512_broadcast_i64x4(load32(block, at + 32 * quarter));
    let shifts = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
    _mm512_and_si512(_mm512_srlv_epi16(both, shifts), _mm512_set1_epi8(15))
}

/// The minima of a Q4_K or Q5_K block, each for two times sixteen weights.
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
fn minima(packed: __m128i, scale: f32) -> __m512 {
    let twice = _mm_setr_epi8(8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15);
    let minima = _mm512_cvtepu8_epi32(_mm_shuffle_epi8(packed, twice));
    _mm512_mul_ps(_mm512_cvtepi32_ps(minima), _mm512_set1_ps(scale))
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add_q4_k<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 144],
) {
    let packed = packed(block);
    let scales = _mm256_cvtepu8_epi16(packed);
    let weights: [_; 4] =
        std::array::from_fn(|quarter| (nibbles(block, 16, quarter), spread::<16>(scales, quarter)));
    let minima = minima(packed, half(block, 2));
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, half(block, 0), minima) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add_q5_k<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 176],
) {
    let packed = packed(block);
    let scales = _mm256_cvtepu8_epi16(packed);
    let fifth = _mm512_broadcast_i64x4(load32(block, 16));
    let weights: [_; 4] = std::array::from_fn(|quarter| {
        let bytes = nibbles(block, 48, quarter);
        let first = _mm256_set1_epi8((1_u8 << (2 * quarter)) as i8);
        let second = _mm256_set1_epi8((2_u8 << (2 * quarter)) as i8);
        let bits = _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
        let set = _mm512_test_epi8_mask(fifth, bits);
        let bytes = _mm512_mask_add_epi8(bytes, set, bytes, _mm512_set1_epi8(16));
        (bytes, spread::<16>(scales, quarter))
    });
    let minima = minima(packed, half(block, 2));
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, half(block, 0), minima) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add_q6_k<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 210],
) {
    let scale = half(block, 208);
    let scales = load16(block, 192);
    let low = _mm512_set1_epi8(15);
    let upper_two = _mm512_set1_epi8(0x30);
    let words = _mm256_cvtepi8_epi16(scales);
    let weights: [_; 4] = std::array::from_fn(|quarter| {
        // 64 bytes of lower and 32 of upper bits are 128 weights: the lower halves' first, then the upper halves'.
        let (half, second) = (quarter / 2, quarter % 2 == 1);
        let lower = load64(block, 64 * half);
        let lower = if second {
            _mm512_srli_epi16(lower, 4)
        } else {
            lower
        };
        let upper = _mm512_broadcast_i64x4(load32(block, 128 + 32 * half));
        // To bits four and five: up by 4 and 2, or by 0 and then down by 2.
        let upper = if second {
            let down = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
            _mm512_srlv_epi16(upper, down)
        } else {
            let up = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
            _mm512_sllv_epi16(upper, up)
        };
        let bytes = _mm512_or_si512(_mm512_and_si512(lower, low), _mm512_and_si512(upper, upper_two));
        (bytes, spread::<8>(words, quarter))
    });
    // The six bits stand for -32 to 31.
    let offsets = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales));
    let offsets = _mm512_mul_ps(offsets, _mm512_set1_ps(32.0 * scale));
    // SAFETY: the caller's.
    unsafe { add(totals, acts, place, weights, scale, offsets) };
}

/// # Safety
/// As [`add`].
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
unsafe fn add_q8_0<const ROWS: usize>(
    totals: &mut [__m512; ROWS],
    acts: Acts,
    place: usize,
    block: &[u8; 8 * 34],
) {
    let ones = _mm512_set1_epi16(1);
    let mut parts = [_mm512_setzero_ps(); ROWS];
    for quarter in 0..4 {
        let at = 68 * quarter;
        let first = _mm512_castsi256_si512(load32(block, at + 2));
        let weights = _mm512_inserti64x4(first, load32(block, at + 36), 1);
        let scale = _mm512_castsi512_ps(_mm512_inserti64x4(
            _mm512_castps_si512(_mm512_set1_ps(half(block, at))),
            _mm256_castps_si256(_mm256_set1_ps(half(block, at + 34))),
            1,
        ));
        // One factor must be without a sign: the weights give theirs to the activations.
        let (sizes, negative) = (_mm512_abs_epi8(weights), _mm512_movepi8_mask(weights));
        for (row, part) in parts.iter_mut().enumerate() {
            // SAFETY: the caller's.
            let acts = quarter_of(unsafe { acts.block(row, place) }, quarter);
            let signed = _mm512_mask_sub_epi8(acts, negative, _mm512_setzero_si512(), acts);
            let steps = _mm512_madd_epi16(_mm512_maddubs_epi16(sizes, signed), ones);
            *part = _mm512_fmadd_ps(_mm512_cvtepi32_ps(steps), scale, *part);
        }
    }
    for (row, (total, part)) in totals.iter_mut().zip(parts).enumerate() {
        // SAFETY: the caller's.
        let scale = unsafe { acts.scale(row, place) };
        *total = _mm512_fmadd_ps(part, _mm512_set1_ps(scale), *total);
    }
}
