//! The gated delta rule: attention whose memory is one matrix a head, however long the text.
//!
//! After S. Yang, J. Kautz and A. Hatamizadeh, "Gated Delta Networks: Improving Mamba2 with Delta Rule", 2024. For every token
//! the matrix S forgets a share of itself, what it holds under the token's key moves towards the token's value, and the query
//! reads it:
//!
//! ```text
//! S ← eᵈ S;  S ← S + k ⊗ β (v − kᵀ S);  y = qᵀ S
//! ```
//!
//! What the next token reads is summed up while this one writes, so that the matrix is walked once for each token. The sums of
//! a token are made in the same order whether it comes alone or with others: the results are the same to the last bit.

use crate::Shared;
use crate::lanes::{Job, Lanes, Plain, dispatch};

/// The gated delta rule for tokens in a row. Numbers lie token by token, head by head.
#[derive(Clone, Copy, Debug)]
pub struct DeltaRule<'a> {
    /// `tokens × heads × key length`, already divided by the root of that length.
    pub queries: &'a [f32],
    /// `tokens × heads × key length`.
    pub keys: &'a [f32],
    /// `tokens × heads × value length`.
    pub values: &'a [f32],
    /// The logarithm of what remains of S, 0 or less: `tokens × heads`.
    pub decays: &'a [f32],
    /// How far a value is moved towards, 0 to 1: `tokens × heads`.
    pub strengths: &'a [f32],
    /// Whether what S holds under a key makes way for what is added. Where it does not, S ← eᵈ S + k ⊗ β v, which is also the
    /// selective scan of T. Dao and A. Gu, "Transformers are SSMs" (Mamba 2), 2024.
    pub corrects: bool,
    /// Heads, each with a matrix of its own.
    pub heads: usize,
    /// Rows of a head's matrix.
    pub key_length: usize,
    /// Columns of a head's matrix.
    pub value_length: usize,
}

impl DeltaRule<'_> {
    /// Computes what the queries read, `tokens × heads × value length`, and leaves `states`, `heads × key length × value
    /// length`, as they are after the last token.
    ///
    /// `each` calls its second argument with every number below its first, on as many threads as it likes.
    ///
    /// # Panics
    /// When shapes disagree, which is a fault of the caller.
    pub fn compute(&self, states: &mut [f32], each: impl Fn(usize, &(dyn Fn(usize) + Sync))) -> Vec<f32> {
        let (heads, size) = (self.heads, self.key_length * self.value_length);
        let tokens = self.decays.len().checked_div(heads).unwrap_or(0);
        assert!(self.decays.len() == tokens * heads && self.strengths.len() == tokens * heads);
        assert!(self.queries.len() == tokens * heads * self.key_length);
        assert!(self.keys.len() == self.queries.len() && states.len() == heads * size);
        assert!(self.values.len() == tokens * heads * self.value_length);
        let mut out = vec![0.0; self.values.len()];
        let (shared_states, shared_out) = (Shared(states.as_mut_ptr()), Shared(out.as_mut_ptr()));
        each(heads, &|head| {
            dispatch(Head {
                rule: self,
                head,
                tokens,
                // SAFETY: each head's matrix is its own, and `each` calls once per head.
                state: unsafe { shared_states.slice(head * size, size) },
                out: &shared_out,
            });
        });
        out
    }

    fn row<'a>(&self, of: &'a [f32], token: usize, head: usize, length: usize) -> &'a [f32] {
        &of[(token * self.heads + head) * length..][..length]
    }
}

/// One head's part of the work.
struct Head<'a> {
    rule: &'a DeltaRule<'a>,
    head: usize,
    tokens: usize,
    state: &'a mut [f32],
    out: &'a Shared<f32>,
}

/// What there is to know of a token besides its vectors.
struct Token {
    /// What remains of the matrix.
    remains: f32,
    strength: f32,
    /// qᵀ k.
    agreement: f32,
}

impl Job for Head<'_> {
    #[inline(always)]
    fn run(mut self, lanes: impl Lanes) {
        let rule = self.rule;
        let tokens: Vec<Token> = (0..self.tokens)
            .map(|token| {
                let at = token * rule.heads + self.head;
                let (query, key) = (self.query(token), self.key(token));
                Token {
                    remains: rule.decays[at].exp(),
                    strength: rule.strengths[at],
                    agreement: query.iter().zip(key).map(|(q, k)| q * k).sum(),
                }
            })
            .collect();
        // 32 columns of 128 rows stay in the first cache.
        let mut column = match lanes_of(lanes) {
            16 => self.columns::<_, 2>(lanes, &tokens, 0),
            8 => self.columns::<_, 4>(lanes, &tokens, 0),
            _ => self.columns::<_, 4>(lanes, &tokens, 0),
        };
        column = self.columns::<_, 1>(lanes, &tokens, column);
        column = self.columns::<_, 1>(Plain, &tokens, column);
        for column in column..rule.value_length {
            self.column(&tokens, column);
        }
    }
}

#[inline(always)]
fn lanes_of<L: Lanes>(_: L) -> usize {
    L::COUNT
}

impl Head<'_> {
    #[inline(always)]
    fn query(&self, token: usize) -> &[f32] {
        self.rule
            .row(self.rule.queries, token, self.head, self.rule.key_length)
    }

    #[inline(always)]
    fn key(&self, token: usize) -> &[f32] {
        self.rule
            .row(self.rule.keys, token, self.head, self.rule.key_length)
    }

    #[inline(always)]
    fn values(&self, token: usize) -> &[f32] {
        self.rule
            .row(self.rule.values, token, self.head, self.rule.value_length)
    }

    /// The part of a token's result from a column on.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "one slice of them is held at a time")]
    fn result(&self, token: usize, column: usize, count: usize) -> &mut [f32] {
        let at = (token * self.rule.heads + self.head) * self.rule.value_length + column;
        // SAFETY: each head's results are its own, and one slice of them is held at a time.
        unsafe { self.out.slice(at, count) }
    }

    /// Works on as many columns from `first` on as make up whole groups of `WIDE` vectors, and says where it stopped.
    #[inline(always)]
    fn columns<L: Lanes, const WIDE: usize>(&mut self, lanes: L, tokens: &[Token], first: usize) -> usize {
        let width = WIDE * L::COUNT;
        let mut column = first;
        while column + width <= self.rule.value_length {
            self.group::<L, WIDE>(lanes, tokens, column);
            column += width;
        }
        column
    }

    #[inline(always)]
    fn group<L: Lanes, const WIDE: usize>(&mut self, lanes: L, tokens: &[Token], column: usize) {
        let zero = lanes.splat(0.0);
        let columns = self.rule.value_length;
        let (mut found, mut asked) = ([zero; WIDE], [zero; WIDE]);
        if !tokens.is_empty() {
            let rows = self.state.chunks_exact(columns);
            for ((row, &key), &query) in rows.zip(self.key(0)).zip(self.query(0)) {
                let (key, query) = (lanes.splat(key), lanes.splat(query));
                for vector in 0..WIDE {
                    let held = lanes.load(&row[column + vector * L::COUNT..]);
                    found[vector] = lanes.multiply_add(key, held, found[vector]);
                    asked[vector] = lanes.multiply_add(query, held, asked[vector]);
                }
            }
        }
        for (token, of) in tokens.iter().enumerate() {
            let (remains, strength) = (lanes.splat(of.remains), lanes.splat(of.strength));
            let taken = lanes.splat(if self.rule.corrects {
                -of.remains * of.strength
            } else {
                0.0
            });
            let agreement = lanes.splat(of.agreement);
            let mut change = [zero; WIDE];
            for vector in 0..WIDE {
                let value = lanes.load(&self.values(token)[column + vector * L::COUNT..]);
                let wanted = lanes.multiply_add(strength, value, zero);
                change[vector] = lanes.multiply_add(taken, found[vector], wanted);
                let read = lanes.multiply_add(agreement, change[vector], zero);
                let result = lanes.multiply_add(remains, asked[vector], read);
                let at = column + vector * L::COUNT;
                lanes.store(result, self.result(token, at, L::COUNT));
            }
            (found, asked) = ([zero; WIDE], [zero; WIDE]);
            let next = token + 1;
            let (rule, head, length) = (self.rule, self.head, self.rule.key_length);
            let rows = self.state.chunks_exact_mut(columns);
            let keys = rule.row(rule.keys, token, head, length);
            if next == tokens.len() {
                for (row, &key) in rows.zip(keys) {
                    let key = lanes.splat(key);
                    for vector in 0..WIDE {
                        let row = &mut row[column + vector * L::COUNT..];
                        let added = lanes.multiply_add(key, change[vector], zero);
                        lanes.store(lanes.multiply_add(remains, lanes.load(row), added), row);
                    }
                }
                continue;
            }
            let next_keys = rule.row(rule.keys, next, head, length);
            let next_queries = rule.row(rule.queries, next, head, length);
            for (((row, &key), &next_key), &query) in rows.zip(keys).zip(next_keys).zip(next_queries) {
                let (key, next_key, query) = (lanes.splat(key), lanes.splat(next_key), lanes.splat(query));
                for vector in 0..WIDE {
                    let row = &mut row[column + vector * L::COUNT..];
                    let added = lanes.multiply_add(key, change[vector], zero);
                    let held = lanes.multiply_add(remains, lanes.load(row), added);
                    lanes.store(held, row);
                    found[vector] = lanes.multiply_add(next_key, held, found[vector]);
                    asked[vector] = lanes.multiply_add(query, held, asked[vector]);
                }
            }
        }
    }

    /// A column that is part of no vector.
    fn column(&mut self, tokens: &[Token], column: usize) {
        let columns = self.rule.value_length;
        for (token, of) in tokens.iter().enumerate() {
            let held = || self.state.iter().skip(column).step_by(columns);
            let found: f32 = held().zip(self.key(token)).map(|(held, key)| held * key).sum();
            let asked: f32 = held()
                .zip(self.query(token))
                .map(|(held, query)| held * query)
                .sum();
            let found = if self.rule.corrects { found } else { 0.0 };
            let change = of.strength * (self.values(token)[column] - of.remains * found);
            self.result(token, column, 1)[0] = of.remains * asked + of.agreement * change;
            let keys = self
                .rule
                .row(self.rule.keys, token, self.head, self.rule.key_length);
            let held = self.state.iter_mut().skip(column).step_by(columns);
            for (held, key) in held.zip(keys) {
                *held = of.remains * *held + key * change;
            }
        }
    }
}
