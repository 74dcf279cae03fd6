//! How large the parts of a header may be. Each limit is several times what published models need.

use crate::GgufError;

/// The largest published models have a few thousand tensors and a few dozen keys.
pub const MOST_TENSORS: u64 = 100_000;
pub const MOST_KEYS: u64 = 10_000;
/// Entries of one array: vocabularies end near 300,000, their merges near 600,000.
pub const LONGEST_ARRAY: u64 = 4_000_000;
/// Entries of an array of integers that is kept. Those that say something of each layer end near 130.
pub const LONGEST_LIST: u64 = 1024;
/// ggml's `GGML_MAX_DIMS` is 4.
pub const MOST_DIMENSIONS: u64 = 4;
/// Bytes of one text. Chat templates reach some 100 kB; an embedded `tokenizer.json` would be beyond.
pub const LONGEST_TEXT: u64 = 4 << 20;
/// Bytes of a key or a tensor's name: the format's own limit for keys. Tensor names end at 64.
pub const LONGEST_NAME: u64 = 65_535;
/// Bytes of all keys, texts, names and lists together, as they are kept.
pub const MOST_TEXT: u64 = 32 << 20;
/// Bytes of a whole header: those of large vocabularies reach 20 MB.
pub const LONGEST_HEADER: u64 = 256 << 20;

/// `count`, or what the header claims too much of.
pub fn limited(count: u64, most: u64, what: &str) -> Result<u64, GgufError> {
    if count > most {
        Err(GgufError::Damaged(format!("{count} {what}")))
    } else {
        Ok(count)
    }
}

/// A name out of the file, fit for a message: its beginning, with control characters escaped.
pub fn quoted(name: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
