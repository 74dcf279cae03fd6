//! Weights unpacked for many rows of activations. It takes as long as some twenty of them, and shortens each.
//!
//! Rows of weights lie side by side, some columns of each in turn, so that one row of activations meets all of them in one
//! register. With AVX-512 these are eight rows, eight columns at a time: products of the same scale are added as 16 bits before
//! the scale brings them to 32, and what else there is to do for a block is done once for eight rows. With dot products of bytes,
//! `vnni.rs` has sixteen. With AVX2 only weights of eight bits gain by it (`avx2/wide.rs`).

use half::f16;

use crate::activations::BLOCK;
#[cfg(target_arch = "x86_64")]
use crate::avx2::SixteenWide;
use crate::blocks::{Kind, MXFP4_STEPS, scales_and_minima, word};
use crate::multiply::Acts;
#[cfg(target_arch = "x86_64")]
use crate::vnni::Sixteen;

/// Some columns of some rows of weights, unpacked.
pub(crate) trait SideBySide: Sized {
    /// How many rows.
    const ROWS: usize;
    /// How many columns, and of how many activations a block is.
    const COLUMNS: usize = BLOCK;
    const ZERO: Self;

    /// The products of its rows out of the totals of a kernel, the first [`Self::ROWS`] of them.
    fn products(totals: &[f32; 16]) -> [f32; 16];
}

/// Unpacks a block of each of some rows: `first` begins with the first row's, the next row's lies `row_bytes` behind it. Where
/// rows end within the block it has fewer `bytes` than others.
///
/// # Safety
/// The processor has what it was compiled for.
pub(crate) type Pack<Rows> =
    unsafe fn(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut Rows);

/// Adds the products of rows of weights with the rows of activations that it is for to their totals.
///
/// # Safety
/// The processor has what the kernel was compiled for; `acts` begins with the first of the blocks and has as many rows as
/// there are totals and as many blocks as were packed.
pub(crate) type ManyKernel<Rows> = unsafe fn(packed: &[Rows], acts: Acts, totals: &mut [[f32; 16]]);

/// How weights are unpacked for many rows of activations, and the kernels for one of these rows to as many as it takes at
/// once.
#[derive(Clone, Copy)]
pub(crate) enum Many {
    Eight(Pack<Eight>, &'static [ManyKernel<Eight>]),
    EightBlocks(Pack<EightBlocks>, &'static [ManyKernel<EightBlocks>]),
    #[cfg(target_arch = "x86_64")]
    Sixteen(Pack<Sixteen>, &'static [ManyKernel<Sixteen>]),
    #[cfg(target_arch = "x86_64")]
    SixteenWide(Pack<SixteenWide>, &'static [ManyKernel<SixteenWide>]),
}

/// 256 columns of eight rows.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Eight {
    /// The weights in steps of their scales, 0 to 63: eight columns of each row, and then the next eight.
    pub bytes: [[u8; 64]; 32],
    /// What steps are worth in steps of the block: for the columns that share it, each row's four times.
    pub scales: [[i16; 32]; 16],
    /// What is to be subtracted from each weight: for every 32 columns, each row's for sixteen and for the other sixteen.
    pub offsets: [[f32; 16]; 8],
    /// What a step of the block is worth, each row's twice.
    pub steps: [f32; 16],
}

impl SideBySide for Eight {
    const ROWS: usize = 8;
    const ZERO: Self = Self {
        bytes: [[0; 64]; 32],
        scales: [[0; 32]; 16],
        offsets: [[0.0; 16]; 8],
        steps: [0.0; 16],
    };

    fn products(totals: &[f32; 16]) -> [f32; 16] {
        of_pairs(totals)
    }
}

impl Eight {
    fn set_bytes(&mut self, row: usize, chunk: usize, eight: u64) {
        self.bytes[chunk][8 * row..8 * row + 8].copy_from_slice(&eight.to_le_bytes());
    }

    fn set_scale(&mut self, row: usize, place: usize, scale: i16) {
        self.scales[place][4 * row..4 * row + 4].copy_from_slice(&[scale; 4]);
    }
}

/// 256 columns of eight rows of blocks of 32, with scales of their own.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct EightBlocks {
    /// The weights in steps of their scales, 0 to 31: for every 32 columns and each four of a group, four columns of both
    /// groups of each row.
    pub bytes: [[[u8; 64]; 4]; 8],
    /// What a step is worth: for every 32 columns, each row's twice.
    pub scales: [[f32; 16]; 8],
    /// What is to be subtracted from each weight, in the same places.
    pub offsets: [[f32; 16]; 8],
}

impl SideBySide for EightBlocks {
    const ROWS: usize = 8;
    const ZERO: Self = Self {
        bytes: [[[0; 64]; 4]; 8],
        scales: [[0.0; 16]; 8],
        offsets: [[0.0; 16]; 8],
    };

    fn products(totals: &[f32; 16]) -> [f32; 16] {
        of_pairs(totals)
    }
}

/// Sums of two totals each.
fn of_pairs(totals: &[f32; 16]) -> [f32; 16] {
    let mut products = [0.0; 16];
    for (product, halves) in products.iter_mut().zip(totals.chunks_exact(2)) {
        *product = halves[0] + halves[1];
    }
    products
}

/// How weights of a kind are unpacked, and which of a set's kernels take them: those for scales of sixteen columns, of 32, or
/// of blocks. None for Q8_0: two products of eight bits each are too much for 16.
pub(crate) fn packing(
    kind: Kind,
    by_2: &'static [ManyKernel<Eight>],
    by_4: &'static [ManyKernel<Eight>],
    blocks: &'static [ManyKernel<EightBlocks>],
) -> Option<Many> {
    match kind {
        Kind::Q4K => Some(Many::Eight(pack_q4_k, by_4)),
        Kind::Q5K => Some(Many::Eight(pack_q5_k, by_4)),
        Kind::Q6K => Some(Many::Eight(pack_q6_k, by_2)),
        Kind::Q8_0 => None,
        Kind::Q4_0 => Some(Many::EightBlocks(pack_q4_0, blocks)),
        Kind::Q4_1 => Some(Many::EightBlocks(pack_q4_1, blocks)),
        Kind::Q5_0 => Some(Many::EightBlocks(pack_q5_0, blocks)),
        Kind::Q5_1 => Some(Many::EightBlocks(pack_q5_1, blocks)),
        Kind::Mxfp4 => Some(Many::EightBlocks(pack_mxfp4, blocks)),
    }
}

const LOW_FOUR: u64 = 0x0f0f_0f0f_0f0f_0f0f;
const LOW_TWO: u64 = 0x0303_0303_0303_0303;
const LOW_ONE: u64 = 0x0101_0101_0101_0101;

fn pack_q4_k(first: &[u8], row_bytes: usize, _: usize, rows: usize, to: &mut Eight) {
    for (row, block) in first.chunks(row_bytes).take(rows).enumerate() {
        for chunk in 0..32 {
            to.set_bytes(row, chunk, nibbles(&block[16..], chunk));
        }
        scales_of_32(block, row, to);
    }
}

fn pack_q5_k(first: &[u8], row_bytes: usize, _: usize, rows: usize, to: &mut Eight) {
    for (row, block) in first.chunks(row_bytes).take(rows).enumerate() {
        for chunk in 0..32 {
            let fifth = eight(block, 16 + 8 * (chunk % 4)) >> (chunk / 4) & LOW_ONE;
            to.set_bytes(row, chunk, nibbles(&block[48..], chunk) | fifth << 4);
        }
        scales_of_32(block, row, to);
    }
}

fn pack_q6_k(first: &[u8], row_bytes: usize, _: usize, rows: usize, to: &mut Eight) {
    for (row, block) in first.chunks(row_bytes).take(rows).enumerate() {
        for chunk in 0..32 {
            // 64 bytes of lower and 32 of upper bits are 128 weights: the lower halves' first, then the upper halves'.
            let (half, quarter, within) = (chunk / 16, chunk % 16 / 4, 8 * (chunk % 4));
            let lower = eight(block, 64 * half + 32 * (quarter % 2) + within) >> (4 * (quarter / 2));
            let upper = eight(block, 128 + 32 * half + within) >> (2 * quarter);
            to.set_bytes(row, chunk, lower & LOW_FOUR | (upper & LOW_TWO) << 4);
        }
        let step = float(block, 208);
        for (place, &scale) in block[192..208].iter().enumerate() {
            let scale = scale.cast_signed();
            to.set_scale(row, place, i16::from(scale));
            // The six bits stand for -32 to 31.
            to.offsets[place / 2][2 * row + place % 2] = 32.0 * step * f32::from(scale);
        }
        to.steps[2 * row..2 * row + 2].fill(step);
    }
}

/// The `chunk`th eight weights of four bits. Of 32 bytes the lower halves are the first 32 weights, the upper halves the
/// second.
fn nibbles(bytes: &[u8], chunk: usize) -> u64 {
    let (part, within) = (chunk / 4, 8 * (chunk % 4));
    eight(bytes, 32 * (part / 2) + within) >> (4 * (part % 2)) & LOW_FOUR
}

/// The scales and minima of a Q4_K or Q5_K block.
fn scales_of_32(block: &[u8], row: usize, to: &mut Eight) {
    let [low, high, first, second] = scales_and_minima(block, 4).map(u32::to_le_bytes);
    for (place, scale) in low.into_iter().chain(high).enumerate() {
        to.set_scale(row, place, i16::from(scale));
    }
    let minimum = float(block, 2);
    for (offsets, steps) in to.offsets.iter_mut().zip(first.into_iter().chain(second)) {
        offsets[2 * row..2 * row + 2].fill(minimum * f32::from(steps));
    }
    to.steps[2 * row..2 * row + 2].fill(float(block, 0));
}

fn pack_q4_0(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut EightBlocks) {
    pack_blocks(first, row_bytes, bytes, rows, to, |block: &[u8; 18]| Steps {
        fifth: 0,
        of: None,
        worth: float(block, 0),
        offset: 8.0 * float(block, 0),
    });
}

fn pack_q4_1(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut EightBlocks) {
    pack_blocks(first, row_bytes, bytes, rows, to, |block: &[u8; 20]| Steps {
        fifth: 0,
        of: None,
        worth: float(block, 0),
        offset: -float(block, 2),
    });
}

fn pack_q5_0(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut EightBlocks) {
    pack_blocks(first, row_bytes, bytes, rows, to, |block: &[u8; 22]| Steps {
        fifth: word(block, 2),
        of: None,
        worth: float(block, 0),
        offset: 16.0 * float(block, 0),
    });
}

fn pack_q5_1(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut EightBlocks) {
    pack_blocks(first, row_bytes, bytes, rows, to, |block: &[u8; 24]| Steps {
        fifth: word(block, 4),
        of: None,
        worth: float(block, 0),
        offset: -float(block, 2),
    });
}

fn pack_mxfp4(first: &[u8], row_bytes: usize, bytes: usize, rows: usize, to: &mut EightBlocks) {
    pack_blocks(first, row_bytes, bytes, rows, to, |block: &[u8; 17]| {
        let worth = f32::from_bits(u32::from(block[0].saturating_sub(1)) << 23);
        Steps {
            fifth: 0,
            of: Some(&MXFP4_STEPS),
            worth,
            offset: 12.0 * worth,
        }
    });
}

/// What the bits of a block's weights stand for.
struct Steps {
    /// Each weight's fifth bit.
    fifth: u32,
    /// How many steps four bits are; as many as they say where there is no table.
    of: Option<&'static [u8; 16]>,
    /// What a step is worth.
    worth: f32,
    /// What is subtracted from each weight.
    offset: f32,
}

/// Blocks that end with four bits of each weight: of 16 bytes the lower halves are the first sixteen, the upper halves the
/// others.
#[inline(always)]
fn pack_blocks<const BYTES: usize>(
    first: &[u8],
    row_bytes: usize,
    bytes: usize,
    rows: usize,
    to: &mut EightBlocks,
    steps: impl Fn(&[u8; BYTES]) -> Steps,
) {
    for (row, blocks) in first.chunks(row_bytes).take(rows).enumerate() {
        let mut blocks = blocks[..bytes].as_chunks::<BYTES>().0.iter();
        for part in 0..8 {
            // Where the row has ended nothing is worth anything.
            let block = blocks.next().unwrap_or(&[0; BYTES]);
            let steps = steps(block);
            for (four, to) in to.bytes[part].iter_mut().enumerate() {
                let both = u64::from(word(block, BYTES - 16 + 4 * four));
                let bits = u64::from(steps.fifth >> (4 * four));
                let eight = (both | both << 28) & LOW_FOUR | spread(bits & 15 | (bits >> 16 & 15) << 32) << 4;
                let mut eight = eight.to_le_bytes();
                if let Some(of) = steps.of {
                    eight = eight.map(|bits| of[usize::from(bits & 15)]);
                }
                to[8 * row..8 * row + 8].copy_from_slice(&eight);
            }
            to.scales[part][2 * row..2 * row + 2].fill(steps.worth);
            to.offsets[part][2 * row..2 * row + 2].fill(steps.offset);
        }
    }
}

/// Of each half the lowest four bits, one to a byte.
fn spread(bits: u64) -> u64 {
    (bits | bits << 7 | bits << 14 | bits << 21) & LOW_ONE
}

/// Eight bytes from `at` on.
fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 8]))
}

/// The number of 16 bits at `at`.
fn float(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
