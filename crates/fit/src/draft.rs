//! Which models can draft for which.

use hearth_gguf::Header;

/// Whether two models read and write the same tokens, as a draft and its target must. Proven by the hash over both
/// lists of tokens, never by names: Qwen2.5 7B pads its vocabulary where 0.5B does not. Without a list it is no.
pub fn same_vocabulary(one: &Header, other: &Header) -> bool {
    one.vocabulary_hash.is_some() && one.vocabulary_hash == other.vocabulary_hash
}
