//! What both sets of kernels are made of: the walk over a row's blocks, and the fields of a block. The functions ask for no
//! more of the processor than the smaller set does, so that the compiler can make them part of either.

use core::arch::x86_64::*;

/// Declares a kernel for `$features`: for every row of weights, the totals over its blocks of `$bytes` bytes, which `$add`
/// adds up from `$zero` and `finish` writes.
macro_rules! kernel {
    ($features:literal, $zero:ident, $name:ident, $bytes:expr, $add:ident) => {
        #[target_feature(enable = $features)]
        unsafe fn $name<const ROWS: usize>(
            weights: &[u8],
            row_bytes: usize,
            bytes: usize,
            acts: Acts,
            out: &mut Products,
        ) {
            for (row, weights) in weights.chunks(row_bytes).take(PIECE).enumerate() {
                let blocks = weights[..bytes].as_chunks::<{ $bytes }>().0;
                for (index, panel) in blocks.chunks(PANEL).enumerate() {
                    let mut totals = [$zero(); ROWS];
                    for (place, block) in panel.iter().enumerate() {
                        // SAFETY: a row of activations has as many blocks from here on as one of weights.
                        unsafe { $add(&mut totals, acts, index * PANEL + place, block) };
                    }
                    finish(totals, row, out);
                }
            }
        }
    };
}
pub(crate) use kernel;

/// Names a kernel for every number of rows.
macro_rules! for_rows {
    ($kernel:ident) => {
        [
            $kernel::<1>,
            $kernel::<2>,
            $kernel::<3>,
            $kernel::<4>,
            $kernel::<5>,
            $kernel::<6>,
            $kernel::<7>,
            $kernel::<8>,
        ]
    };
}
pub(crate) use for_rows;

/// A block's scale, of 16 bits.
#[target_feature(enable = "f16c")]
pub(crate) fn half(bytes: &[u8], at: usize) -> f32 {
    let bits = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// 16 bytes from `at` on.
#[inline(always)]
pub(crate) fn load16(bytes: &[u8], at: usize) -> __m128i {
    let bytes: &[u8; 16] = bytes[at..].first_chunk().unwrap_or(&[0; 16]);
    // SAFETY: 16 bytes are there, and every x86-64 has SSE2.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// 32 bytes from `at` on.
#[target_feature(enable = "avx")]
pub(crate) fn load32(bytes: &[u8], at: usize) -> __m256i {
    let bytes: &[u8; 32] = bytes[at..].first_chunk().unwrap_or(&[0; 32]);
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Scales and minima of the eight times 32 weights of a Q4_K or Q5_K block, from the twelve bytes of six bits each from `at`
/// on: a byte for each scale in the first two words, for each minimum in the last two.
#[inline(always)]
pub(crate) fn scales_and_minima(block: &[u8], at: usize) -> [u32; 4] {
    let [a, b, c] = [word(block, at), word(block, at + 4), word(block, at + 8)];
    [
        a & 0x3f3f_3f3f,
        (c & 0x0f0f_0f0f) | ((a >> 2) & 0x3030_3030),
        b & 0x3f3f_3f3f,
        ((c >> 4) & 0x0f0f_0f0f) | ((b >> 2) & 0x3030_3030),
    ]
}

/// Four bytes from `at` on.
// Not a closure: compiled without the caller's instructions it would be called, and every register saved for it.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 4]))
}
