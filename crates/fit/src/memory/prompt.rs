//! The buffers of a prompt, which the engine reads in portions.

use crate::{Shape, product, sum};

const FLOAT: u64 = 4;
const HALF: u64 = 2;

/// Tokens of a portion (`worker/src/pipeline.rs`).
const PORTION: u64 = 512;

/// Bytes held at the worst moment of reading the last portion of a prompt of `tokens`, the cache and the weights aside: building the mask,
/// attention, the projection after it, or the feed-forward part of a layer.
///
/// Rust frees a shadowed binding only where its scope ends, so what a function has computed stays until it returns; the
/// counts below follow `forward` and `forward_attn` of `models/quantized_*.rs` line by line.
pub fn buffers(shape: &Shape, tokens: u64) -> u64 {
    let keys_seen = tokens;
    // A rotating cache takes a prompt as a whole.
    let tokens = if shape.architecture == "phi3" {
        tokens
    } else {
        tokens.min(PORTION)
    };
    let floats = |width: u64, count: u64| product(&[tokens, width, FLOAT, count]);
    let halves = |width: u64, count: u64| product(&[tokens, width, HALF, count]);
    let hidden = |count| floats(shape.embedding, count);
    let queries = shape.heads.saturating_mul(shape.key_length);
    let keys = shape.kv_heads.saturating_mul(shape.key_length);
    let mask = |bytes_a_pair: u64| product(&[tokens, keys_seen, bytes_a_pair]);

    // `make_causal_mask_matrix` in `layers_masker.rs`: bytes, then 32-bit floats, then 16-bit floats of every pair.
    // `make_swa_mask`, which Phi-3 uses, has 32-bit floats twice.
    let building_the_mask = hidden(1).saturating_add(mask(if shape.architecture == "phi3" { 10 } else { 7 }));

    // Queries, keys and values before and after the rotary positions, in the precision that each model keeps them in.
    let attended = match shape.architecture.as_str() {
        "qwen3" => sum(&[
            floats(queries, 4),
            halves(queries, 1),
            floats(keys, 5),
            halves(keys, 2),
        ]),
        "qwen2" => sum(&[
            floats(queries, 2),
            halves(queries, 1),
            floats(keys, 3),
            halves(keys, 2),
        ]),
        "phi2" | "phi3" => sum(&[halves(queries, 2), halves(keys, 4)]),
        _ => sum(&[halves(queries, 2), halves(keys, 3)]),
    };
    // `attention` in `worker/attention/src/tensors.rs`: the result in 32-bit and in 16-bit floats. A mask that is not
    // causal, as Phi-3's, becomes 32-bit floats beside the 16-bit ones.
    let of_mask = mask(if shape.architecture == "phi3" { 6 } else { 2 });
    let attention = sum(&[
        hidden(2),
        attended,
        floats(queries, 1),
        halves(queries, 1),
        of_mask,
    ]);
    let projection = sum(&[
        hidden(3),
        attended,
        halves(queries, 2),
        floats(queries, 1),
        quantised(tokens, queries),
        mask(2),
    ]);

    // Five hidden states are alive in a layer, and the feed-forward part's own result makes six.
    let wide = match shape.architecture.as_str() {
        "phi3" => 5,
        "phi2" | "starcoder2" => 2,
        _ => 3,
    };
    // Each expert sees the tokens that ask it; in the worst case all of a prompt ask the same.
    let feed_forward = sum(&[
        hidden(6),
        floats(shape.feed_forward, wide),
        quantised(tokens, shape.feed_forward),
        mask(2),
    ]);

    building_the_mask.max(attention).max(projection).max(feed_forward)
}

/// Activations quantised for a product: `Block` in `worker/matmul` has 320 bytes for 256 numbers, and a scale; candle's
/// `BlockQ8K` 292.
fn quantised(tokens: u64, width: u64) -> u64 {
    product(&[tokens, width.div_ceil(256), 324])
}
