//! The weights as a header lists them.

use std::collections::BTreeMap;

use hearth_engine::support::{self, FLOAT_TYPES};
use hearth_gguf::{Header, Tensor};

use super::{Dimensions, Matrices, Role, Weights};
use crate::{product, sum};

const EMBEDDINGS: &str = "token_embd.weight";
const PER_LAYER: &str = "per_layer_token_embd.weight";

/// Sums the tensors up.
pub fn weights(header: &Header, dimensions: &Dimensions) -> Weights {
    let mut weights = Weights {
        vocabulary_in_header: true,
        ..Weights::default()
    };
    let mut matrices = Vec::new();
    let mut unstacking: BTreeMap<&str, u64> = BTreeMap::new();
    let is_translated = support::class(&dimensions.architecture).is_some();
    let has_output = header.tensors.iter().any(|tensor| tensor.name == "output.weight");
    for tensor in header
        .tensors
        .iter()
        .filter(|tensor| is_run(&tensor.name, dimensions.layers))
    {
        let numbers = tensor.weights().unwrap_or(u64::MAX);
        let bytes = tensor.bytes().unwrap_or(u64::MAX);
        if tensor.name == EMBEDDINGS {
            weights.embedding_weights = numbers;
            weights.embedding_bytes = bytes;
            weights.tied = !has_output;
            if weights.tied {
                matrices.push(matrix(tensor, Role::Output, numbers, bytes, is_translated));
            }
        } else if tensor.name == PER_LAYER {
            weights.per_layer_bytes = bytes;
        } else if tensor.shape.len() < 2 {
            weights.vector_weights = weights.vector_weights.saturating_add(numbers);
        } else {
            let is_expert = tensor.name.contains("_exps.") || is_single_expert(&tensor.name);
            let role = match tensor.name.as_str() {
                "output.weight" => Role::Output,
                _ if is_expert && dimensions.experts.is_some() => Role::Expert,
                _ => Role::Layer,
            };
            matrices.push(matrix(tensor, role, numbers, bytes, is_translated));
            if tensor.name.contains("_exps.") && dimensions.architecture == "llama" {
                // `models/quantized_llama.rs` makes 32-bit floats of a layer's three tensors, cuts them into experts, and
                // quantises each anew.
                let layer = tensor.name.split(".ffn").next().unwrap_or_default();
                let taken = unstacking.entry(layer).or_default();
                *taken = sum(&[*taken, bytes, product(&[numbers, 4])]);
            }
        }
    }
    weights.unstacking_bytes = unstacking.into_values().max().unwrap_or(0);
    weights.matrices = together(matrices);
    weights
}

/// Whether the tensor is neither of a layer behind the last one that is run nor of what sees, which some files hold as well.
fn is_run(name: &str, layers: u64) -> bool {
    if name.starts_with("v.") || name.starts_with("mm.") {
        return false;
    }
    let layer = name.strip_prefix("blk.").and_then(|rest| rest.split('.').next());
    layer
        .and_then(|layer| layer.parse().ok())
        .is_none_or(|layer: u64| layer < layers)
}

/// Older files hold each expert in tensors of its own: `blk.0.ffn_gate.7.weight`.
fn is_single_expert(name: &str) -> bool {
    let mut parts = name.rsplit('.');
    parts.next() == Some("weight")
        && parts
            .next()
            .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `is_translated`: for the class of a family.
fn matrix(tensor: &Tensor, role: Role, weights: u64, bytes: u64, is_translated: bool) -> Matrices {
    let side = |at: usize| tensor.shape.get(at).copied().unwrap_or(1);
    let is_float = FLOAT_TYPES.contains(&tensor.tensor_type.name().as_str());
    Matrices {
        role,
        tensor_type: tensor.tensor_type,
        halves: is_translated
            && role != Role::Expert
            && matches!(tensor.tensor_type.name().as_str(), "F16" | "BF16"),
        tiled: !is_float && side(0).is_multiple_of(256) && side(1).is_multiple_of(16),
        weights,
        bytes,
    }
}

/// Those that are held alike, summed.
pub fn together(all: Vec<Matrices>) -> Vec<Matrices> {
    let mut sums: BTreeMap<(Role, String, bool), Matrices> = BTreeMap::new();
    for one in all {
        sums.entry((one.role, one.tensor_type.name(), one.tiled))
            .and_modify(|sum| {
                sum.weights = sum.weights.saturating_add(one.weights);
                sum.bytes = sum.bytes.saturating_add(one.bytes);
            })
            .or_insert(one);
    }
    sums.into_values().collect()
}
