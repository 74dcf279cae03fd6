//! The buffers of a prompt, which the engine reads in portions.

use crate::{Shape, product, sum};

const FLOAT: u64 = 4;
const HALF: u64 = 2;

/// Tokens of a portion (`worker/src/reader.rs`).
const PORTION: u64 = 256;

/// Bytes held at the worst moment of reading the last portion of a prompt of `tokens`, the cache and the weights aside: building the mask,
/// attention, the projection after it, or the feed-forward part of a layer.
///
/// Rust frees a shadowed binding only where its scope ends, so what a function has computed stays until it returns; the
/// counts below follow `forward` and `forward_attn` of `models/quantized_*.rs` line by line.
pub fn buffers(shape: &Shape, tokens: u64) -> u64 {
    let keys_seen = tokens;
    let tokens = portion(shape, tokens);
    let floats = |width: u64, count: u64| product(&[tokens, width, FLOAT, count]);
    let halves = |width: u64, count: u64| product(&[tokens, width, HALF, count]);
    let hidden = |count| floats(shape.embedding, count);
    let queries = shape.heads.saturating_mul(shape.key_length);
    let keys = shape.kv_heads.saturating_mul(shape.key_length);
    let mask = |bytes_a_pair: u64| product(&[tokens, keys_seen, bytes_a_pair]);

    // `make_causal_mask_matrix` in `layers_masker.rs`: bytes, then 32-bit floats of every pair. `make_swa_mask`, of windows, has
    // 32-bit floats twice, and where there are both, both stay.
    let has_windows = shape.kept.windowed > 0;
    let building_the_mask = hidden(1).saturating_add(mask(if has_windows { 12 } else { 5 }));
    let masks = mask(if has_windows { 8 } else { 4 });

    // Queries, keys and values before and after the rotary positions; keys and values in 16 bits as they go to the cache.
    let attended = match shape.architecture.as_str() {
        "qwen3" | "qwen3moe" | "gemma3" | "gemma4" | "qwen35" | "qwen35moe" => {
            sum(&[floats(queries, 4), floats(keys, 5), halves(keys, 2)])
        }
        "qwen2" => sum(&[floats(queries, 2), floats(keys, 3), halves(keys, 2)]),
        "phi3" => sum(&[floats(queries, 2), floats(keys, 4), halves(keys, 2)]),
        _ => sum(&[floats(queries, 2), floats(keys, 3), halves(keys, 2)]),
    };
    // `attention` in `worker/attention/src/tensors.rs`. A mask that is not causal, as that of a window, is copied.
    let of_mask = if has_windows { mask(4) } else { 0 };
    let attention = sum(&[hidden(2), attended, floats(queries, 1), masks, of_mask]);
    let projection = sum(&[
        hidden(3),
        attended,
        floats(queries, 2),
        quantised(tokens, queries),
        masks,
    ]);

    // Five hidden states are alive in a layer, and the feed-forward part's own result makes six.
    let wide = match shape.architecture.as_str() {
        "phi3" => 5,
        "starcoder2" => 2,
        _ => 3,
    };
    // Each expert sees the tokens that ask it; in the worst case all of a prompt ask the same. Where experts lie in one
    // tensor, what all of them give to a token is held at once (`worker/src/experts.rs`), and each is weighed.
    let asked = match (shape.architecture.as_str(), shape.experts) {
        ("qwen3moe" | "qwen35moe" | "deepseek2" | "gemma4", Some(experts)) => experts.used,
        _ => 1,
    };
    let given = if asked > 1 {
        hidden(asked.saturating_mul(2))
    } else {
        0
    };
    let width = shape.feed_forward.saturating_mul(asked);
    let feed_forward = sum(&[
        hidden(6),
        given,
        floats(width, wide),
        quantised(tokens, shape.feed_forward),
        masks,
    ]);

    // What the tokens bring for each layer stays until the last one: with what is computed besides, three times at first
    // (`compute_ple` in `vision_models/gemma4/text.rs`).
    let brought = floats(shape.per_layer_inputs, 1);
    let moments = building_the_mask.max(attention).max(projection).max(feed_forward);
    moments
        .saturating_add(brought)
        .max(floats(shape.per_layer_inputs, 3))
}

/// Tokens that are read at once of a prompt of so many.
pub fn portion(shape: &Shape, tokens: u64) -> u64 {
    if shape.reads_whole() {
        tokens
    } else {
        tokens.min(PORTION)
    }
}

/// Activations quantised for a product: `Block` in `worker/matmul` has 320 bytes for 256 numbers, and a scale; candle's
/// `BlockQ8K` 292.
fn quantised(tokens: u64, width: u64) -> u64 {
    product(&[tokens, width.div_ceil(256), 324])
}
