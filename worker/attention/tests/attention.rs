//! Attention beside the plain formula in f64.

use half::f16;
use hearth_attention::{Attention, Element, Mask, Rows};

struct Tensor<T> {
    data: Vec<T>,
    heads: usize,
    positions: usize,
    length: usize,
    /// Positions that a head has room for.
    room: usize,
}

impl<T: Copy> Tensor<T> {
    fn of(heads: usize, positions: usize, length: usize, make: impl Fn(f32) -> T) -> Self {
        let room = positions + 3;
        let data = (0..heads * room * length)
            .map(|_| make(fastrand::f32() * 2.0 - 1.0))
            .collect();
        Self {
            data,
            heads,
            positions,
            length,
            room,
        }
    }

    fn rows(&self) -> Rows<'_, T> {
        Rows {
            data: &self.data,
            heads: self.heads,
            positions: self.positions,
            length: self.length,
            head_stride: self.room * self.length,
            position_stride: self.length,
        }
    }
}

fn wide<T: Element>(row: &[T]) -> Vec<f64> {
    row.iter()
        .map(|&number| f64::from(Into::<f32>::into(number)))
        .collect()
}

fn plainly<Q: Element, K: Element>(attention: &Attention<'_, Q, K>) -> Vec<f64> {
    let (queries, keys) = (attention.queries, attention.keys);
    let mut out = Vec::new();
    for head in 0..queries.heads {
        let key_head = head / (queries.heads / keys.heads);
        for query in 0..queries.positions {
            let asked = wide(queries.row(head, query));
            let scores: Vec<f64> = (0..keys.positions)
                .map(|key| {
                    let dot: f64 = asked
                        .iter()
                        .zip(wide(keys.row(key_head, key)))
                        .map(|(a, b)| a * b)
                        .sum();
                    let mut score = dot * f64::from(attention.scale);
                    if let Some(cap) = attention.softcap {
                        score = f64::from(cap) * (score / f64::from(cap)).tanh();
                    }
                    match attention.mask {
                        Mask::Full => score,
                        Mask::Causal if key + queries.positions <= query + keys.positions => score,
                        Mask::Causal => f64::NEG_INFINITY,
                        Mask::Bias(bias) => score + f64::from(bias[query * keys.positions + key]),
                    }
                })
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let whole: f64 = weights.iter().sum();
            let mut sum = vec![0.0; attention.values.length];
            for (key, weight) in weights.iter().enumerate() {
                for (sum, value) in sum.iter_mut().zip(wide(attention.values.row(key_head, key))) {
                    *sum += weight / whole * value;
                }
            }
            out.extend(sum);
        }
    }
    out
}

fn on_threads(count: usize, work: &(dyn Fn(usize) + Sync)) {
    std::thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || (thread..count).step_by(2).for_each(work));
        }
    });
}

fn assert_right<Q: Element, K: Element>(attention: &Attention<'_, Q, K>, tolerance: f64) {
    let right = plainly(attention);
    let found = attention.compute(on_threads);
    assert_eq!(found.len(), right.len());
    for (index, (found, right)) in found.iter().zip(&right).enumerate() {
        assert!(
            (f64::from(*found) - right).abs() < tolerance,
            "{index}: {found} and not {right}"
        );
    }
}

#[test]
fn every_shape_and_mask_gives_what_the_formula_gives() {
    for (heads, key_heads, length, value_length) in [
        (1, 1, 8, 8),
        (4, 4, 64, 64),
        (8, 2, 64, 64),
        (6, 2, 96, 96),
        (14, 2, 64, 64),
        (4, 1, 128, 128),
        (2, 1, 20, 20),
        // DeepSeek's keys carry the position beside what they say.
        (4, 4, 48, 32),
        (2, 1, 192, 128),
    ] {
        for (queries, keys) in [
            (1, 1),
            (1, 63),
            (1, 1000),
            (4, 700),
            (8, 8),
            (9, 9),
            (70, 70),
            (33, 150),
        ] {
            let q = Tensor::of(heads, queries, length, |x| x * 4.0);
            let k = Tensor::of(key_heads, keys, length, f16::from_f32);
            let v = Tensor::of(key_heads, keys, value_length, f16::from_f32);
            let bias: Vec<f32> = (0..queries * keys)
                .map(|index| match index % keys == 0 || fastrand::bool() {
                    true => fastrand::f32(),
                    false => f32::NEG_INFINITY,
                })
                .collect();
            for mask in [Mask::Full, Mask::Causal, Mask::Bias(&bias)] {
                for softcap in [None, Some(5.0)] {
                    let attention = Attention {
                        queries: q.rows(),
                        keys: k.rows(),
                        values: v.rows(),
                        scale: 1.0 / (length as f32).sqrt(),
                        softcap,
                        mask,
                    };
                    assert_right(&attention, 2e-6);
                }
            }
        }
    }
}

/// What makes a draft that is verified in one pass give the text that single passes give.
#[test]
fn a_query_gets_the_same_alone_as_in_company() {
    for (heads, key_heads, length, keys) in [
        (8, 2, 64, 40),
        (4, 4, 128, 515),
        (6, 2, 96, 1030),
        (2, 1, 20, 2100),
    ] {
        const QUERIES: usize = 9;
        let q = Tensor::of(heads, QUERIES, length, |x| x * 4.0);
        let k = Tensor::of(key_heads, keys, length, f16::from_f32);
        let v = Tensor::of(key_heads, keys, length, f16::from_f32);
        let together = Attention {
            queries: q.rows(),
            keys: k.rows(),
            values: v.rows(),
            scale: 1.0 / (length as f32).sqrt(),
            softcap: None,
            mask: Mask::Causal,
        };
        let found = together.compute(on_threads);
        for query in 0..QUERIES {
            let seen = keys - (QUERIES - 1 - query);
            let mut one = q.rows();
            one.data = &one.data[query * length..];
            one.positions = 1;
            let (mut k, mut v) = (k.rows(), v.rows());
            (k.positions, v.positions) = (seen, seen);
            let alone = Attention {
                queries: one,
                keys: k,
                values: v,
                ..together
            };
            let alone = alone.compute(on_threads);
            for head in 0..heads {
                let at = (head * QUERIES + query) * length;
                assert!(
                    alone[head * length..(head + 1) * length] == found[at..at + length],
                    "head {head}, query {query}, {keys} keys"
                );
            }
        }
    }
}

#[test]
fn every_type_is_read() {
    let (q, k, v) = (
        Tensor::of(4, 5, 32, f16::from_f32),
        Tensor::of(2, 90, 32, half::bf16::from_f32),
        Tensor::of(2, 90, 32, half::bf16::from_f32),
    );
    let attention = Attention {
        queries: q.rows(),
        keys: k.rows(),
        values: v.rows(),
        scale: 0.2,
        softcap: None,
        mask: Mask::Causal,
    };
    assert_right(&attention, 2e-6);
}

#[test]
fn scores_of_hundreds_neither_overflow_nor_vanish() {
    let (q, k, v) = (
        Tensor::of(2, 3, 64, |x| x * 200.0),
        Tensor::of(2, 300, 64, |x| x * 10.0),
        Tensor::of(2, 300, 64, |x| x),
    );
    let attention = Attention {
        queries: q.rows(),
        keys: k.rows(),
        values: v.rows(),
        scale: 1.0,
        softcap: None,
        mask: Mask::Full,
    };
    assert_right(&attention, 2e-2);
}

#[test]
fn a_query_that_sees_nothing_gives_zeros() {
    let (q, k) = (Tensor::of(1, 2, 16, |x| x), Tensor::of(1, 4, 16, |x| x));
    let bias = [f32::NEG_INFINITY; 8];
    let attention = Attention {
        queries: q.rows(),
        keys: k.rows(),
        values: k.rows(),
        scale: 1.0,
        softcap: None,
        mask: Mask::Bias(&bias),
    };
    assert!(attention.compute(on_threads).iter().all(|number| *number == 0.0));
}
