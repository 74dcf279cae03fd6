//! How fast this computer is at what a model does, as the engine measured it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the engine measured on this computer, once, and again when asked. A prediction is only as good as these.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Speeds {
    /// Memory read by all threads together, in bytes a second: a sweep that reads and never writes, because decoding
    /// reads every weight and writes next to nothing.
    pub read_bytes_per_second: f64,
    /// Q4_K weights multiplied with one row, as in decoding: bytes of weights a second.
    pub matvec_bytes_per_second: f64,
    /// Q4_K weights multiplied with 512 rows at once, as in reading a prompt: multiply-adds a second.
    pub prompt_weights_per_second: f64,
    /// A layer for one token, but for its weights, keys and values: seconds.
    pub layer_seconds: f64,
    /// Numbers of a layer's hidden, query and feed-forward states, for every token of a prompt, that are worked through between
    /// its products: a second.
    pub prompt_numbers_per_second: f64,
    /// Numbers of keys and values that attention takes from the cache while a token is written: a second.
    pub key_numbers_per_second: f64,
    /// The same numbers, multiplied with one query each: a second.
    pub attention_numbers_per_second: f64,
    /// Numbers of keys and values multiplied with one query each while a prompt is read: a second.
    pub prompt_attention_per_second: f64,
    /// Threads that computed.
    pub threads: u32,
    /// When, in milliseconds since 1970.
    #[ts(type = "number")]
    pub measured_at: i64,
}
