//! A verdict on a model of which little more than its number of parameters is known, as in a list of search results.

use hearth_engine::support;
use hearth_machine::{Gpu, Machine};

use crate::shape::{Dimensions, Mix};
use crate::{Label, Plan, Shape, verdict};

/// Bits of a weight in a file of about four, such as Q4_K_M: 4.8 for large models and 5.2 for small ones, whose
/// embeddings are a larger part. Taken from Llama 3.1 8B (4.92 GB, 8.03 billion) and Llama 3.2 1B (0.81 GB, 1.24).
const BITS: u128 = 5;

/// Bytes of the 4-bit file of a model of so many parameters, within a tenth.
pub fn four_bit_bytes(parameters: u64) -> u64 {
    u64::try_from(u128::from(parameters) * BITS / 8).unwrap_or(u64::MAX)
}

/// How a model is built, as far as a list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Built<'a> {
    /// GGUF's name of an architecture.
    Architecture(&'a str),
    /// transformers' name of a class, of safetensors.
    Class(&'a str),
    /// Not told; it is taken for one that runs.
    Unknown,
}

/// What a model of so many parameters would be called in its 4-bit size, by the dimensions of published models of about
/// its size, with as much of it as finds room on the graphics card.
pub fn quick_label(
    machine: &Machine,
    card: Option<&Gpu>,
    built: Built<'_>,
    parameters: u64,
    context: u64,
) -> Label {
    let runs = match built {
        Built::Architecture(name) => support::check_architecture(name).is_ok(),
        Built::Class(name) => support::safetensors::knows(name),
        Built::Unknown => true,
    };
    if !runs {
        return Label::EngineCannot;
    }
    let shape = typical(parameters);
    let plan = Plan {
        context,
        draft: None,
        card,
    };
    verdict(machine, None, &shape, plan, None).label
}

/// Qwen3's: parameters in millions, layers, embedding, feed-forward, heads, key and value heads.
const PUBLISHED: [[u64; 6]; 6] = [
    [600, 28, 1024, 3072, 16, 8],
    [1700, 28, 2048, 6144, 16, 8],
    [4000, 36, 2560, 9728, 32, 8],
    [8200, 36, 4096, 12_288, 32, 8],
    [14_800, 40, 5120, 17_408, 40, 8],
    [32_800, 64, 5120, 25_600, 64, 8],
];

fn typical(parameters: u64) -> Shape {
    let far = |of: &&[u64; 6]| {
        let millions = (parameters as f64 / 1e6).max(1.0);
        ((millions / of[0] as f64).ln().abs() * 1e6) as u64
    };
    let nearest = PUBLISHED.iter().min_by_key(far).unwrap_or(&PUBLISHED[0]);
    let [_, layers, embedding, feed_forward, heads, kv_heads] = *nearest;
    let dimensions = Dimensions::qwen3(layers, embedding, feed_forward, heads, kv_heads);
    let weights = dimensions.weights_of(four_bit_bytes(parameters), Mix::Q4_K_M);
    dimensions.shape(weights, false, None)
}
