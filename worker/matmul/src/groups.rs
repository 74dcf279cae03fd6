//! 256 weights in the registers of AVX-512: the lanes are their sixteen groups of sixteen columns, in one register the first
//! four columns of each, in the next the second four, and so on. Activations lie in the same order ([`Order::Groups`]).
//!
//! [`Order::Groups`]: crate::activations::Order::Groups

use core::arch::x86_64::*;

use crate::activations::Block;
use crate::blocks::{MXFP4_STEPS, word};
use crate::kernels::{half, load16, load32, powers_of_eight, word_of_four};

/// 256 weights.
pub struct Unpacked {
    /// Without a sign: the first four columns of each sixteen, the second four, the third and the fourth.
    pub fours: [__m512i; 4],
    /// What a step of each sixteen is worth.
    pub scales: __m512,
    /// What is subtracted from each sixteen.
    pub offsets: __m512,
}

/// The `four`th four activations of each sixteen of a block.
#[target_feature(enable = "avx512f")]
pub fn four_of_each(block: &Block, four: usize) -> __m512i {
    // SAFETY: a block has four times 64, and it is aligned to 64 bytes.
    unsafe { _mm512_load_si512(block.bytes.as_ptr().add(64 * (four & 3)).cast()) }
}

/// The sums of a block's groups.
#[target_feature(enable = "avx512f")]
pub fn sums_of(block: &Block) -> __m512 {
    // SAFETY: there are sixteen.
    unsafe { _mm512_loadu_ps(block.sums.as_ptr()) }
}

/// 64 bytes from `at` on.
#[target_feature(enable = "avx512f")]
pub fn load64(bytes: &[u8], at: usize) -> __m512i {
    let bytes: &[u8; 64] = bytes[at..].first_chunk().unwrap_or(&[0; 64]);
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Lanes of 32 bits in an order that is told.
macro_rules! lanes {
    (|$lane:ident| $of:expr) => {
        const {
            let mut all = [0_i32; 16];
            let mut $lane = 0;
            while $lane < 16 {
                all[$lane] = $of;
                $lane += 1;
            }
            all
        }
    };
}

#[target_feature(enable = "avx512f")]
fn vector(lanes: [i32; 16]) -> __m512i {
    // SAFETY: sixteen numbers.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

/// Four bits of 256 columns: of 32 bytes the lower halves are 32 columns, the upper halves the next 32.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn nibbles(block: &[u8], at: usize) -> [__m512i; 4] {
    let (first, second) = (load64(block, at), load64(block, at + 64));
    let from = vector(lanes!(|lane| 8 * (lane as i32 / 4) + 4 * (lane as i32 % 2)));
    let shifts = vector(lanes!(|lane| 4 * (lane as i32 / 2 % 2)));
    four_bits(first, second, from, shifts)
}

/// The same of eight blocks of `bytes` bytes, of which they are the last 16: the lower halves are sixteen columns, the upper
/// halves the next sixteen.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn nibbles_of_eight(blocks: &[u8], bytes: usize) -> [__m512i; 4] {
    let sixteen = |block: usize| load16(blocks, bytes * (block + 1) - 16);
    let four = |first: usize| {
        let four = _mm512_castsi128_si512(sixteen(first));
        let four = _mm512_inserti32x4(four, sixteen(first + 1), 1);
        let four = _mm512_inserti32x4(four, sixteen(first + 2), 2);
        _mm512_inserti32x4(four, sixteen(first + 3), 3)
    };
    let from = vector(lanes!(|lane| 4 * (lane as i32 / 2)));
    let shifts = vector(lanes!(|lane| 4 * (lane as i32 % 2)));
    four_bits(four(0), four(4), from, shifts)
}

/// Of two registers the words `from` and those behind them, shifted, and the lower four bits of each byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn four_bits(first: __m512i, second: __m512i, from: __m512i, shifts: __m512i) -> [__m512i; 4] {
    let low = _mm512_set1_epi8(15);
    std::array::from_fn(|four| {
        let from = _mm512_add_epi32(from, _mm512_set1_epi32(four as i32));
        let both = _mm512_permutex2var_epi32(first, from, second);
        _mm512_and_si512(_mm512_srlv_epi32(both, shifts), low)
    })
}

/// The same with a fifth bit, from the four bytes before them: a bit for each of 32 columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn five_of_eight(blocks: &[u8], bytes: usize) -> [__m512i; 4] {
    // Those of a group to its lane.
    let bits = _mm512_cvtepu16_epi32(word_of_eight(blocks, bytes, bytes - 20));
    let mut fours = nibbles_of_eight(blocks, bytes);
    for (four, bytes) in fours.iter_mut().enumerate() {
        let byte_of = vector(lanes!(|lane| 0x0101_0101 * 4 * (lane as i32 % 4)));
        let byte_of = _mm512_add_epi8(byte_of, _mm512_set1_epi8((four / 2) as i8));
        let bit = _mm512_set1_epi32(if four % 2 == 0 {
            0x0804_0201
        } else {
            0x8040_2010_u32 as i32
        });
        let set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, byte_of), bit);
        *bytes = _mm512_mask_add_epi8(*bytes, set, *bytes, _mm512_set1_epi8(16));
    }
    fours
}

/// The scales and the offsets of a Q4_K or Q5_K block: as [`scales_and_minima`], four words at once.
///
/// [`scales_and_minima`]: crate::blocks::scales_and_minima
#[inline]
#[target_feature(enable = "avx512f,avx2,f16c")]
fn scales_of_32(block: &[u8]) -> (__m512, __m512) {
    let words = load16(block, 4);
    // Words a, b and c: the lower six bits of a and b, and four of c with the upper two of a or b above them.
    let lower = _mm_shuffle_epi32::<0b10_01_10_00>(words);
    let lower = _mm_srlv_epi32(lower, _mm_setr_epi32(0, 0, 0, 4));
    let lower = _mm_and_si128(
        lower,
        _mm_setr_epi32(0x3f3f_3f3f, 0x0f0f_0f0f, 0x3f3f_3f3f, 0x0f0f_0f0f),
    );
    let upper = _mm_srli_epi32::<2>(_mm_shuffle_epi32::<0b01_00_00_00>(words));
    let upper = _mm_and_si128(upper, _mm_setr_epi32(0, 0x3030_3030, 0, 0x3030_3030));
    let packed = _mm_or_si128(lower, upper);
    let twice = _mm_unpacklo_epi8(packed, packed);
    let minima = _mm_unpackhi_epi8(packed, packed);
    let worth = _mm_cvtph_ps(_mm_cvtsi32_si128(word(block, 0).cast_signed()));
    let steps = |steps| _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(steps));
    (
        _mm512_mul_ps(steps(twice), _mm512_broadcastss_ps(worth)),
        _mm512_mul_ps(steps(minima), _mm512_broadcastss_ps(_mm_movehdup_ps(worth))),
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q4_k(block: &[u8; 144]) -> Unpacked {
    let (scales, offsets) = scales_of_32(block);
    Unpacked {
        fours: nibbles(block, 16),
        scales,
        offsets,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q5_k(block: &[u8; 176]) -> Unpacked {
    let (scales, offsets) = scales_of_32(block);
    let mut fours = nibbles(block, 48);
    // A bit of 32 bytes for each 32 columns.
    let bits = vector(lanes!(|lane| 0x0101_0101 << (lane / 2)));
    let fifth = _mm512_broadcast_i64x4(load32(block, 16));
    let from = vector(lanes!(|lane| 4 * (lane as i32 % 2)));
    for (four, bytes) in fours.iter_mut().enumerate() {
        let from = _mm512_add_epi32(from, _mm512_set1_epi32(four as i32));
        let set = _mm512_test_epi8_mask(_mm512_permutexvar_epi32(from, fifth), bits);
        *bytes = _mm512_mask_add_epi8(*bytes, set, *bytes, _mm512_set1_epi8(16));
    }
    Unpacked {
        fours,
        scales,
        offsets,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q6_k(block: &[u8; 210]) -> Unpacked {
    // 64 bytes of lower and 32 of upper bits are 128 columns: the lower halves' first, then the upper halves'.
    let (first, second) = (load64(block, 0), load64(block, 64));
    let upper = load64(block, 128);
    let from = vector(lanes!(|lane| 16 * (lane as i32 / 8)
        + 8 * (lane as i32 / 2 % 2)
        + 4 * (lane as i32 % 2)));
    let shifts = vector(lanes!(|lane| 4 * (lane as i32 / 4 % 2)));
    let from_upper = vector(lanes!(|lane| 8 * (lane as i32 / 8) + 4 * (lane as i32 % 2)));
    // To bits four and five: up by 4, 2 or 0, or down by 2.
    let turns = vector(lanes!(|lane| (36 - 2 * (lane as i32 / 2 % 4)) % 32));
    let (low, upper_two) = (_mm512_set1_epi8(15), _mm512_set1_epi8(0x30));
    let fours = std::array::from_fn(|four| {
        let four = _mm512_set1_epi32(four as i32);
        let both = _mm512_permutex2var_epi32(first, _mm512_add_epi32(from, four), second);
        let lower = _mm512_and_si512(_mm512_srlv_epi32(both, shifts), low);
        let upper = _mm512_permutexvar_epi32(_mm512_add_epi32(from_upper, four), upper);
        let upper = _mm512_and_si512(_mm512_rolv_epi32(upper, turns), upper_two);
        _mm512_or_si512(lower, upper)
    });
    let steps = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(load16(block, 192)));
    let scales = _mm512_mul_ps(steps, _mm512_set1_ps(half(block, 208)));
    Unpacked {
        fours,
        scales,
        // The six bits stand for -32 to 31.
        offsets: _mm512_mul_ps(scales, _mm512_set1_ps(32.0)),
    }
}

/// Four bytes from `at` on of each of eight blocks of `bytes` bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn word_of_eight(blocks: &[u8], bytes: usize, at: usize) -> __m256i {
    let second = word_of_four(blocks, bytes, 4 * bytes + at);
    _mm256_set_m128i(second, word_of_four(blocks, bytes, at))
}

/// The first two numbers of 16 bits of eight blocks of `bytes` bytes, each for its two groups: a scale, and a minimum if the
/// blocks have one.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn numbers_of_eight(blocks: &[u8], bytes: usize) -> (__m512, __m512) {
    let numbers = _mm512_cvtph_ps(word_of_eight(blocks, bytes, 0));
    (_mm512_moveldup_ps(numbers), _mm512_movehdup_ps(numbers))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q8_0(block: &[u8; 8 * 34]) -> Unpacked {
    // One factor must be without a sign: they are 128 too large.
    let quarter = |quarter: usize| {
        let first = _mm512_castsi256_si512(load32(block, 68 * quarter + 2));
        let weights = _mm512_inserti64x4(first, load32(block, 68 * quarter + 36), 1);
        _mm512_xor_si512(weights, _mm512_set1_epi8(-128))
    };
    let [a, b, c, d] = [quarter(0), quarter(1), quarter(2), quarter(3)];
    let (lower, upper) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (more, most) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    let turned = vector(lanes!(|lane| 4 * (lane as i32 % 4) + lane as i32 / 4));
    let fours = [
        _mm512_unpacklo_epi64(lower, more),
        _mm512_unpackhi_epi64(lower, more),
        _mm512_unpacklo_epi64(upper, most),
        _mm512_unpackhi_epi64(upper, most),
    ]
    .map(|four| _mm512_permutexvar_epi32(turned, four));
    let (scales, _) = numbers_of_eight(block, 34);
    Unpacked {
        fours,
        scales,
        offsets: _mm512_mul_ps(scales, _mm512_set1_ps(128.0)),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q4_0(block: &[u8; 8 * 18]) -> Unpacked {
    let (scales, _) = numbers_of_eight(block, 18);
    Unpacked {
        fours: nibbles_of_eight(block, 18),
        scales,
        // The four bits stand for -8 to 7.
        offsets: _mm512_mul_ps(scales, _mm512_set1_ps(8.0)),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q4_1(block: &[u8; 8 * 20]) -> Unpacked {
    let (scales, minima) = numbers_of_eight(block, 20);
    Unpacked {
        fours: nibbles_of_eight(block, 20),
        scales,
        // What GGUF adds to each.
        offsets: _mm512_sub_ps(_mm512_setzero_ps(), minima),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q5_0(block: &[u8; 8 * 22]) -> Unpacked {
    let (scales, _) = numbers_of_eight(block, 22);
    Unpacked {
        fours: five_of_eight(block, 22),
        scales,
        // The five bits stand for -16 to 15.
        offsets: _mm512_mul_ps(scales, _mm512_set1_ps(16.0)),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_q5_1(block: &[u8; 8 * 24]) -> Unpacked {
    let (scales, minima) = numbers_of_eight(block, 24);
    Unpacked {
        fours: five_of_eight(block, 24),
        scales,
        offsets: _mm512_sub_ps(_mm512_setzero_ps(), minima),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2,f16c")]
pub fn unpack_mxfp4(block: &[u8; 8 * 17]) -> Unpacked {
    let steps = _mm512_broadcast_i32x4(load16(&MXFP4_STEPS, 0));
    let mut fours = nibbles_of_eight(block, 17);
    for four in &mut fours {
        *four = _mm512_shuffle_epi8(steps, *four);
    }
    let powers = _mm512_cvtepu8_epi32(powers_of_eight(block, 17));
    let scales = _mm512_castsi512_ps(_mm512_slli_epi32(powers, 23));
    Unpacked {
        fours,
        scales,
        // They stand for -12 to 12 halves.
        offsets: _mm512_mul_ps(scales, _mm512_set1_ps(12.0)),
    }
}
