//! Counts tokens as they are chosen. mistral.rs tells its count only with the last chunk of a reply that ends by
//! itself, and sends no chunk for a token that is part of a character.

use std::sync::Arc;
use std::time::Instant;

use candle_core::{Result, Tensor};
use hearth_engine::protocol::{ReplyStats, Speculation};
use mistralrs_core::CustomLogitsProcessor;
use parking_lot::Mutex;

use crate::memory;
use crate::reply::Reply;

/// A reply's clock. mistral.rs shows it the logits of every token just before it chooses one.
pub struct Meter {
    start: Instant,
    seen: Mutex<Seen>,
    reply: Arc<Mutex<Reply>>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    tokens: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Meter {
    /// Starts the clock, and tells the pipeline of a new reply.
    pub fn start(reply: Arc<Mutex<Reply>>, speculate: bool) -> Arc<Self> {
        *reply.lock() = Reply {
            speculate,
            ..Reply::default()
        };
        Arc::new(Self {
            start: Instant::now(),
            seen: Mutex::default(),
            reply,
        })
    }

    /// What the reply has taken so far.
    pub fn stats(&self, prompt_tokens: usize) -> ReplyStats {
        let seen = *self.seen.lock();
        let milliseconds = |from: Instant, to: Instant| (to - from).as_secs_f64() * 1000.0;
        let reply = *self.reply.lock();
        ReplyStats {
            prompt_tokens,
            cached_tokens: reply.cached_tokens,
            reply_tokens: seen.tokens,
            prompt_milliseconds: seen.first.map_or(0.0, |first| milliseconds(self.start, first)),
            decode_milliseconds: seen
                .first
                .zip(seen.last)
                .map_or(0.0, |(first, last)| milliseconds(first, last)),
            speculation: Speculation {
                passes: reply.passes,
                drafted: reply.drafted,
                accepted: reply.accepted,
                plain_tokens_per_second: reply.plain_seconds.map(|seconds| 1.0 / seconds),
            },
            peak_bytes: memory::peak_bytes(),
        }
    }
}

impl CustomLogitsProcessor for Meter {
    fn apply(&self, logits: &Tensor, _context: &[u32]) -> Result<Tensor> {
        let now = Instant::now();
        let mut seen = self.seen.lock();
        seen.tokens += 1;
        seen.first.get_or_insert(now);
        seen.last = Some(now);
        Ok(logits.clone())
    }
}
