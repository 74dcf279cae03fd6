//! Weights unpacked for many rows of activations. It takes as long as some twenty of them, and shortens each.
//!
//! Eight rows of weights lie side by side, eight columns of each in turn, so that one row of activations meets all of them
//! in one register: products of the same scale are added as 16 bits before the scale brings them to 32, and what else there
//! is to do for a block is done once for eight rows.

use half::f16;

use crate::blocks::{Kind, scales_and_minima};

/// Rows of weights side by side.
pub(crate) const SIDE: usize = 8;

/// 256 columns of eight rows.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Packed {
    /// The weights in steps of their scales, 0 to 63: eight columns of each row, and then the next eight.
    pub bytes: [[u8; 64]; 32],
    /// What steps are worth in steps of the block: for the columns that share it, each row's four times.
    pub scales: [[i16; 32]; 16],
    /// What is to be subtracted from each weight: for every 32 columns, each row's for sixteen and for the other sixteen.
    pub offsets: [[f32; 16]; 8],
    /// What a step of the block is worth, each row's twice.
    pub steps: [f32; 16],
}

impl Packed {
    pub const ZERO: Self = Self {
        bytes: [[0; 64]; 32],
        scales: [[0; 32]; 16],
        offsets: [[0.0; 16]; 8],
        steps: [0.0; 16],
    };

    fn set_bytes(&mut self, row: usize, chunk: usize, eight: u64) {
        self.bytes[chunk][8 * row..8 * row + 8].copy_from_slice(&eight.to_le_bytes());
    }

    fn set_scale(&mut self, row: usize, place: usize, scale: i16) {
        self.scales[place][4 * row..4 * row + 4].copy_from_slice(&[scale; 4]);
    }
}

/// How weights of a kind are unpacked.
#[derive(Clone, Copy)]
pub(crate) struct Packing {
    /// Puts a block in a row's place.
    pub pack: fn(block: &[u8], row: usize, to: &mut Packed),
    /// Times eight columns that share a scale.
    pub chunks: usize,
}

/// None for Q8_0: two products of eight bits each are too much for 16.
pub(crate) fn packing(kind: Kind) -> Option<Packing> {
    let packing = match kind {
        Kind::Q4K => Packing {
            pack: pack_q4_k,
            chunks: 4,
        },
        Kind::Q5K => Packing {
            pack: pack_q5_k,
            chunks: 4,
        },
        Kind::Q6K => Packing {
            pack: pack_q6_k,
            chunks: 2,
        },
        Kind::Q8_0 => return None,
    };
    Some(packing)
}

const LOW_FOUR: u64 = 0x0f0f_0f0f_0f0f_0f0f;
const LOW_TWO: u64 = 0x0303_0303_0303_0303;
const LOW_ONE: u64 = 0x0101_0101_0101_0101;

fn pack_q4_k(block: &[u8], row: usize, to: &mut Packed) {
    for chunk in 0..32 {
        to.set_bytes(row, chunk, nibbles(&block[16..], chunk));
    }
    scales_of_32(block, row, to);
}

fn pack_q5_k(block: &[u8], row: usize, to: &mut Packed) {
    for chunk in 0..32 {
        let fifth = eight(block, 16 + 8 * (chunk % 4)) >> (chunk / 4) & LOW_ONE;
        to.set_bytes(row, chunk, nibbles(&block[48..], chunk) | fifth << 4);
    }
    scales_of_32(block, row, to);
}

fn pack_q6_k(block: &[u8], row: usize, to: &mut Packed) {
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

/// The `chunk`th eight weights of four bits. Of 32 bytes the lower halves are the first 32 weights, the upper halves the
/// second.
fn nibbles(bytes: &[u8], chunk: usize) -> u64 {
    let (part, within) = (chunk / 4, 8 * (chunk % 4));
    eight(bytes, 32 * (part / 2) + within) >> (4 * (part % 2)) & LOW_FOUR
}

/// The scales and minima of a Q4_K or Q5_K block.
fn scales_of_32(block: &[u8], row: usize, to: &mut Packed) {
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

/// Eight bytes from `at` on.
fn eight(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 8]))
}

/// The number of 16 bits at `at`.
fn float(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}
