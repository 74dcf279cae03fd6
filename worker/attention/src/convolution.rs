//! A causal convolution along the text with a few weights a channel, and SiLU behind it, as linear attention has it in front.

use hearth_activation::logistic;

use crate::Shared;
use crate::lanes::{Job, Lanes, dispatch};

/// Channels that one thread takes at a time.
const PART: usize = 512;

/// A convolution of every channel by itself.
#[derive(Clone, Copy, Debug)]
pub struct Convolution<'a> {
    /// `tokens × channels`.
    pub input: &'a [f32],
    /// `channels × length`, the weight of a token itself last.
    pub weights: &'a [f32],
    /// What is added to each channel; nothing where it is empty.
    pub bias: &'a [f32],
    /// Channels.
    pub channels: usize,
    /// Weights of a channel.
    pub length: usize,
}

impl Convolution<'_> {
    /// Computes `tokens × channels`. `state`, `channels × length`, holds what came in before, the latest last, and is left as it
    /// is after the last token.
    ///
    /// `each` calls its second argument with every number below its first, on as many threads as it likes.
    ///
    /// # Panics
    /// When shapes disagree, which is a fault of the caller.
    pub fn compute(&self, state: &mut [f32], each: impl Fn(usize, &(dyn Fn(usize) + Sync))) -> Vec<f32> {
        let (channels, length) = (self.channels, self.length);
        assert!(channels > 0 && length > 0 && self.input.len().is_multiple_of(channels));
        assert!(self.weights.len() == channels * length && state.len() == channels * length);
        assert!(self.bias.is_empty() || self.bias.len() == channels);
        let mut out = vec![0.0; self.input.len()];
        let (shared_out, shared_state) = (Shared(out.as_mut_ptr()), Shared(state.as_mut_ptr()));
        each(channels.div_ceil(PART), &|part| {
            let first = part * PART;
            let count = PART.min(channels - first);
            dispatch(Channels {
                of: self,
                first,
                count,
                // SAFETY: each part's channels are its own, and `each` calls once per part.
                state: unsafe { shared_state.slice(first * length, count * length) },
                out: &shared_out,
            });
        });
        out
    }
}

/// Some channels side by side.
struct Channels<'a> {
    of: &'a Convolution<'a>,
    first: usize,
    count: usize,
    state: &'a mut [f32],
    out: &'a Shared<f32>,
}

impl Job for Channels<'_> {
    #[inline(always)]
    fn run(self, _: impl Lanes) {
        let Self { of, first, count, .. } = self;
        let length = of.length;
        let tokens = of.input.len() / of.channels;
        // Side by side as the input is: the weights, and what came in before.
        let weights = turned(&of.weights[first * length..][..count * length], length);
        let before = turned(self.state, length);
        for token in 0..tokens {
            // SAFETY: the channels are this part's own, and one token's results are held at a time.
            let out = unsafe { self.out.slice(token * of.channels + first, count) };
            if !of.bias.is_empty() {
                out.copy_from_slice(&of.bias[first..][..count]);
            }
            for (place, weights) in weights.chunks_exact(count).enumerate() {
                let numbers = row(of, &before, first, count, token + place + 1);
                for ((sum, weight), number) in out.iter_mut().zip(weights).zip(numbers) {
                    *sum += weight * number;
                }
            }
            for sum in out {
                *sum *= logistic(*sum);
            }
        }
        for place in 0..length {
            let numbers = row(of, &before, first, count, tokens + place);
            for (held, number) in self.state.chunks_exact_mut(length).zip(numbers) {
                held[place] = *number;
            }
        }
    }
}

/// The input of some channels, of which the first `length` places came in before.
#[inline(always)]
fn row<'a>(of: &Convolution<'a>, before: &'a [f32], first: usize, count: usize, place: usize) -> &'a [f32] {
    match place.checked_sub(of.length) {
        Some(token) => &of.input[token * of.channels + first..][..count],
        None => &before[place * count..][..count],
    }
}

/// Rows of so many numbers, turned into columns.
#[inline(always)]
fn turned(rows: &[f32], length: usize) -> Vec<f32> {
    let count = rows.len() / length;
    let mut columns = vec![0.0; rows.len()];
    for (at, row) in rows.chunks_exact(length).enumerate() {
        for (place, number) in row.iter().enumerate() {
            columns[place * count + at] = *number;
        }
    }
    columns
}
