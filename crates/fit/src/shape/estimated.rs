//! The weights inferred from a file's size.

use hearth_engine::support;
use hearth_gguf::TensorType;

use super::{Dimensions, Matrices, Role, Weights};
use crate::{product, sum};

/// ggml's numbers of types.
const F32: u32 = 0;
const F16: u32 = 1;
const Q8_0: u32 = 8;
const Q2_K: u32 = 10;
const Q3_K: u32 = 11;
const Q4_K: u32 = 12;
const Q5_K: u32 = 13;
const Q6_K: u32 = 14;
const MXFP4: u32 = 39;

/// A quantisation as llama.cpp makes it (`llama_tensor_get_type` in its `llama-quant.cpp`): most of a layer in one type,
/// a share of it in a better one, and the output in one of its own.
#[derive(Clone, Copy)]
pub struct Mix {
    most: u32,
    better: u32,
    /// Weights of a layer that are in the better type, per thousand.
    share: u64,
    output: u32,
}

impl Mix {
    /// Q4_K_M. The better type is for half of the value and down projections, a seventh of a usual layer.
    pub const Q4_K_M: Self = Self::of(Q4_K, Q6_K, 147, Q6_K);

    const ALL: [Self; 9] = [
        Self::of(F32, F32, 0, F32),
        Self::of(F16, F16, 0, F16),
        Self::of(Q8_0, Q8_0, 0, Q8_0),
        Self::of(Q6_K, Q6_K, 0, Q6_K),
        Self::of(Q5_K, Q6_K, 147, Q6_K),
        Self::Q4_K_M,
        Self::of(Q3_K, Q4_K, 300, Q6_K),
        Self::of(Q3_K, Q3_K, 0, Q6_K),
        Self::of(Q2_K, Q3_K, 400, Q6_K),
    ];

    const fn of(most: u32, better: u32, share: u64, output: u32) -> Self {
        Self {
            most,
            better,
            share,
            output,
        }
    }
}

/// How many weights a model has where.
struct Counts {
    layers: u64,
    experts: u64,
    table: u64,
    per_layer: u64,
    tied: bool,
}

/// The weights of the quantisation whose size comes nearest to `file_bytes`, adjusted to it.
pub fn weights(dimensions: &Dimensions, file_bytes: u64) -> Weights {
    let counts = count(dimensions);
    let off = |mix: &Mix| {
        let (layers, outside) = file_parts(&build(dimensions, &counts, *mix, 1.0), counts.tied);
        let expected = layers.saturating_add(outside).max(1);
        (file_bytes.max(1) as f64 / expected as f64).ln().abs()
    };
    let nearest = Mix::ALL.into_iter().min_by(|a, b| off(a).total_cmp(&off(b)));
    of_mix(dimensions, file_bytes, nearest.unwrap_or(Mix::Q4_K_M))
}

/// The weights of this quantisation, the layers' adjusted so that they fill a file of `file_bytes`.
pub fn of_mix(dimensions: &Dimensions, file_bytes: u64, mix: Mix) -> Weights {
    let counts = count(dimensions);
    let (layers, outside) = file_parts(&build(dimensions, &counts, mix, 1.0), counts.tied);
    let factor = file_bytes.saturating_sub(outside) as f64 / layers.max(1) as f64;
    build(dimensions, &counts, mix, factor)
}

fn count(of: &Dimensions) -> Counts {
    let queries = product(&[of.embedding, of.heads, of.key_length]);
    let keys = product(&[of.embedding, of.kv_heads, of.key_length]);
    let attention = sum(&[queries, queries, keys, keys]);
    // Two matrices where nothing gates the feed-forward state.
    let gated = of.architecture != "starcoder2";
    let feed_forward = product(&[of.embedding, of.feed_forward, if gated { 3 } else { 2 }]);
    let (dense, experts) = match of.experts {
        Some(experts) => (0, product(&[feed_forward, experts.count, of.layers])),
        None => (feed_forward, 0),
    };
    let layers = product(&[attention.saturating_add(dense), of.layers]);
    let table = product(&[of.vocabulary, of.embedding]);
    // No metadata tells whether the output shares the embeddings. Of published models those do whose table is a larger
    // part of them: Qwen3 4B with 9.7 %, and not Qwen3 8B with 7.6 %; Gemma and StarCoder 2 always do.
    let all = sum(&[layers, experts, table]);
    let always = of.architecture.starts_with("gemma") || of.architecture == "starcoder2";
    let tied = always || u128::from(table) * 1000 >= u128::from(all) * 87;
    Counts {
        layers,
        experts,
        table,
        per_layer: product(&[of.vocabulary, of.per_layer_inputs]),
        tied,
    }
}

/// `factor` stretches the layers.
fn build(of: &Dimensions, counts: &Counts, mix: Mix, factor: f64) -> Weights {
    let is_translated = support::class(&of.architecture).is_some();
    let mut matrices = Vec::new();
    let mut add = |role, kind, weights: u64| {
        if weights > 0 {
            matrices.push(Matrices {
                role,
                tensor_type: TensorType::from_id(kind),
                tiled: kind != F32 && kind != F16,
                halves: kind == F16 && role != Role::Expert && is_translated,
                weights,
                bytes: bytes(kind, weights),
            });
        }
    };
    for (role, count) in [(Role::Layer, counts.layers), (Role::Expert, counts.experts)] {
        let count = (count as f64 * factor) as u64;
        if role == Role::Expert && support::experts_of_mxfp4(&of.architecture) {
            // Whatever the rest is quantised to: nobody makes more of them than they were trained as.
            add(role, MXFP4, count);
            continue;
        }
        let better = (u128::from(count) * u128::from(mix.share) / 1000) as u64;
        add(role, mix.most, count - better);
        add(role, mix.better, better);
    }
    add(Role::Output, mix.output, counts.table);
    // A table that is also the output is stored as the output would be.
    let embedding_bytes = bytes(if counts.tied { mix.output } else { mix.most }, counts.table);
    let largest_matrix = product(&[of.embedding, of.feed_forward]);
    let unstacked = of.experts.filter(|_| of.architecture == "llama");
    let unstacking_bytes = unstacked.map_or(0, |experts| {
        let of_layer = product(&[largest_matrix, experts.count, 3]);
        bytes(mix.most, of_layer).saturating_add(product(&[of_layer, 4]))
    });
    Weights {
        embedding_weights: counts.table,
        embedding_bytes,
        tied: counts.tied,
        per_layer_bytes: bytes(mix.most, counts.per_layer),
        // Two norms a layer, and the last one.
        vector_weights: product(&[of.embedding, of.layers, 2]).saturating_add(of.embedding),
        unstacking_bytes,
        vocabulary_in_header: true,
        matrices,
    }
}

/// Bytes of the layers' matrices in the file, and of all else. A table that is also the output is there once.
fn file_parts(weights: &Weights, tied: bool) -> (u64, u64) {
    let bytes = |is_output: bool| {
        let of_role = weights
            .matrices
            .iter()
            .filter(|one| (one.role == Role::Output) == is_output);
        of_role.fold(0_u64, |all, one| all.saturating_add(one.bytes))
    };
    let output = if tied { 0 } else { bytes(true) };
    let vectors = product(&[weights.vector_weights, 4]);
    let tables = weights.embedding_bytes.saturating_add(weights.per_layer_bytes);
    (bytes(false), sum(&[output, tables, vectors]))
}

/// As if the weights filled whole blocks.
fn bytes(kind: u32, weights: u64) -> u64 {
    /// A multiple of every block's length.
    const BLOCK: u64 = 256;
    let block = TensorType::from_id(kind).bytes(BLOCK).unwrap_or(0);
    product(&[weights.div_ceil(BLOCK), block])
}
