//! The shape of a model of safetensors, as it lies in memory once its weights are read.

use std::collections::BTreeMap;

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::gemma4::Layers;
use hearth_gguf::TensorType;
use hearth_safetensors::{Checkpoint, Config, Dtype, Layer, Numbers, Tensor};

use super::{Experts, Kept, Matrices, Role, Shape, Weights, WindowHeads, linear_state};
use crate::{Reason, product};

/// ggml's numbers of types.
const F32: u32 = 0;
const Q4_1: u32 = 3;
const Q5_0: u32 = 6;
const Q5_1: u32 = 7;
const Q8_0: u32 = 8;
const Q4_K: u32 = 12;
const Q5_K: u32 = 13;
const Q6_K: u32 = 14;
const MXFP4: u32 = 39;

/// Tensors that wait to be quantised at once, and the one that is read, for two threads (`set_immediate_isq_with_pool` in
/// mistralrs-quant's `lib.rs`). They follow each other in a layer, of which a few are much larger than the others.
const WAITING: usize = 4;

/// # Errors
/// When a number that everything depends on is not in the config.
pub fn shape(family: &str, model: &Checkpoint, quantisation: Option<Quantisation>) -> Result<Shape, Reason> {
    let number = |key: &str| model.config.number(key).filter(|number| *number > 0);
    let needed = |key: &str| {
        number(key).ok_or_else(|| Reason::Missing {
            what: format!("usable number {key} in its config.json"),
        })
    };
    let (embedding, heads) = (needed("hidden_size")?, needed("num_attention_heads")?);
    let kv_heads = number("num_key_value_heads").unwrap_or(heads);
    let head = number("head_dim").unwrap_or((embedding / heads).max(1));
    // Gemma 4's layers that see all have longer keys, and fewer of them.
    let window_heads = (family == "gemma4").then_some(WindowHeads {
        kv_heads,
        length: head,
    });
    let kv_heads = number("num_global_key_value_heads").unwrap_or(kv_heads);
    let head = number("global_head_dim").unwrap_or(head);
    let count = ["num_experts", "num_local_experts", "n_routed_experts"]
        .into_iter()
        .find_map(number);
    let experts = count.filter(|count| *count > 1).map(|count| Experts {
        count,
        used: (number("num_experts_per_tok").or_else(|| number("top_k_experts")))
            .unwrap_or(count)
            .min(count),
    });
    let trained_context = number("max_position_embeddings").unwrap_or(8192);
    let vocabulary = needed("vocab_size")?;
    let layers = needed("num_hidden_layers")?;
    let window = number("sliding_window");
    let kept = match (gemma4(family, &model.config), window) {
        (Some(of), Some(window)) => Kept::of_gemma4(&of, window),
        _ if family == "granitemoehybrid" => {
            Kept::everything(with_attention(&model.config).unwrap_or(layers))
        }
        _ => Kept::of(
            family,
            layers,
            window,
            number("full_attention_interval").or_else(|| number("sliding_window_pattern")),
        ),
    };
    let linear = |key: &str| number(&format!("linear_{key}")).unwrap_or(0);
    let mamba = |key: &str| number(&format!("mamba_{key}")).unwrap_or(0);
    let state = match family {
        // A state of Mamba 2 is as large as one of linear attention with a head of keys for each group.
        "granitemoehybrid" => linear_state(
            mamba("n_groups"),
            mamba("d_state"),
            product(&[mamba("expand"), embedding]),
            mamba("d_conv"),
        ),
        _ => linear_state(
            linear("num_key_heads"),
            linear("key_head_dim"),
            product(&[linear("num_value_heads"), linear("value_head_dim")]),
            linear("conv_kernel_dim"),
        ),
    };
    Ok(Shape {
        architecture: family.to_owned(),
        layers,
        embedding,
        feed_forward: number("moe_intermediate_size")
            .or_else(|| number("intermediate_size"))
            .unwrap_or(embedding.saturating_mul(4)),
        heads,
        kv_heads,
        key_length: head,
        value_length: head,
        rotary_length: head,
        vocabulary,
        merges: vocabulary,
        trained_context,
        reliable_context: trained_context,
        experts,
        kept: kept.and_states(layers, state),
        window_heads,
        per_layer_inputs: product(&[number("hidden_size_per_layer_input").unwrap_or(0), layers]),
        weights: match model.layers.is_empty() {
            true => weights(model, quantisation, experts.is_some()),
            false => quantised(model, [vocabulary, embedding], experts.is_some()),
        },
        estimated: false,
        vocabulary_hash: None,
    })
}

/// How many layers of a Granite have attention; all others have states.
fn with_attention(config: &Config) -> Option<u64> {
    let kinds = config.get("layer_types")?.as_array()?;
    Some(kinds.iter().filter(|kind| *kind == "attention").count() as u64)
}

/// What the config of a Gemma 4 says of its layers.
fn gemma4(family: &str, config: &Config) -> Option<Layers> {
    let kinds = config.get("layer_types").filter(|_| family == "gemma4")?;
    let number = |key: &str| config.number(key).filter(|number| *number > 0);
    let kv_heads = number("num_key_value_heads").unwrap_or(1);
    let sliding: Vec<bool> = kinds
        .as_array()?
        .iter()
        .map(|kind| kind == "sliding_attention")
        .collect();
    let shared = number("num_kv_shared_layers").unwrap_or(0) as usize;
    (shared < sliding.len()).then(|| Layers {
        sliding,
        shared,
        kv_heads,
        global_kv_heads: number("num_global_key_value_heads").unwrap_or(kv_heads),
        feed_forward: number("intermediate_size").unwrap_or(0),
        is_double_wide: config
            .get("use_double_wide_mlp")
            .and_then(|value| value.as_bool())
            == Some(true),
    })
}

fn weights(model: &Checkpoint, quantisation: Option<Quantisation>, has_experts: bool) -> Weights {
    let mut weights = Weights::default();
    let mut matrices = Vec::new();
    let mut table = None;
    let mut of_layers: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for tensor in &model.tensors {
        let numbers = numbers(tensor);
        if tensor.name.ends_with("embed_tokens.weight") {
            weights.embedding_weights = numbers;
            // A table of 32-bit floats (`embedding` in `layers.rs`).
            weights.embedding_bytes = product(&[numbers, 4]);
            table = Some(tensor);
        } else if tensor.name.ends_with("embed_tokens_per_layer.weight") {
            weights.per_layer_bytes = product(&[numbers, 4]);
        } else if let Some(blocks) = mxfp4(tensor) {
            // They are put into another order, a layer's at a time.
            weights.unstacking_bytes = weights.unstacking_bytes.max(blocks.bytes);
            matrices.push(blocks);
        } else if let Some(role) = role(tensor, has_experts) {
            matrices.push(matrix(role, tensor, quantisation));
            of_layers.entry(layer(&tensor.name)).or_default().push(numbers);
        } else {
            // Norms, biases, and all of what sees: kept as 32-bit floats, and not read for a token.
            weights.vector_weights = weights.vector_weights.saturating_add(numbers);
        }
    }
    let has_output = matrices.iter().any(|one| one.role == Role::Output);
    if let Some(table) = table.filter(|_| !has_output) {
        // The output is the table, of which a quantised copy is made.
        matrices.push(matrix(Role::Output, table, quantisation));
    }
    for mut sizes in of_layers.into_values() {
        sizes.sort_unstable();
        let waiting: u64 = sizes.iter().rev().take(WAITING).sum();
        weights.unstacking_bytes = weights.unstacking_bytes.max(product(&[waiting, 4]));
    }
    // What was quantised is copied once more to where it stays (`QStorage::from_data`).
    let copied = matrices.iter().map(|one| one.bytes).max().unwrap_or(0);
    weights.unstacking_bytes = weights.unstacking_bytes.max(copied);
    weights.matrices = super::exact::together(matrices);
    weights
}

/// The weights of UQFF, whose layers have no names; the output is `(vocabulary, embedding)`.
fn quantised(model: &Checkpoint, output: [u64; 2], has_experts: bool) -> Weights {
    let mut weights = Weights::default();
    for tensor in &model.tensors {
        let numbers = numbers(tensor);
        if tensor.name.ends_with("embed_tokens.weight") {
            weights.embedding_weights = numbers;
            weights.embedding_bytes = product(&[numbers, 4]);
        } else {
            weights.vector_weights = weights.vector_weights.saturating_add(numbers);
        }
    }
    let expert = model
        .config
        .number("moe_intermediate_size")
        .filter(|_| has_experts);
    let matrix = |layer: &Layer| {
        let role = match layer.shape.as_slice() {
            shape if shape == output => Role::Output,
            [_, _, _] => Role::Expert,
            shape if expert.is_some_and(|width| shape.contains(&width)) => Role::Expert,
            _ => Role::Layer,
        };
        let kind = match layer.numbers {
            Numbers::Blocks(kind) => kind,
            Numbers::Plain(_) | Numbers::Other(_) => F32,
        };
        let columns = layer.shape.last().copied().unwrap_or(1);
        Matrices {
            role,
            tensor_type: TensorType::from_id(kind),
            halves: false,
            tiled: tiled(kind, columns),
            weights: product(&layer.shape),
            bytes: layer.bytes,
        }
    };
    let matrices: Vec<Matrices> = model.layers.iter().map(matrix).collect();
    // A layer is read into memory and copied to where it stays, one by each of two threads (`load_from_artifacts` in
    // mistralrs-core's `pipeline/isq.rs`).
    let mut sizes: Vec<u64> = matrices.iter().map(|one| one.bytes).collect();
    sizes.sort_unstable();
    weights.unstacking_bytes = sizes.iter().rev().take(2).sum();
    weights.matrices = super::exact::together(matrices);
    weights
}

/// Whether matrices of a type and so many columns divide into the tiles of kernels.
fn tiled(kind: u32, columns: u64) -> bool {
    matches!(kind, Q8_0 | Q4_K | Q5_K | Q6_K) && columns.is_multiple_of(256)
}

/// The number of the layer that a tensor belongs to.
fn layer(name: &str) -> &str {
    let after = name.split_once("layers.").map_or("", |(_, rest)| rest);
    after.split('.').next().unwrap_or_default()
}

/// What a matrix that is multiplied with is for.
fn role(tensor: &Tensor, has_experts: bool) -> Option<Role> {
    let name = tensor.name.as_str();
    let sees = ["vision", "visual", "audio", "multi_modal"];
    // Every expert has a bias of its own, and all of a layer's lie in one tensor.
    if tensor.shape.len() < 2 || tensor.name.ends_with("_bias") || sees.iter().any(|part| name.contains(part))
    {
        return None;
    }
    match name {
        _ if name.ends_with("lm_head.weight") => Some(Role::Output),
        _ if name.ends_with(".router.layer.weight") => None,
        _ if has_experts && (name.contains(".experts.") || name.contains(".block_sparse_moe.")) => {
            Some(Role::Expert)
        }
        _ if name.contains("layers.") && !name.contains("conv1d") => Some(Role::Layer),
        _ => None,
    }
}

/// Experts that stay in the four bits of their files, with a byte for every 32 (`worker/src/mxfp4.rs`). They lie in two tensors,
/// and count with the larger one.
fn mxfp4(tensor: &Tensor) -> Option<Matrices> {
    if tensor.dtype != Dtype::U8 {
        return None;
    }
    let tensor_type = TensorType::from_id(MXFP4);
    let weights = match tensor.name.ends_with("_blocks") {
        true => numbers(tensor).saturating_mul(2),
        false => 0,
    };
    Some(Matrices {
        role: Role::Expert,
        tensor_type,
        halves: false,
        tiled: false,
        weights,
        bytes: tensor_type.bytes(weights).unwrap_or(u64::MAX),
    })
}

fn matrix(role: Role, tensor: &Tensor, quantisation: Option<Quantisation>) -> Matrices {
    let columns = tensor.shape.last().copied().unwrap_or(1);
    let kind = kind(columns, quantisation);
    let tensor_type = TensorType::from_id(kind);
    let weights = numbers(tensor);
    Matrices {
        role,
        tensor_type,
        halves: false,
        tiled: tiled(kind, columns as u64),
        weights,
        bytes: tensor_type.bytes(weights).unwrap_or(u64::MAX),
    }
}

/// What a matrix with so many columns becomes (`get_quantization_behaviour` in mistralrs-quant's `utils/isq.rs`).
fn kind(columns: usize, quantisation: Option<Quantisation>) -> u32 {
    let Some(quantisation) = quantisation.filter(|_| columns.is_multiple_of(32)) else {
        return F32;
    };
    match (quantisation, columns.is_multiple_of(256)) {
        (Quantisation::Q8_0, _) => Q8_0,
        (Quantisation::Q4K, true) => Q4_K,
        (Quantisation::Q5K, true) => Q5_K,
        (Quantisation::Q6K, true) => Q6_K,
        (Quantisation::Q4K, false) => Q4_1,
        (Quantisation::Q5K, false) => Q5_0,
        (Quantisation::Q6K, false) => Q5_1,
    }
}

fn numbers(tensor: &Tensor) -> u64 {
    let sides: Vec<u64> = tensor.shape.iter().map(|side| *side as u64).collect();
    product(&sides)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use hearth_safetensors::Files;
    use serde_json::json;

    use super::*;

    /// The first layer's experts of gpt-oss 20b, as its files have them.
    #[test]
    fn experts_of_mxfp4_take_what_they_take_in_their_files() {
        let names = ["config.json", "tokenizer.json", "model.safetensors"].map(PathBuf::from);
        let tensor = |name: &str, dtype, shape: &[usize], bytes| Tensor {
            name: format!("model.layers.0.mlp.experts.{name}"),
            dtype,
            shape: shape.to_vec(),
            bytes,
        };
        let model = Checkpoint {
            files: Files::of(&names).unwrap(),
            config: Config::new(json!({
                "hidden_size": 2880, "num_attention_heads": 64, "num_hidden_layers": 1, "vocab_size": 201_088,
                "num_local_experts": 32, "num_experts_per_tok": 4
            })),
            tensors: vec![
                tensor("gate_up_proj_blocks", Dtype::U8, &[32, 5760, 90, 16], 265_420_800),
                tensor("gate_up_proj_scales", Dtype::U8, &[32, 5760, 90], 16_588_800),
                tensor("gate_up_proj_bias", Dtype::BF16, &[32, 5760], 368_640),
            ],
            layers: Vec::new(),
            tokens: None,
            has_template: true,
        };
        let weights = shape("gpt_oss", &model, Some(Quantisation::Q4K)).unwrap().weights;
        let [experts] = &weights.matrices[..] else {
            panic!("{:?}", weights.matrices);
        };
        assert_eq!((experts.role, experts.weights), (Role::Expert, 32 * 5760 * 2880));
        assert_eq!(experts.bytes, 265_420_800 + 16_588_800);
        assert_eq!(weights.vector_weights, 32 * 5760);
    }
}
