//! Activations as the kernels take them: eight bits a number, a scale for every 256 of them.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Numbers that share a scale.
pub const BLOCK: usize = 256;

/// 256 activations, in five lines of a cache. The bytes lie first, aligned for the widest loads.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Block {
    /// The activations in steps of the block's scale, -127 to 127.
    pub bytes: [i8; BLOCK],
    /// Sums of sixteen activations each, in their own units: what a constant added to sixteen weights is multiplied with.
    pub sums: [f32; BLOCK / 16],
}

/// How a block's activations lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One column after the other.
    Columns,
    /// The first four of each sixteen columns, then the second four of each, and so on.
    Groups,
    /// The first four of each 32 columns of two blocks, then the second four of each, and so on: a `Pair`.
    Pairs,
    /// As [`Self::Groups`], with other sums: `Centred`.
    Centred,
    /// The first four columns of each 32, then the second four of each, and so on: `Stacked`.
    Stacked,
    /// Eight columns of each 32, beside the next 32's: `Folded`.
    Folded,
    /// One column after the other, in 16 bits: two `Wide` for 256 columns.
    Wide,
}

impl Order {
    /// Columns of what is in place of a [`Block`].
    fn columns(self) -> usize {
        match self {
            Self::Wide => BLOCK / 2,
            _ => BLOCK,
        }
    }
}

/// Two blocks in place of two [`Block`]s, for weights of which 32 columns share a scale. The sixteen lanes are the groups
/// `OF_LANES` of the first block and then those of the second.
#[repr(C, align(64))]
pub struct Pair {
    /// Four columns of each group, and then the next four; but of every other group the second four come first, and then the
    /// first: where two groups of weights are the halves of the same bytes, words of both are to be in one register.
    pub bytes: [[i8; 64]; 8],
    /// Sums of each group's activations, in their own units: rounded once, as those of a [`Block`].
    pub sums: [f32; 16],
    /// What a step of each group is worth.
    pub scales: [f32; 16],
}

impl Pair {
    const OF_LANES: [usize; 8] = [0, 1, 4, 5, 2, 3, 6, 7];

    /// Puts one of the two blocks in its place.
    fn set(&mut self, second: usize, block: &[i8; BLOCK], scale: f32) {
        for (lane, group) in Self::OF_LANES.into_iter().enumerate() {
            let lane = 8 * second + lane;
            let columns = &block[32 * group..][..32];
            self.sums[lane] = f32::from(steps(columns)) * scale;
            self.scales[lane] = scale;
            for (four, bytes) in self.bytes.iter_mut().enumerate() {
                let from = 4 * (four ^ (group % 2));
                bytes[4 * lane..][..4].copy_from_slice(&columns[from..][..4]);
            }
        }
    }
}

/// A block in place of a [`Block`], for weights of which 16 columns share a scale and which are 32 too large. The sixteen lanes
/// are the groups `OF_LANES`.
#[repr(C, align(64))]
pub struct Centred {
    /// Four columns of each group, and then the next four; but in every other lane the second four come first, as in a [`Pair`].
    pub bytes: [[i8; 64]; 4],
    /// What takes the 32 back: -32 times the steps of each group.
    pub starts: [i32; 16],
}

impl Centred {
    const OF_LANES: [usize; 16] = [0, 4, 2, 6, 1, 5, 3, 7, 8, 12, 10, 14, 9, 13, 11, 15];

    fn set(&mut self, columns: &[i8; BLOCK]) {
        for (lane, group) in Self::OF_LANES.into_iter().enumerate() {
            let sixteen = &columns[16 * group..][..16];
            self.starts[lane] = -32 * i32::from(steps(sixteen));
            for (four, bytes) in self.bytes.iter_mut().enumerate() {
                let from = 4 * (four ^ (lane % 2));
                bytes[4 * lane..][..4].copy_from_slice(&sixteen[from..][..4]);
            }
        }
    }
}

/// A block in place of a [`Block`], for weights of which 32 columns share a scale, in registers of 32 bytes. Of the eight lanes
/// four are even groups, or odd ones, and the others the same once more.
#[repr(C, align(64))]
pub struct Stacked {
    /// Four columns of each even group, and sixteen columns on four more of each; the same of each odd group; and then the next four.
    pub bytes: [[i8; 32]; 8],
    /// Sums of each group's activations, in their own units: rounded once, as those of a [`Block`].
    pub sums: [f32; 8],
    /// What a step is worth, for each lane.
    pub scales: [f32; 8],
}

impl Stacked {
    fn set(&mut self, columns: &[i8; BLOCK], scale: f32) {
        for (index, bytes) in self.bytes.iter_mut().enumerate() {
            let (four, odd) = (index / 2, index % 2);
            for (lane, bytes) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let from = 32 * (2 * (lane % 4) + odd) + 16 * (lane / 4) + 4 * four;
                bytes.copy_from_slice(&columns[from..][..4]);
            }
        }
        for (sum, columns) in self.sums.iter_mut().zip(columns.as_chunks::<32>().0) {
            *sum = f32::from(steps(columns)) * scale;
        }
        self.scales = [scale; 8];
    }
}

/// A block in place of a [`Block`], for weights of which 16 columns share a scale and which are 32 too large, in registers of 32
/// bytes.
#[repr(C, align(64))]
pub struct Folded {
    /// Of each 64 columns the first eight, the first of the second 32, the third eight, and those of the second 32; and then the
    /// eights behind each of them.
    pub bytes: [[i8; 32]; 8],
    /// What takes the 32 back: -16 times the steps of each even sixteen, and then of each odd one.
    pub starts: [i16; 16],
    /// What a step is worth, for each lane.
    pub scales: [f32; 8],
}

impl Folded {
    fn set(&mut self, columns: &[i8; BLOCK], scale: f32) {
        for (index, bytes) in self.bytes.iter_mut().enumerate() {
            for (eight, bytes) in bytes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
                let from = 64 * (index / 2) + 32 * (eight % 2) + 16 * (eight / 2) + 8 * (index % 2);
                bytes.copy_from_slice(&columns[from..][..8]);
            }
        }
        for (index, start) in self.starts.iter_mut().enumerate() {
            let sixteen = &columns[16 * (2 * (index % 8) + index / 8)..][..16];
            *start = -16 * steps(sixteen);
        }
        self.scales = [scale; 8];
    }
}

/// 128 activations in place of a [`Block`], in 16 bits.
#[repr(C, align(64))]
pub struct Wide {
    /// Two of them each, the first in the lower half.
    pub pairs: [i32; BLOCK / 4],
}

impl Wide {
    fn set(&mut self, columns: &[i8; BLOCK / 2]) {
        for (pair, columns) in self.pairs.iter_mut().zip(columns.as_chunks::<2>().0) {
            let [first, second] = columns.map(i32::from);
            *pair = first & 0xffff | second << 16;
        }
    }
}

const _: () = assert!(
    size_of::<Wide>() <= size_of::<Block>()
        && size_of::<Pair>() == 2 * size_of::<Block>()
        && size_of::<Centred>() == size_of::<Block>()
        && size_of::<Stacked>() == size_of::<Block>()
        && size_of::<Folded>() == size_of::<Block>()
);

impl Block {
    const ZERO: Self = Self {
        bytes: [0; BLOCK],
        sums: [0.0; BLOCK / 16],
    };

    fn set(&mut self, columns: &[i8; BLOCK], scale: f32) {
        self.bytes = *columns;
        self.set_sums(columns, scale);
    }

    fn set_groups(&mut self, columns: &[i8; BLOCK], scale: f32) {
        for (group, sixteen) in columns.as_chunks::<16>().0.iter().enumerate() {
            for (four, columns) in sixteen.as_chunks::<4>().0.iter().enumerate() {
                self.bytes[64 * four + 4 * group..][..4].copy_from_slice(columns);
            }
        }
        self.set_sums(columns, scale);
    }

    fn set_sums(&mut self, columns: &[i8; BLOCK], scale: f32) {
        for (sum, columns) in self.sums.iter_mut().zip(columns.as_chunks::<16>().0) {
            *sum = f32::from(steps(columns)) * scale;
        }
    }
}

/// Rows of activations.
pub struct Activations {
    blocks: Vec<Block>,
    /// What one step is worth, by block.
    scales: Vec<f32>,
    /// Blocks of one row.
    pub width: usize,
}

impl Activations {
    /// Takes rows of `columns` numbers, which zeros fill up to a multiple of 256. Every row is taken for itself, so that what comes of it does not
    /// depend on its company. `parallel` calls the function it is given with each number below the one it is given.
    pub fn new(
        rows: &[f32],
        columns: usize,
        order: Order,
        parallel: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) -> Self {
        let width = match order {
            Order::Pairs => columns.div_ceil(2 * BLOCK) * 2,
            _ => columns.div_ceil(order.columns()),
        };
        let mut blocks = vec![Block::ZERO; rows.len() / columns.max(1) * width];
        let mut scales = vec![0.0; blocks.len()];
        let (start, first_scale) = (
            AtomicPtr::new(blocks.as_mut_ptr()),
            AtomicPtr::new(scales.as_mut_ptr()),
        );
        let row = |index: usize| {
            let numbers = &rows[index * columns..(index + 1) * columns];
            let write = |place: usize, numbers: &[f32; BLOCK]| {
                let at = index * width + place * BLOCK / order.columns();
                let mut columns = [0; BLOCK];
                let scale = quantise(numbers, &mut columns);
                // SAFETY: every index is given once, so that every block is written once; there are `width` for each, an even
                // number of them where two are a pair.
                unsafe {
                    *first_scale.load(Ordering::Relaxed).add(at) = scale;
                    let to = start.load(Ordering::Relaxed).add(at);
                    match order {
                        Order::Columns => (*to).set(&columns, scale),
                        Order::Groups => (*to).set_groups(&columns, scale),
                        Order::Pairs => (*to.sub(place % 2).cast::<Pair>()).set(place % 2, &columns, scale),
                        Order::Centred => (*to.cast::<Centred>()).set(&columns),
                        Order::Stacked => (*to.cast::<Stacked>()).set(&columns, scale),
                        Order::Folded => (*to.cast::<Folded>()).set(&columns, scale),
                        Order::Wide => {
                            let halves = columns.as_chunks::<{ BLOCK / 2 }>().0;
                            // The last one may be filled up for the first half alone.
                            for (half, columns) in halves.iter().enumerate().take((index + 1) * width - at) {
                                *first_scale.load(Ordering::Relaxed).add(at + half) = scale;
                                (*to.add(half).cast::<Wide>()).set(columns);
                            }
                        }
                    }
                }
            };
            let (whole, rest) = numbers.as_chunks::<BLOCK>();
            for (place, numbers) in whole.iter().enumerate() {
                write(place, numbers);
            }
            if !rest.is_empty() {
                let mut numbers = [0.0; BLOCK];
                numbers[..rest.len()].copy_from_slice(rest);
                write(whole.len(), &numbers);
            }
        };
        match rows.len() / columns.max(1) {
            1 => row(0),
            many => parallel(many, &row),
        }
        Self {
            blocks,
            scales,
            width,
        }
    }

    /// The blocks and scales of `count` rows from `first` on.
    pub fn rows(&self, first: usize, count: usize) -> (&[Block], &[f32]) {
        let rows = first * self.width..(first + count) * self.width;
        (&self.blocks[rows.clone()], &self.scales[rows])
    }
}

/// The sum of at most 258 activations, in steps.
#[inline(always)]
fn steps(columns: &[i8]) -> i16 {
    columns.iter().map(|&step| i16::from(step)).sum()
}

/// Brings numbers to steps, and returns what one step is worth.
fn quantise(numbers: &[f32; BLOCK], steps: &mut [i8; BLOCK]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor was asked.
            return unsafe { quantise_avx512(numbers, steps) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was asked.
            return unsafe { quantise_avx2(numbers, steps) };
        }
    }
    quantise_here(numbers, steps)
}

/// The same, compiled for wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn quantise_avx512(numbers: &[f32; BLOCK], steps: &mut [i8; BLOCK]) -> f32 {
    quantise_here(numbers, steps)
}

/// The same, compiled for wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn quantise_avx2(numbers: &[f32; BLOCK], steps: &mut [i8; BLOCK]) -> f32 {
    quantise_here(numbers, steps)
}

/// Added to a number between -2^22 and 2^22 it leaves the nearest whole one, the even one of two, in the lowest bits.
const ROUNDING: f32 = 1.5 * (1 << 23) as f32;

#[inline(always)]
fn quantise_here(numbers: &[f32; BLOCK], steps: &mut [i8; BLOCK]) -> f32 {
    // Without their signs the bits of numbers are in the numbers' order, and what is not finite comes last.
    let sizes = numbers.iter().map(|number| number.to_bits() & !(1 << 31));
    let largest = sizes.fold(0, u32::max);
    let scale = f32::from_bits(largest) / 127.0;
    if !scale.is_normal() {
        steps.fill(0);
        // Numbers that are not finite are put back through the scale: what they touch is not a number either.
        return if scale.is_finite() { 0.0 } else { f32::NAN };
    }
    let inverse = 1.0 / scale;
    for (step, number) in steps.iter_mut().zip(numbers) {
        // Within 127, for the roundings of scale and inverse are far less than half a step.
        let nearest = (number * inverse + ROUNDING).to_bits() as i32 - ROUNDING.to_bits() as i32;
        *step = nearest as i8;
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_by_one(many: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..many).for_each(work);
    }

    #[test]
    fn numbers_come_back_within_half_a_step() {
        let mut random = fastrand::Rng::with_seed(3);
        let rows: Vec<f32> = (0..3 * 512).map(|_| random.f32() * 8.0 - 4.0).collect();
        let taken = Activations::new(&rows, 512, Order::Columns, one_by_one);
        let (blocks, scales) = taken.rows(0, 3);
        for ((numbers, block), scale) in rows.chunks(BLOCK).zip(blocks).zip(scales) {
            for (number, byte) in numbers.iter().zip(block.bytes) {
                assert!((number - f32::from(byte) * scale).abs() <= 0.501 * scale);
            }
            for (bytes, sum) in block.bytes.chunks(16).zip(block.sums) {
                let steps: i32 = bytes.iter().map(|&byte| i32::from(byte)).sum();
                assert_eq!(sum, steps as f32 * scale);
            }
        }
    }

    #[test]
    fn zeros_and_what_is_no_number_do_no_harm() {
        let mut rows = vec![0.0; 2 * BLOCK];
        rows[BLOCK + 7] = f32::INFINITY;
        let taken = Activations::new(&rows, 2 * BLOCK, Order::Columns, one_by_one);
        let (blocks, scales) = taken.rows(0, 1);
        assert!(blocks[0].bytes.iter().all(|&byte| byte == 0));
        assert!(scales[0] == 0.0 && scales[1].is_nan());
    }
}
