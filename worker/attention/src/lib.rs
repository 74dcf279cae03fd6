//! Attention on a CPU: softmax(scale · Q Kᵀ) V over a cache of keys and values, a tile at a time.
//!
//! Keys and values stay in the cache's own type and are widened to f32 a tile at a time; all heads that share a key
//! head (grouped-query attention) share the widened tile. Nothing of the size queries × keys is ever held. The
//! softmax runs along (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, as in
//! FlashAttention): a tile's maximum rescales what was summed before.
//!
//! And linear attention, which keeps one matrix a head in place of a cache ([`DeltaRule`]).

#![allow(
    unsafe_code,
    reason = "vector instructions, and threads that each write a part of one result"
)]

mod convolution;
mod delta;
mod few;
mod kernel;
mod lanes;
#[cfg(feature = "candle")]
mod linear;
pub mod rope;
mod rows;
#[cfg(feature = "candle")]
mod tensors;

use std::ops::Range;

pub use convolution::Convolution;
pub use delta::DeltaRule;
use lanes::{Job, Lanes, dispatch};
#[cfg(feature = "candle")]
pub use linear::{convolution, delta_rule, selective_scan};
pub use rows::{Element, Rows};
#[cfg(feature = "candle")]
pub use tensors::{attention, stored};

use kernel::{Scratch, TILE};

/// Which keys a query sees.
#[derive(Clone, Copy, Debug)]
pub enum Mask<'a> {
    /// All of them.
    Full,
    /// Those at its own position and before: the last query stands at the last key.
    Causal,
    /// What is added to the scores, `queries × keys` in row-major order, the same for every head.
    Bias(&'a [f32]),
}

/// One attention over a batch of one.
#[derive(Clone, Copy, Debug)]
pub struct Attention<'a, Q, K> {
    /// `heads × queries × length`.
    pub queries: Rows<'a, Q>,
    /// `key heads × keys × length`, of which each serves `heads / key heads` heads in a row.
    pub keys: Rows<'a, K>,
    /// `key heads × keys × value length`, which is no more than a key's.
    pub values: Rows<'a, K>,
    /// What the scores are multiplied with, usually 1/√length.
    pub scale: f32,
    /// Scores are squeezed into ± this by tanh, before the mask.
    pub softcap: Option<f32>,
    /// Which keys a query sees.
    pub mask: Mask<'a>,
}

/// Query positions that are worked on together; each brings all heads of its group.
const BLOCK: usize = 32;
/// With no more queries than this the keys are split, as there is little else to share among threads. A query's result is
/// then the same to the last bit whether it is asked alone or with others, so the way must not depend on their number.
const FEW: usize = 16;
/// Keys of a split: always as many, for the same reason.
const SPLIT: usize = 512;

/// A part of the work: one key head, some queries, some keys.
struct Part {
    head: usize,
    queries: Range<usize>,
    keys: Range<usize>,
}

impl<Q: Element, K: Element> Attention<'_, Q, K> {
    /// Computes it into `heads × queries × value length`, row-major.
    ///
    /// `each` calls its second argument with every number below its first, on as many threads as it likes.
    ///
    /// # Panics
    /// When shapes disagree, which is a fault of the caller.
    pub fn compute(&self, each: impl Fn(usize, &(dyn Fn(usize) + Sync))) -> Vec<f32> {
        let (heads, queries, length) = (self.queries.heads, self.queries.positions, self.queries.length);
        let (key_heads, keys) = (self.keys.heads, self.keys.positions);
        assert!(self.values.heads == key_heads && self.values.positions == keys);
        let wide = self.values.length;
        assert!(self.keys.length == length && wide <= length);
        assert!(key_heads > 0 && heads % key_heads == 0);
        if let Mask::Bias(bias) = self.mask {
            assert_eq!(bias.len(), queries * keys);
        }
        let group = heads / key_heads;
        let few = queries <= FEW;
        let splits = if few { keys.div_ceil(SPLIT).max(1) } else { 1 };
        let block = BLOCK.div_ceil(group.min(BLOCK)).max(queries.min(FEW));
        let parts = self.parts(block, splits);
        let mut out = vec![0.0; heads * queries * wide];
        if splits == 1 {
            let target = Shared(out.as_mut_ptr());
            each(parts.len(), &|index| {
                let part = &parts[index];
                let mut scratch = Scratch::new(group * part.queries.len(), length, few);
                dispatch(Work {
                    attention: self,
                    part,
                    scratch: &mut scratch,
                });
                for (row, (head, query)) in rows_of(part, group).enumerate() {
                    let at = (head * queries + query) * wide;
                    // SAFETY: each row of the result belongs to one part, and `each` calls once per part.
                    let row_out = unsafe { target.slice(at, wide) };
                    scratch.finish(row, row_out);
                }
            });
            return out;
        }
        let mut partial: Vec<Scratch> = parts
            .iter()
            .map(|part| Scratch::new(group * part.queries.len(), length, few))
            .collect();
        let scratches = Shared(partial.as_mut_ptr());
        each(parts.len(), &|index| {
            // SAFETY: one scratch per part, and `each` calls once per part.
            let scratch = unsafe { &mut scratches.slice(index, 1)[0] };
            dispatch(Work {
                attention: self,
                part: &parts[index],
                scratch,
            });
        });
        for (parts, partial) in parts.chunks(splits).zip(partial.chunks_mut(splits)) {
            let Some((first, others)) = partial.split_first_mut() else {
                continue;
            };
            for other in others.iter() {
                first.join(other);
            }
            for (row, (head, query)) in rows_of(&parts[0], group).enumerate() {
                let at = (head * queries + query) * wide;
                first.finish(row, &mut out[at..at + wide]);
            }
        }
        out
    }

    /// The splits of a block of queries follow each other.
    fn parts(&self, block: usize, splits: usize) -> Vec<Part> {
        let (queries, keys) = (self.queries.positions, self.keys.positions);
        let per_split = if splits == 1 { keys } else { SPLIT };
        let mut parts = Vec::new();
        // The later queries see more keys: the longest work first, so that no thread is left with it at the end.
        for first in (0..queries).step_by(block).rev() {
            for head in 0..self.keys.heads {
                let last = (first + block).min(queries);
                let seen = match self.mask {
                    Mask::Causal => keys - (queries - last),
                    _ => keys,
                };
                parts.extend((0..splits).map(|split| Part {
                    head,
                    queries: first..last,
                    keys: (split * per_split).min(seen)..((split + 1) * per_split).min(seen),
                }));
            }
        }
        parts
    }

    #[inline(always)]
    fn bias(&self, query: usize, tile: Range<usize>) -> Option<&[f32]> {
        match self.mask {
            Mask::Bias(bias) => {
                let row = query * self.keys.positions;
                Some(&bias[row + tile.start..row + tile.end])
            }
            _ => None,
        }
    }

    /// How many keys of the tile the query sees.
    #[inline(always)]
    fn seen(&self, query: usize, tile: &Range<usize>) -> usize {
        match self.mask {
            Mask::Causal => {
                let end = self.keys.positions - (self.queries.positions - 1 - query);
                end.saturating_sub(tile.start).min(tile.len())
            }
            _ => tile.len(),
        }
    }
}

/// One part of the work, and what it gathers.
struct Work<'a, Q, K> {
    attention: &'a Attention<'a, Q, K>,
    part: &'a Part,
    scratch: &'a mut Scratch,
}

impl<Q: Element, K: Element> Job for Work<'_, Q, K> {
    #[inline(always)]
    fn run(self, lanes: impl Lanes) {
        let Self {
            attention,
            part,
            scratch,
        } = self;
        let group = attention.queries.heads / attention.keys.heads;
        for (row, (head, query)) in rows_of(part, group).enumerate() {
            scratch.load_query(lanes, row, attention.queries.row(head, query), attention.scale);
        }
        for start in part.keys.clone().step_by(TILE) {
            let tile = start..(start + TILE).min(part.keys.end);
            scratch.score(lanes, &attention.keys, part.head, tile.clone());
            for (row, (_, query)) in rows_of(part, group).enumerate() {
                let (bias, seen) = (attention.bias(query, tile.clone()), attention.seen(query, &tile));
                scratch.mask(row, attention.softcap, bias, seen);
            }
            scratch.add(lanes, &attention.values, part.head, tile);
        }
    }
}

/// Heads and queries of a part, query by query.
#[inline(always)]
fn rows_of(part: &Part, group: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
    let first = part.head * group;
    part.queries
        .clone()
        .flat_map(move |query| (first..first + group).map(move |head| (head, query)))
}

/// Memory that several threads write, each a part of its own.
struct Shared<T>(*mut T);

// SAFETY: whoever takes a slice promises that nobody else takes the same elements.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// The elements exist, and nobody else has a reference to any of them.
    #[allow(clippy::mut_from_ref, reason = "the parts that threads take do not overlap")]
    unsafe fn slice(&self, at: usize, count: usize) -> &mut [T] {
        // SAFETY: as promised by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(at), count) }
    }
}
