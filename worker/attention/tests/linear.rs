//! Linear attention beside the plain formulas in f64.

use hearth_attention::{Convolution, DeltaRule};

fn random(count: usize, from: f32, to: f32) -> Vec<f32> {
    (0..count).map(|_| from + fastrand::f32() * (to - from)).collect()
}

/// Calls one after the other, as one thread would.
fn alone(parts: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..parts).for_each(work);
}

struct Text {
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    decays: Vec<f32>,
    strengths: Vec<f32>,
    corrects: bool,
    heads: usize,
    key_length: usize,
    value_length: usize,
}

impl Text {
    fn of(tokens: usize, heads: usize, key_length: usize, value_length: usize, corrects: bool) -> Self {
        let size = (key_length as f32).sqrt().recip();
        Self {
            queries: random(tokens * heads * key_length, -size, size),
            keys: random(tokens * heads * key_length, -size, size),
            values: random(tokens * heads * value_length, -1.0, 1.0),
            decays: random(tokens * heads, -2.0, 0.0),
            strengths: random(tokens * heads, 0.0, 1.0),
            corrects,
            heads,
            key_length,
            value_length,
        }
    }

    /// The rule for some of the tokens.
    fn rule(&self, tokens: std::ops::Range<usize>) -> DeltaRule<'_> {
        let part = |of, length: usize| {
            let of: &Vec<f32> = of;
            let each = self.heads * length;
            &of[tokens.start * each..tokens.end * each]
        };
        DeltaRule {
            queries: part(&self.queries, self.key_length),
            keys: part(&self.keys, self.key_length),
            values: part(&self.values, self.value_length),
            decays: part(&self.decays, 1),
            strengths: part(&self.strengths, 1),
            corrects: self.corrects,
            heads: self.heads,
            key_length: self.key_length,
            value_length: self.value_length,
        }
    }

    fn plainly(&self, state: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let mut state: Vec<f64> = state.iter().map(|&number| f64::from(number)).collect();
        let (keys, columns) = (self.key_length, self.value_length);
        let tokens = self.decays.len() / self.heads;
        let mut out = Vec::new();
        for token in 0..tokens {
            for head in 0..self.heads {
                let at = token * self.heads + head;
                let key = &self.keys[at * keys..][..keys];
                let query = &self.queries[at * keys..][..keys];
                let state = &mut state[head * keys * columns..][..keys * columns];
                let remains = f64::from(self.decays[at]).exp();
                state.iter_mut().for_each(|number| *number *= remains);
                for column in 0..columns {
                    let cells = (0..keys).map(|row| row * columns + column);
                    let found: f64 = cells
                        .clone()
                        .zip(key)
                        .map(|(cell, &k)| state[cell] * f64::from(k))
                        .sum();
                    let value = f64::from(self.values[at * columns + column]);
                    let found = if self.corrects { found } else { 0.0 };
                    let change = f64::from(self.strengths[at]) * (value - found);
                    for (cell, &k) in cells.clone().zip(key) {
                        state[cell] += f64::from(k) * change;
                    }
                    out.push(
                        cells
                            .zip(query)
                            .map(|(cell, &q)| state[cell] * f64::from(q))
                            .sum(),
                    );
                }
            }
        }
        (out, state)
    }
}

fn near(numbers: &[f32], right: &[f64]) {
    assert_eq!(numbers.len(), right.len());
    for (number, right) in numbers.iter().zip(right) {
        let error = (f64::from(*number) - right).abs();
        assert!(error < 2e-5 * right.abs().max(1.0), "{number} for {right}");
    }
}

#[test]
fn the_delta_rule_is_its_formula() {
    // Columns of whole groups, of single vectors, of none.
    for (heads, key_length, value_length) in [(3, 128, 128), (2, 16, 16), (1, 24, 7), (4, 32, 52)] {
        for (tokens, corrects) in [(1, true), (2, true), (9, true), (2, false), (9, false)] {
            let text = Text::of(tokens, heads, key_length, value_length, corrects);
            let mut state = random(heads * key_length * value_length, -1.0, 1.0);
            let (out, after) = text.plainly(&state);
            near(&text.rule(0..tokens).compute(&mut state, alone), &out);
            near(&state, &after);
        }
    }
}

#[test]
fn tokens_alone_are_as_tokens_together() {
    let text = Text::of(11, 2, 64, 80, true);
    let start = random(2 * 64 * 80, -1.0, 1.0);
    let (mut together, mut alone_state) = (start.clone(), start);
    let whole = text.rule(0..11).compute(&mut together, alone);
    let parts = [0..1, 1..6, 6..11].map(|part| text.rule(part).compute(&mut alone_state, alone));
    assert_eq!(parts.concat(), whole);
    assert_eq!(alone_state, together);
}

#[test]
fn the_convolution_is_its_formula_in_one_piece_and_in_several() {
    // More channels than one part takes.
    let (channels, length) = (1030, 4);
    let weights = random(channels * length, -1.0, 1.0);
    let bias = random(channels, -1.0, 1.0);
    for tokens in [1, 3, 10] {
        let input = random(tokens * channels, -2.0, 2.0);
        let start = random(channels * length, -2.0, 2.0);
        let of = |input| Convolution {
            input,
            weights: &weights,
            bias: &bias,
            channels,
            length,
        };
        let mut state = start.clone();
        let out = of(&input).compute(&mut state, alone);
        let number = |channel: usize, place: usize| match place.checked_sub(length) {
            Some(token) => input[token * channels + channel],
            None => start[channel * length + place],
        };
        let right: Vec<f64> = (0..tokens * channels)
            .map(|at| {
                let (token, channel) = (at / channels, at % channels);
                let sum: f64 = (0..length)
                    .map(|place| {
                        let weight = weights[channel * length + place];
                        f64::from(weight) * f64::from(number(channel, token + place + 1))
                    })
                    .sum();
                let sum = sum + f64::from(bias[channel]);
                sum / (1.0 + (-sum).exp())
            })
            .collect();
        near(&out, &right);
        let left: Vec<f64> = (0..channels * length)
            .map(|at| f64::from(number(at / length, tokens + at % length)))
            .collect();
        near(&state, &left);

        let mut state_of_parts = start.clone();
        let (first, rest) = input.split_at(channels);
        let parts = [first, rest].map(|part| of(part).compute(&mut state_of_parts, alone));
        assert_eq!(parts.concat(), out);
        assert_eq!(state_of_parts, state);
    }
}
