//! The KV cache.

use crate::{Shape, product};

/// Tokens by which the cache grows (`NormalCache::CACHE_GROW_SIZE` in `kv_cache/mod.rs`, `reserve` in
/// `worker/src/reader.rs`).
pub const BLOCK: u64 = 512;

/// A full cache, in bytes.
pub struct Cache {
    /// Keys and values. Other chats that are kept take the room that the one in front leaves (`worker/src/shelf.rs`).
    pub bytes: u64,
    /// What is held twice while it grows, a layer's keys at a time.
    pub growing: u64,
}

impl Cache {
    /// The cache of `context` tokens, in whole blocks of 16-bit floats, and states.
    pub fn of(shape: &Shape, context: u64) -> Self {
        const FLOAT_BYTES: u64 = 2;
        // As they are, and as they were before the last answer (`worker/src/states.rs`).
        const STATE_BYTES: u64 = 4 * 2;
        let tokens = context.div_ceil(BLOCK).saturating_mul(BLOCK);
        let of_token = |length| product(&[shape.kv_heads, length, FLOAT_BYTES]);
        let (key, value) = (of_token(shape.key_length), of_token(shape.value_length));
        Self {
            bytes: product(&[shape.cache_numbers(tokens), FLOAT_BYTES])
                .saturating_add(product(&[shape.kept.state_numbers, STATE_BYTES])),
            growing: product(&[tokens, key.max(value)]),
        }
    }

    /// At the worst moment.
    pub fn peak(&self) -> u64 {
        self.bytes.saturating_add(self.growing)
    }
}
