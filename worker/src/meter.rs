//! Counts tokens as they are chosen. mistral.rs tells its count only with the last chunk of a reply that ends by
//! itself, and sends no chunk for a token that is part of a character.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use candle_core::{Result, Tensor};
use hearth_engine::protocol::ReplyStats;
use mistralrs_core::CustomLogitsProcessor;

use crate::memory;

/// A reply's clock. mistral.rs shows it the logits of every token just before it chooses one.
pub struct Meter {
    start: Instant,
    seen: Mutex<Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    tokens: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Meter {
    /// Starts the clock.
    pub fn start() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            seen: Mutex::default(),
        })
    }

    /// What the reply has taken so far.
    pub fn stats(&self, prompt_tokens: usize) -> ReplyStats {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let milliseconds = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1000.0;
        ReplyStats {
            prompt_tokens,
            reply_tokens: seen.tokens,
            prompt_milliseconds: seen.first.map_or(0.0, |first| milliseconds(self.start, first)),
            decode_milliseconds: seen
                .first
                .zip(seen.last)
                .map_or(0.0, |(first, last)| milliseconds(first, last)),
            peak_bytes: memory::peak_bytes(),
        }
    }
}

impl CustomLogitsProcessor for Meter {
    fn apply(&self, logits: &Tensor, _context: &[u32]) -> Result<Tensor> {
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.tokens += 1;
        seen.first.get_or_insert(now);
        seen.last = Some(now);
        Ok(logits.clone())
    }
}
