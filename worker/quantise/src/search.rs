//! The search for the scales of blocks, sixteen blocks side by side.
//!
//! Each of sixteen blocks has a lane of its own, so that nothing is ever summed across a vector: all is the same arithmetic on
//! sixteen numbers, in plain Rust that the compiler turns into vectors. There is no fused multiplication and addition in it, so
//! that every processor finds the same scales.

#![allow(clippy::needless_range_loop, reason = "a lane has one place in many arrays")]

/// Blocks side by side.
pub(crate) const LANES: usize = 16;

/// A number of each block.
pub(crate) type Lanes = [f32; LANES];

/// 1.5 · 2²³: a number below 2²² that it is added to is rounded to a whole one, ties to even, which is then in its low bits.
const ROUNDING: f32 = 12_582_912.0;

/// To the nearest whole number, ties to even, for numbers below 2²².
#[inline(always)]
pub(crate) fn round(number: f32) -> f32 {
    (number + ROUNDING) - ROUNDING
}

/// The smaller one; `b` where `a` is no number.
#[inline(always)]
pub(crate) fn lower(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// The larger one; `b` where `a` is no number.
#[inline(always)]
pub(crate) fn higher(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The one further from zero.
#[inline(always)]
pub(crate) fn further(a: f32, b: f32) -> f32 {
    if a.abs() > b.abs() { a } else { b }
}

/// The low byte of a whole number below 2²², negative ones as two's complement.
#[inline(always)]
pub(crate) fn byte(whole: f32) -> u8 {
    (whole + ROUNDING).to_bits() as u8
}

/// Levels more or less than a block's numbers reach over, for which scales are tried. llama.cpp tries as far in steps of a tenth
/// (`make_qkx2_quants`); with [`REFINEMENTS`] a third of them do as well.
const TRIED_WITH_MINIMUM: [f32; 7] = [-1.0, -0.67, -0.33, 0.0, 0.33, 0.67, 1.0];
/// The same where levels are signed. Sixteen numbers are so few that a coarser grid may happen to fit better, so that far ones
/// pay: with normal weights the error of Q6_K is a fifteenth less than with near ones alone.
const TRIED_WITHOUT: [f32; 9] = [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0];
/// How much more than nothing the levels' variance has to be, of their mean square: sums in 32 bits are not exact.
const DISTINCT: f32 = 1e-5;
/// Times that levels and scale are then found from each other.
const REFINEMENTS: usize = 2;

/// The scale and the minimum, at or below zero, with which levels from 0 to `TOP` come nearest to each block's numbers.
///
/// Near is a sum of squares weighted with a number's size and the block's mean one, as in llama.cpp's
/// `quantize_row_q4_K_ref`: large weights matter more.
#[inline(always)]
pub(crate) fn with_minimum<const TOP: u32>(block: &[Lanes; 32]) -> (Lanes, Lanes) {
    let top = TOP as f32;
    let (mut least, mut most, mut squares) = ([0.0; LANES], block[0], [0.0; LANES]);
    for numbers in block {
        for lane in 0..LANES {
            let x = numbers[lane];
            least[lane] = lower(x, least[lane]);
            most[lane] = higher(x, most[lane]);
            squares[lane] += x * x;
        }
    }
    let (mut mean, mut range, mut scale) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for lane in 0..LANES {
        mean[lane] = (squares[lane] * (1.0 / 32.0)).sqrt();
        range[lane] = most[lane] - least[lane];
        scale[lane] = range[lane] / top;
    }
    let mut search = Search {
        block,
        weights: [[0.0; LANES]; 32],
        sum_w: [0.0; LANES],
        sum_wx: [0.0; LANES],
        scale,
        minimum: least,
        gain: [f32::MIN; LANES],
    };
    for (weights, numbers) in search.weights.iter_mut().zip(block) {
        for lane in 0..LANES {
            let weight = mean[lane] + numbers[lane].abs();
            weights[lane] = weight;
            search.sum_w[lane] += weight;
            search.sum_wx[lane] += weight * numbers[lane];
        }
    }
    for more in TRIED_WITH_MINIMUM {
        let mut inverse = [0.0; LANES];
        for lane in 0..LANES {
            inverse[lane] = (top + more) / range[lane];
        }
        search.consider(top, &least, &inverse);
    }
    for _ in 0..REFINEMENTS {
        let (mut inverse, minimum) = ([0.0; LANES], search.minimum);
        for lane in 0..LANES {
            inverse[lane] = 1.0 / search.scale[lane];
        }
        search.consider(top, &minimum, &inverse);
    }
    (search.scale, search.minimum)
}

/// Blocks, and what was found for them so far.
struct Search<'a> {
    block: &'a [Lanes; 32],
    /// What a square of each number's error counts, the sum of them, and that of them times the numbers.
    weights: [Lanes; 32],
    sum_w: Lanes,
    sum_wx: Lanes,
    scale: Lanes,
    minimum: Lanes,
    /// By how much the sum of squared errors is less than that of zeros.
    gain: Lanes,
}

impl Search<'_> {
    /// Gives each number the nearest level for an inverse scale and a minimum, and takes the scale and the minimum that are
    /// best for these levels, by least squares, where they are better than what was found before.
    #[inline(always)]
    fn consider(&mut self, top: f32, minimum: &Lanes, inverse: &Lanes) {
        let (mut sum_l, mut sum_ll, mut sum_lx) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for (numbers, weights) in self.block.iter().zip(&self.weights) {
            for lane in 0..LANES {
                let level = round((numbers[lane] - minimum[lane]) * inverse[lane]);
                let level = lower(higher(level, 0.0), top);
                let weighted = weights[lane] * level;
                sum_l[lane] += weighted;
                sum_ll[lane] += weighted * level;
                sum_lx[lane] += weighted * numbers[lane];
            }
        }
        for lane in 0..LANES {
            let (w, wx) = (self.sum_w[lane], self.sum_wx[lane]);
            let (l, ll, lx) = (sum_l[lane], sum_ll[lane], sum_lx[lane]);
            let determinant = w * ll - l * l;
            let minimum = (ll * wx - l * lx) / determinant;
            // A minimum is subtracted: there is none above zero. Where all levels are one, nothing tells scale and minimum apart.
            let both = minimum <= 0.0 && determinant > DISTINCT * w * ll;
            let (with, without) = ((w * lx - wx * l) / determinant, lx / ll);
            let scale = if both { with } else { without };
            let minimum = if both { minimum } else { 0.0 };
            let gain = scale * (2.0 * (lx - minimum * l) - scale * ll) + minimum * (2.0 * wx - minimum * w);
            let better = scale > 0.0 && gain > self.gain[lane];
            self.scale[lane] = if better { scale } else { self.scale[lane] };
            self.minimum[lane] = if better { minimum } else { self.minimum[lane] };
            self.gain[lane] = if better { gain } else { self.gain[lane] };
        }
    }
}

/// The scale with which levels from -32 to 31 come nearest to each block's numbers. It may be negative: the largest number takes
/// the level -32, which has no counterpart.
#[inline(always)]
pub(crate) fn without_minimum(block: &[Lanes; 16]) -> Lanes {
    let mut largest = [0.0_f32; LANES];
    for numbers in block {
        for lane in 0..LANES {
            largest[lane] = further(numbers[lane], largest[lane]);
        }
    }
    let (mut best, mut scale) = ([0.0; LANES], [0.0; LANES]);
    for more in TRIED_WITHOUT {
        let mut inverse = [0.0; LANES];
        for lane in 0..LANES {
            inverse[lane] = (-32.0 - more) / largest[lane];
        }
        consider(block, &inverse, &mut best, &mut scale);
    }
    for _ in 0..REFINEMENTS {
        let mut inverse = [0.0; LANES];
        for lane in 0..LANES {
            inverse[lane] = 1.0 / scale[lane];
        }
        consider(block, &inverse, &mut best, &mut scale);
    }
    scale
}

/// As [`Search::consider`]. `best` is the square sum that a scale explains.
#[inline(always)]
fn consider(block: &[Lanes; 16], inverse: &Lanes, best: &mut Lanes, scale: &mut Lanes) {
    let (mut sum_ll, mut sum_lx) = ([0.0; LANES], [0.0; LANES]);
    for numbers in block {
        for lane in 0..LANES {
            let level = round(numbers[lane] * inverse[lane]);
            let level = lower(higher(level, -32.0), 31.0);
            sum_ll[lane] += level * level;
            sum_lx[lane] += level * numbers[lane];
        }
    }
    for lane in 0..LANES {
        let gain = sum_lx[lane] * sum_lx[lane] / sum_ll[lane];
        let better = gain > best[lane];
        best[lane] = if better { gain } else { best[lane] };
        scale[lane] = if better {
            sum_lx[lane] / sum_ll[lane]
        } else {
            scale[lane]
        };
    }
}
