//! What sets of kernels are made of: the walk over a row's blocks, and the fields of a block. The functions ask for no
//! more of the processor than the smallest set does, so that the compiler can make them part of any.

use core::arch::x86_64::*;

use crate::blocks::word;

/// Declares a kernel for `$features`: for every row of weights, the totals over its blocks of `$bytes` bytes, which `$add`
/// adds up from `$zero` and `finish` writes.
macro_rules! kernel {
    ($features:literal, $zero:ident, $name:ident, $bytes:expr, $add:ident) => {
        #[target_feature(enable = $features)]
        pub unsafe fn $name<const ROWS: usize>(
            weights: &[u8],
            row_bytes: usize,
            bytes: usize,
            ahead: usize,
            acts: Acts,
            out: &mut Products,
        ) {
            for (row, weights) in weights.chunks(row_bytes).take(PIECE).enumerate() {
                let (blocks, rest) = weights[..bytes].as_chunks::<{ $bytes }>();
                for (index, panel) in blocks.chunks(PANEL).enumerate() {
                    let mut totals = [$zero(); ROWS];
                    for (place, block) in panel.iter().enumerate() {
                        fetch(block, ahead);
                        // SAFETY: a row of activations has as many blocks from here on as one of weights.
                        unsafe { $add(&mut totals, acts, index * PANEL + place, block) };
                    }
                    finish(totals, row, out);
                }
                if !rest.is_empty() {
                    let mut totals = [$zero(); ROWS];
                    // SAFETY: activations have one block more, which ends in zeros.
                    unsafe { $add(&mut totals, acts, blocks.len(), &filled_up(rest)) };
                    finish(totals, row, out);
                }
            }
        }
    };
}
pub(crate) use kernel;

/// Names a kernel for each number of rows: up to eight, or those that are listed.
macro_rules! for_rows {
    ($kernel:ident $(, $more:expr)?) => {
        for_rows!($kernel $(, $more)?; 1 2 3 4 5 6 7 8)
    };
    ($kernel:ident; $($rows:literal)*) => {
        [$($kernel::<$rows>),*]
    };
    ($kernel:ident, $more:expr; $($rows:literal)*) => {
        [$($kernel::<$rows, $more>),*]
    };
}
pub(crate) use for_rows;

/// Declares a kernel as [`kernel!`] does, for a kind of which 256 weights are eight blocks of `$bytes` bytes: `$unpack` unpacks
/// them and the set's `add_groups` adds them up.
macro_rules! of_eight {
    ($features:literal, $vector:ty, $zero:ident, $name:ident, $bytes:expr, $add:ident, $unpack:ident) => {
        /// # Safety
        /// As [`add_groups`].
        #[target_feature(enable = $features)]
        unsafe fn $add<const ROWS: usize>(
            totals: &mut [$vector; ROWS],
            acts: Acts,
            place: usize,
            blocks: &[u8; 8 * $bytes],
        ) {
            // SAFETY: the caller's.
            unsafe { add_groups(totals, acts, place, $unpack(blocks)) };
        }

        kernel!($features, $zero, $name, 8 * $bytes, $add);
    };
}
pub(crate) use of_eight;

/// A block of which only the beginning is there.
pub(crate) fn filled_up<const BYTES: usize>(part: &[u8]) -> [u8; BYTES] {
    let mut block = [0; BYTES];
    for (byte, there) in block.iter_mut().zip(part) {
        *byte = *there;
    }
    block
}

/// Asks memory for what lies `ahead` bytes behind a block. What processors guess themselves ends with a page, and with several
/// rows of activations to a block they see too few blocks ahead.
#[inline(always)]
pub(crate) fn fetch(block: &[u8], ahead: usize) {
    for line in (0..block.len()).step_by(64) {
        let at = block.as_ptr().wrapping_add(ahead + line);
        // SAFETY: every x86-64 has SSE, and what is asked for need not be there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
}

/// A block's scale, of 16 bits.
#[target_feature(enable = "f16c")]
pub(crate) fn half(bytes: &[u8], at: usize) -> f32 {
    let bits = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// Four bytes from `at` on of each of four blocks of `bytes` bytes.
#[inline(always)]
pub(crate) fn word_of_four(blocks: &[u8], bytes: usize, at: usize) -> __m128i {
    let of = |block: usize| word(blocks, bytes * block + at).cast_signed();
    // SAFETY: every x86-64 has SSE2.
    unsafe { _mm_setr_epi32(of(0), of(1), of(2), of(3)) }
}

/// The first bytes of eight blocks of `bytes` bytes, each for its two groups, as the exponents of what half a step is worth: one
/// less, and 0 where there is no less.
#[inline(always)]
pub(crate) fn powers_of_eight(blocks: &[u8], bytes: usize) -> __m128i {
    // Not by way of memory: eight bytes that were written one by one are waited for.
    let power = |block: usize| i64::from(blocks[bytes * block]) << (8 * block);
    let lower = power(0) | power(1) | power(2) | power(3);
    let powers = lower | power(4) | power(5) | power(6) | power(7);
    // SAFETY: every x86-64 has SSE2.
    unsafe {
        let powers = _mm_set_epi64x(0, powers);
        let less = _mm_subs_epu8(powers, _mm_set1_epi8(1));
        _mm_unpacklo_epi8(less, less)
    }
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
