//! Blocks of 32 in the registers of AVX2, as `groups.rs` has them in wider ones: the lanes are eight of 256 weights' sixteen
//! groups.

use core::arch::x86_64::*;

use crate::blocks::MXFP4_STEPS;
use crate::kernels::{load16, powers_of_eight, word_of_four};

/// 256 weights of at most five bits.
pub struct Unpacked {
    /// The first four columns of each of eight sixteens, the second four, the third and the fourth; then of the other eight.
    pub fours: [[__m256i; 4]; 2],
    /// What a step of each sixteen is worth.
    pub scales: [__m256; 2],
    /// What is subtracted from each sixteen.
    pub offsets: [__m256; 2],
}

/// Four bits of eight blocks of `bytes` bytes, of which they are the last 16: the lower halves are sixteen columns, the upper
/// halves the next sixteen.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn nibbles_of_eight(blocks: &[u8], bytes: usize) -> [[__m256i; 4]; 2] {
    let low = _mm256_set1_epi8(15);
    let mut halves = [[_mm256_setzero_si256(); 4]; 2];
    for (half, fours) in halves.iter_mut().enumerate() {
        let sixteen = |block: usize| load16(blocks, bytes * (4 * half + block + 1) - 16);
        let even = _mm256_set_m128i(sixteen(2), sixteen(0));
        let odd = _mm256_set_m128i(sixteen(3), sixteen(1));
        let both = [_mm256_unpacklo_epi32(even, odd), _mm256_unpackhi_epi32(even, odd)];
        for (fours, both) in fours.as_chunks_mut::<2>().0.iter_mut().zip(both) {
            let lower = _mm256_and_si256(both, low);
            let upper = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
            fours[0] = _mm256_unpacklo_epi32(lower, upper);
            fours[1] = _mm256_unpackhi_epi32(lower, upper);
        }
    }
    halves
}

/// The same with a fifth bit, from the four bytes before them: a bit for each of 32 columns.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn five_of_eight(blocks: &[u8], bytes: usize) -> [[__m256i; 4]; 2] {
    let mut halves = nibbles_of_eight(blocks, bytes);
    for (half, fours) in halves.iter_mut().enumerate() {
        let bits = word_of_four(blocks, bytes, bytes * (4 * half + 1) - 20);
        // Those of a sixteen to its lane.
        let bits = _mm256_cvtepu16_epi32(bits);
        let lanes = _mm_setr_epi32(0, 0x0404_0404, 0x0808_0808, 0x0c0c_0c0c);
        for (four, bytes) in fours.iter_mut().enumerate() {
            let byte_of = _mm_add_epi8(lanes, _mm_set1_epi8((four / 2) as i8));
            let bits = _mm256_shuffle_epi8(bits, _mm256_broadcastsi128_si256(byte_of));
            let bit = _mm256_set1_epi32([0x0804_0201, 0x8040_2010_u32 as i32][four % 2]);
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
            *bytes = _mm256_or_si256(*bytes, _mm256_and_si256(set, _mm256_set1_epi8(16)));
        }
    }
    halves
}

/// The first two numbers of 16 bits of eight blocks of `bytes` bytes, each for its two sixteens: a scale, and a minimum if the
/// blocks have one.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn numbers_of_eight(blocks: &[u8], bytes: usize) -> ([__m256; 2], [__m256; 2]) {
    let lower = _mm256_cvtph_ps(word_of_four(blocks, bytes, 0));
    let upper = _mm256_cvtph_ps(word_of_four(blocks, bytes, 4 * bytes));
    (
        [_mm256_moveldup_ps(lower), _mm256_moveldup_ps(upper)],
        [_mm256_movehdup_ps(lower), _mm256_movehdup_ps(upper)],
    )
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn times(numbers: [__m256; 2], factor: f32) -> [__m256; 2] {
    let factor = _mm256_set1_ps(factor);
    [
        _mm256_mul_ps(numbers[0], factor),
        _mm256_mul_ps(numbers[1], factor),
    ]
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn unpack_q4_0(block: &[u8; 8 * 18]) -> Unpacked {
    let (scales, _) = numbers_of_eight(block, 18);
    Unpacked {
        fours: nibbles_of_eight(block, 18),
        scales,
        // The four bits stand for -8 to 7.
        offsets: times(scales, 8.0),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn unpack_q4_1(block: &[u8; 8 * 20]) -> Unpacked {
    let (scales, minima) = numbers_of_eight(block, 20);
    Unpacked {
        fours: nibbles_of_eight(block, 20),
        scales,
        offsets: times(minima, -1.0),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn unpack_q5_0(block: &[u8; 8 * 22]) -> Unpacked {
    let (scales, _) = numbers_of_eight(block, 22);
    Unpacked {
        fours: five_of_eight(block, 22),
        scales,
        // The five bits stand for -16 to 15.
        offsets: times(scales, 16.0),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn unpack_q5_1(block: &[u8; 8 * 24]) -> Unpacked {
    let (scales, minima) = numbers_of_eight(block, 24);
    Unpacked {
        fours: five_of_eight(block, 24),
        scales,
        offsets: times(minima, -1.0),
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn unpack_mxfp4(block: &[u8; 8 * 17]) -> Unpacked {
    let steps = _mm256_broadcastsi128_si256(load16(&MXFP4_STEPS, 0));
    let mut halves = nibbles_of_eight(block, 17);
    for fours in &mut halves {
        for four in fours {
            *four = _mm256_shuffle_epi8(steps, *four);
        }
    }
    let powers = powers_of_eight(block, 17);
    let of_eight = [powers, _mm_srli_si128::<8>(powers)];
    let mut scales = [_mm256_setzero_ps(); 2];
    for (scales, powers) in scales.iter_mut().zip(of_eight) {
        *scales = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu8_epi32(powers), 23));
    }
    Unpacked {
        fours: halves,
        scales,
        // They stand for -12 to 12 halves.
        offsets: times(scales, 12.0),
    }
}
