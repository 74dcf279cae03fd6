//! Which models can draft for which.

/// Whether two models read and write the same tokens, as a draft and its target must. Proven by the hash over both
/// lists of tokens ([`hearth_gguf::Header::vocabulary_hash`]), never by names: Qwen2.5 7B pads its vocabulary where 0.5B
/// does not. Without a list it is no.
pub fn same_vocabulary(one: Option<[u8; 32]>, other: Option<[u8; 32]>) -> bool {
    one.is_some() && one == other
}
