//! How fast a model writes and reads.

use hearth_machine::{CpuLevel, Machine, Speeds};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::constants::{
    DECODE_COST_ROW_BY_ROW, PROMPT_COST_FLOAT, PROMPT_COST_ROW_BY_ROW, PROMPT_COST_TILED,
    PROMPT_COST_TILED_Q8, REACHED, SPEED_UNCERTAINTY, STATE_COST,
};
use crate::held::{Kernel, held};
use crate::memory::portion;
use crate::shape::{Matrices, Role};
use crate::{Experts, Shape};

/// A predicted or measured speed, tokens a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Speed {
    /// As fast as this most of the time.
    pub tokens_per_second: f64,
    /// It may be as slow as this: a full context.
    pub low: f64,
    /// It may be as fast as this: a chat that has just begun.
    pub high: f64,
}

impl Speed {
    /// Of the seconds for one token in three cases. `None` when one is no real time.
    pub(crate) fn of_seconds(usual: f64, slow: f64, quick: f64, uncertainty: f64) -> Option<Self> {
        let all = [usual, slow, quick];
        if !all.iter().all(|seconds| seconds.is_finite() && *seconds > 0.0) {
            return None;
        }
        Some(Self {
            tokens_per_second: usual.recip(),
            low: slow.max(usual).recip() * (1.0 - uncertainty),
            high: quick.min(usual).recip() * (1.0 + uncertainty),
        })
    }
}

/// How fast the model writes with `context` tokens before it, give or take. `None` when `speeds` are no speeds.
///
/// A token reads every matrix that it passes once, the keys and values of all tokens before it, and the states of linear
/// attention, which it writes as well.
pub fn decode_speed(machine: &Machine, speeds: &Speeds, shape: &Shape, context: u64) -> Option<Speed> {
    let seconds = decode_seconds(machine.cpu.level, speeds, shape, context);
    Speed::of_seconds(seconds, seconds, seconds, SPEED_UNCERTAINTY)
}

/// How fast the model reads a prompt of `tokens`, give or take. `None` when `speeds` are no speeds.
pub fn prompt_speed(machine: &Machine, speeds: &Speeds, shape: &Shape, tokens: u64) -> Option<Speed> {
    let seconds = prompt_seconds(machine.cpu.level, speeds, shape, tokens);
    Speed::of_seconds(seconds, seconds, seconds, SPEED_UNCERTAINTY)
}

/// Seconds of one token.
pub(crate) fn decode_seconds(level: CpuLevel, speeds: &Speeds, shape: &Shape, context: u64) -> f64 {
    let weights: f64 = shape
        .weights
        .matrices
        .iter()
        .map(|one| reading_seconds(one, level, speeds) * share(one, shape.experts))
        .sum();
    let keys = shape.read_numbers(context) / speeds.key_numbers_per_second;
    let queries = shape.queried_numbers(context) / speeds.attention_numbers_per_second;
    let states = shape.kept.state_numbers as f64 * 4.0 * 2.0 / speeds.read_bytes_per_second;
    // Three of a layer's seven products are as many for each expert.
    let products = 1.0 + 3.0 / 7.0 * (asked(shape) - 1.0);
    let between = shape.layers as f64 * speeds.layer_seconds * products;
    (weights + keys + queries + states + between) / REACHED
}

/// Seconds in which all of these matrices are multiplied with one row, which is reading them.
fn reading_seconds(matrices: &Matrices, level: CpuLevel, speeds: &Speeds) -> f64 {
    let held = held(matrices, level);
    let speed = match held.kernel {
        Kernel::Tiled => speeds.matvec_bytes_per_second,
        Kernel::RowByRow => speeds.matvec_bytes_per_second / DECODE_COST_ROW_BY_ROW,
        // Plain floats are multiplied as fast as memory gives them.
        Kernel::Float => speeds.read_bytes_per_second,
    };
    held.loaded as f64 / speed
}

/// Seconds of one token of a prompt of `tokens`.
pub(crate) fn prompt_seconds(level: CpuLevel, speeds: &Speeds, shape: &Shape, tokens: u64) -> f64 {
    let portion = portion(shape, tokens.max(1)) as f64;
    let tokens = tokens.max(1) as f64;
    let weights: f64 = shape
        .weights
        .matrices
        .iter()
        .map(|one| {
            let reading = reading_seconds(one, level, speeds);
            if one.role == Role::Output {
                // It is computed for the last token alone.
                return reading / tokens;
            }
            // Experts are read that any token of the portion asks.
            let share = share(one, shape.experts);
            let multiplying = one.weights as f64 * prompt_cost(one, level) * share;
            multiplying / speeds.prompt_weights_per_second + reading * (share * portion).min(1.0) / portion
        })
        .sum();
    // A token attends to those before it: half of the prompt on average.
    let looked_at = shape.queried_numbers(tokens as u64) / 2.0;
    let states = shape.kept.state_numbers as f64 * STATE_COST;
    let activations = shape.layers as f64 * activations(shape);
    let between =
        activations / speeds.prompt_numbers_per_second + shape.layers as f64 * speeds.layer_seconds / tokens;
    (weights + (looked_at + states) / speeds.prompt_attention_per_second + between) / REACHED
}

/// Numbers of a layer's states, of one token. Of several experts each has its own, and what each gives is weighed.
fn activations(shape: &Shape) -> f64 {
    let queries = shape.heads as f64 * shape.key_length as f64;
    let given = match shape.experts {
        Some(_) => shape.embedding as f64 * asked(shape),
        None => 0.0,
    };
    shape.embedding as f64 + queries + shape.feed_forward as f64 * asked(shape) + given
}

/// Experts that a token asks, of each layer.
fn asked(shape: &Shape) -> f64 {
    shape.experts.map_or(1, |experts| experts.used.max(1)) as f64
}

/// How much of these matrices one token reads.
fn share(matrices: &Matrices, experts: Option<Experts>) -> f64 {
    match (matrices.role, experts) {
        (Role::Expert, Some(experts)) => experts.used as f64 / experts.count.max(1) as f64,
        _ => 1.0,
    }
}

fn prompt_cost(matrices: &Matrices, level: CpuLevel) -> f64 {
    match held(matrices, level).kernel {
        Kernel::Float => PROMPT_COST_FLOAT,
        Kernel::RowByRow => PROMPT_COST_ROW_BY_ROW,
        Kernel::Tiled if matrices.tensor_type.name() == "Q8_0" && !multiplies_bytes(level) => {
            PROMPT_COST_TILED_Q8
        }
        Kernel::Tiled => PROMPT_COST_TILED,
    }
}

/// Whether `worker/matmul` has kernels of dot products of bytes for it, which take every type as well.
fn multiplies_bytes(level: CpuLevel) -> bool {
    matches!(level, CpuLevel::Avx512Vnni | CpuLevel::Amx)
}
