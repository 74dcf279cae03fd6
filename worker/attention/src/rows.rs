//! Rows of a tensor as they lie in memory.

use half::{bf16, f16};

use crate::lanes::{Lanes, PADDING};

/// `heads × positions` rows of `length` numbers, each row in one piece.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// Memory from the first element on.
    pub data: &'a [T],
    /// Heads.
    pub heads: usize,
    /// Positions.
    pub positions: usize,
    /// Numbers in a row.
    pub length: usize,
    /// Elements from one head to the next.
    pub head_stride: usize,
    /// Elements from one position to the next.
    pub position_stride: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The row of a head and position.
    #[inline(always)]
    pub fn row(&self, head: usize, position: usize) -> &'a [T] {
        let at = head * self.head_stride + position * self.position_stride;
        &self.data[at..at + self.length]
    }
}

/// What a tensor may be made of.
#[allow(private_bounds, reason = "nobody else can or need implement it")]
pub trait Element: Copy + Send + Sync + Into<f32> {
    /// Writes each of `from` as f32.
    #[doc(hidden)]
    #[allow(private_bounds, reason = "called in here alone")]
    fn widen(lanes: impl Lanes, from: &[Self], to: &mut [f32]);

    /// The first of `from` as f32, which has at least as many as a vector holds.
    #[doc(hidden)]
    #[allow(private_bounds, reason = "called in here alone")]
    #[inline(always)]
    fn load<L: Lanes>(lanes: L, from: &[Self]) -> L::Vector {
        Self::load_part(lanes, &from[..L::COUNT])
    }

    /// All of `from` as f32, no more than a vector holds, and zeros behind.
    #[doc(hidden)]
    #[allow(private_bounds, reason = "called in here alone")]
    #[inline(always)]
    fn load_part<L: Lanes>(lanes: L, from: &[Self]) -> L::Vector {
        let mut numbers = [0.0; PADDING];
        Self::widen(lanes, from, &mut numbers[..from.len()]);
        lanes.load(&numbers)
    }
}

impl Element for f32 {
    #[inline(always)]
    fn widen(_: impl Lanes, from: &[Self], to: &mut [f32]) {
        to.copy_from_slice(from);
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(lanes: impl Lanes, from: &[Self], to: &mut [f32]) {
        lanes.widen(from, to);
    }

    #[inline(always)]
    fn load<L: Lanes>(lanes: L, from: &[Self]) -> L::Vector {
        lanes.load_narrow(from)
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn widen(_: impl Lanes, from: &[Self], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = f32::from_bits(u32::from(from.to_bits()) << 16);
        }
    }
}
