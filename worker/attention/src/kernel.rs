//! The arithmetic on one tile of keys, written so that the compiler turns it into vectors of any width.

use std::ops::Range;

use crate::few;
use crate::lanes::{Lanes, PADDING};
use crate::rows::{Element, Rows};
use hearth_activation::exp;

/// Keys of a tile. With rows of 128 numbers a widened tile takes 32 KB: a first-level cache, or half of one.
pub const TILE: usize = 64;
/// Queries that one pass over a tile serves.
const ROWS: usize = 4;

/// What some queries have gathered from the keys so far.
pub struct Scratch {
    rows: usize,
    /// Numbers of a row, and of a padded one.
    length: usize,
    padded: usize,
    /// Whether there are so few queries that taking keys and values from memory is what takes time.
    few: bool,
    /// `rows × padded`, scaled.
    queries: Vec<f32>,
    /// `rows × TILE`.
    scores: Vec<f32>,
    /// `padded × TILE` while scores are computed, then `TILE × padded`; nothing for few queries.
    tile: Vec<f32>,
    /// A key; nothing for few queries.
    key: Vec<f32>,
    /// `rows × padded`: values weighted so far.
    sums: Vec<f32>,
    /// The largest score of each row, and the sum of its weights relative to it.
    largest: Vec<f32>,
    weights: Vec<f32>,
}

impl Scratch {
    pub fn new(rows: usize, length: usize, few: bool) -> Self {
        let padded = length.next_multiple_of(PADDING);
        let (blocks, tile) = if few {
            (rows, 0)
        } else {
            (rows.next_multiple_of(ROWS), padded)
        };
        Self {
            rows,
            length,
            padded,
            few,
            queries: vec![0.0; blocks * padded],
            scores: vec![0.0; blocks * TILE],
            tile: vec![0.0; TILE * tile],
            key: vec![0.0; tile],
            sums: vec![0.0; blocks * padded],
            largest: vec![f32::NEG_INFINITY; rows],
            weights: vec![0.0; rows],
        }
    }

    #[inline(always)]
    pub fn load_query<T: Element>(&mut self, lanes: impl Lanes, row: usize, query: &[T], scale: f32) {
        let into = &mut self.queries[row * self.padded..][..self.length];
        T::widen(lanes, query, into);
        for number in into {
            *number *= scale;
        }
    }

    /// Scores of every query with every key of the tile.
    #[inline(always)]
    pub fn score<T: Element, L: Lanes>(
        &mut self,
        lanes: L,
        keys: &Rows<'_, T>,
        head: usize,
        tile: Range<usize>,
    ) {
        let padded = self.padded;
        if self.few {
            few::score(lanes, (&self.queries, padded), keys, head, tile, &mut self.scores);
            return;
        }
        for (column, key) in tile.enumerate() {
            T::widen(lanes, keys.row(head, key), &mut self.key[..self.length]);
            for (line, &number) in self.tile.chunks_exact_mut(TILE).zip(&self.key) {
                line[column] = number;
            }
        }
        let queries = self.queries.chunks_exact(ROWS * padded);
        for (queries, scores) in queries.zip(self.scores.chunks_exact_mut(ROWS * TILE)) {
            scores.fill(0.0);
            add_product(lanes, (queries, padded), (&self.tile, TILE), self.length, scores);
        }
    }

    /// Squeezes and masks the scores of a row, and turns them into weights.
    #[inline(always)]
    pub fn mask(&mut self, row: usize, softcap: Option<f32>, bias: Option<&[f32]>, seen: usize) {
        let Some(scores) = self.scores[row * TILE..].first_chunk_mut::<TILE>() else {
            return;
        };
        if let Some(cap) = softcap {
            for score in scores.iter_mut() {
                *score = cap * (*score / cap).tanh();
            }
        }
        if let Some(bias) = bias {
            for (score, bias) in scores.iter_mut().zip(bias) {
                *score += bias;
            }
        }
        for score in &mut scores[seen..] {
            *score = f32::NEG_INFINITY;
        }
        let mut best = [f32::NEG_INFINITY; 16];
        for chunk in scores.chunks_exact(16) {
            for (best, &score) in best.iter_mut().zip(chunk) {
                *best = if score > *best { score } else { *best };
            }
        }
        let largest = best.into_iter().fold(self.largest[row], f32::max);
        if largest == f32::NEG_INFINITY {
            scores.fill(0.0);
            return;
        }
        let mut sums = [0.0; 16];
        for chunk in scores.chunks_exact_mut(16) {
            for (sum, score) in sums.iter_mut().zip(chunk) {
                *score = exp(*score - largest);
                *sum += *score;
            }
        }
        let shrink = exp(self.largest[row] - largest);
        self.weights[row] = self.weights[row] * shrink + sums.into_iter().sum::<f32>();
        if shrink != 1.0 {
            self.largest[row] = largest;
            for sum in &mut self.sums[row * self.padded..][..self.length] {
                *sum *= shrink;
            }
        }
    }

    /// Adds the tile's values by their weights.
    #[inline(always)]
    pub fn add<T: Element, L: Lanes>(
        &mut self,
        lanes: L,
        values: &Rows<'_, T>,
        head: usize,
        tile: Range<usize>,
    ) {
        let (padded, count) = (self.padded, tile.len());
        if self.few {
            few::add(lanes, &self.scores, values, head, tile, &mut self.sums, padded);
            return;
        }
        for (key, widened) in tile.zip(self.tile.chunks_exact_mut(padded)) {
            T::widen(lanes, values.row(head, key), &mut widened[..values.length]);
            // A transposed tile lay here.
            widened[values.length..].fill(0.0);
        }
        let weights = self.scores.chunks_exact(ROWS * TILE);
        for (weights, sums) in weights.zip(self.sums.chunks_exact_mut(ROWS * padded)) {
            add_product(lanes, (weights, TILE), (&self.tile, padded), count, sums);
        }
    }

    /// Takes in what the same queries have gathered from other keys.
    pub fn join(&mut self, other: &Self) {
        for row in 0..self.rows {
            let largest = self.largest[row].max(other.largest[row]);
            if largest == f32::NEG_INFINITY {
                continue;
            }
            let (mine, theirs) = (
                exp(self.largest[row] - largest),
                exp(other.largest[row] - largest),
            );
            self.largest[row] = largest;
            self.weights[row] = self.weights[row] * mine + other.weights[row] * theirs;
            let at = row * self.padded..(row + 1) * self.padded;
            for (sum, other) in self.sums[at.clone()].iter_mut().zip(&other.sums[at]) {
                *sum = *sum * mine + other * theirs;
            }
        }
    }

    /// The result of a row; zeros where it saw nothing.
    pub fn finish(&self, row: usize, out: &mut [f32]) {
        let whole = if self.weights[row] > 0.0 {
            1.0 / self.weights[row]
        } else {
            0.0
        };
        for (out, sum) in out.iter_mut().zip(&self.sums[row * self.padded..]) {
            *out = sum * whole;
        }
    }
}

/// Adds to ROWS rows the product of `ROWS × inner` numbers with `inner` rows; both come with the distance from one row
/// to the next, and the result's is that of the second.
#[inline(always)]
fn add_product<L: Lanes>(
    lanes: L,
    left: (&[f32], usize),
    right: (&[f32], usize),
    inner: usize,
    into: &mut [f32],
) {
    let mut column = 0;
    if L::WIDE == 4 {
        while column + 4 * L::COUNT <= right.1 {
            add_strip::<L, 4>(lanes, left, right, inner, into, column);
            column += 4 * L::COUNT;
        }
    }
    if L::WIDE >= 2 {
        while column + 2 * L::COUNT <= right.1 {
            add_strip::<L, 2>(lanes, left, right, inner, into, column);
            column += 2 * L::COUNT;
        }
    }
    while column + L::COUNT <= right.1 {
        add_strip::<L, 1>(lanes, left, right, inner, into, column);
        column += L::COUNT;
    }
}

/// The same for a strip of columns, whose sums stay in registers.
#[inline(always)]
fn add_strip<L: Lanes, const WIDE: usize>(
    lanes: L,
    left: (&[f32], usize),
    right: (&[f32], usize),
    inner: usize,
    into: &mut [f32],
    column: usize,
) {
    let at = |row: usize, part: usize| row * right.1 + column + part * L::COUNT;
    let mut sums: [[L::Vector; WIDE]; ROWS] =
        std::array::from_fn(|row| std::array::from_fn(|part| lanes.load(&into[at(row, part)..])));
    // One check for the whole loop: the last element that each row reads.
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &left.0[row * left.1..][..inner]);
    let numbers = &right.0[column..];
    for step in 0..inner {
        let numbers = &numbers[step * right.1..][..WIDE * L::COUNT];
        let parts: [L::Vector; WIDE] = std::array::from_fn(|part| lanes.load(&numbers[part * L::COUNT..]));
        for row in 0..ROWS {
            let factor = lanes.splat(rows[row][step]);
            for part in 0..WIDE {
                sums[row][part] = lanes.multiply_add(factor, parts[part], sums[row][part]);
            }
        }
    }
    for row in 0..ROWS {
        for part in 0..WIDE {
            lanes.store(sums[row][part], &mut into[at(row, part)..]);
        }
    }
}
