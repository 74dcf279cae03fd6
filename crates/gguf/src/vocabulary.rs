//! What makes two vocabularies the same: a draft can only propose tokens that mean the same to the larger model.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::Value;

/// The list of tokens.
pub const TOKENS: &str = "tokenizer.ggml.tokens";
/// How text becomes tokens: the kind of tokeniser, and how it cuts text first.
const RULES: [&str; 2] = ["tokenizer.ggml.model", "tokenizer.ggml.pre"];

/// A hash of the token list, taken while the list passes by.
#[derive(Default)]
pub struct TokenHash {
    running: Option<Sha256>,
    tokens: Option<[u8; 32]>,
}

impl TokenHash {
    /// The token list begins.
    pub fn begin(&mut self) {
        self.running = Some(Sha256::new());
    }

    /// Bytes of the list as they stand in the file: each token's length, then its text.
    pub fn feed(&mut self, bytes: &[u8]) {
        if let Some(running) = &mut self.running {
            running.update(bytes);
        }
    }

    /// The list has ended; bytes of other arrays no longer count.
    pub fn end(&mut self) {
        if let Some(running) = self.running.take() {
            self.tokens = Some(running.finalize().into());
        }
    }

    /// The hash of tokens and rules; `None` when no list of texts came by.
    pub fn of_vocabulary(&self, metadata: &BTreeMap<String, Value>) -> Option<[u8; 32]> {
        let mut whole = Sha256::new_with_prefix(self.tokens?);
        for key in RULES {
            let rule = match metadata.get(key) {
                Some(Value::Text(text)) => text.as_str(),
                _ => "",
            };
            whole.update((rule.len() as u64).to_le_bytes());
            whole.update(rule);
        }
        Some(whole.finalize().into())
    }
}
