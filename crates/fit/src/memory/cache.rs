//! The KV cache.

use crate::{Shape, product, sum};

/// Tokens by which the cache grows (`NormalCache::CACHE_GROW_SIZE` in `kv_cache/mod.rs`).
pub const BLOCK: u64 = 512;

/// A full cache, in bytes.
pub struct Cache {
    /// Keys and values.
    pub bytes: u64,
    /// Keys that were set aside for the prompt and then left unused: `add_request` in `engine/add_request.rs` makes a
    /// tensor of zeros that stands for keys and values, the sequence keeps it, and `set_none_cache` in `kv_cache/mod.rs`
    /// makes others of its shape. A rotating cache (Phi-3's) is not set aside for.
    set_aside: u64,
}

impl Cache {
    /// The cache of `context` tokens, in whole blocks of 16-bit floats.
    pub fn of(shape: &Shape, context: u64) -> Self {
        const FLOAT_BYTES: u64 = 2;
        let tokens = context.div_ceil(BLOCK).saturating_mul(BLOCK);
        let bytes = |length| product(&[shape.layers, shape.kv_heads, length, tokens, FLOAT_BYTES]);
        let keys = bytes(shape.key_length);
        Self {
            bytes: keys.saturating_add(bytes(shape.value_length)),
            set_aside: if shape.architecture == "phi3" { 0 } else { keys },
        }
    }

    /// While the prompt is read.
    pub fn while_reading(&self) -> u64 {
        self.bytes.saturating_add(self.set_aside)
    }

    /// While there are two: the first token after the prompt copies the cache (`clone_in_cache` in `kv_cache/mod.rs`),
    /// every new block does (`SingleCache::append`, of all layers, since the sequence holds the old ones until the token is
    /// done), and so does the next prompt, which sets aside before the last reply's cache is gone.
    pub fn while_copied(&self) -> u64 {
        sum(&[self.bytes, self.bytes, self.set_aside])
    }
}
