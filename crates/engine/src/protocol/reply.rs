//! How a reply ended, and what it took.

use serde::{Deserialize, Serialize};

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The model said that it is done.
    End,
    /// The context is full or `max_tokens` is reached.
    Length,
    /// One of the stop texts came.
    StopString,
    /// [`super::Request::Cancel`].
    Cancelled,
}

/// What a reply took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplyStats {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of those, how many an earlier prompt or reply began with, so that they were not read again.
    pub cached_tokens: usize,
    /// Tokens generated, the closing one included.
    pub reply_tokens: usize,
    /// Milliseconds from the request to the first token.
    pub prompt_milliseconds: f64,
    /// Milliseconds from the first token to the last.
    pub decode_milliseconds: f64,
    /// What came of drafting tokens.
    pub speculation: Speculation,
    /// The most memory that the worker has held since it started, bytes; 0 where the system does not tell.
    pub peak_bytes: u64,
}

impl ReplyStats {
    /// Tokens of the prompt that had not been read for an earlier one.
    pub fn read_tokens(&self) -> usize {
        self.prompt_tokens.saturating_sub(self.cached_tokens)
    }

    /// Speed of reading the part of the prompt that was read, in tokens/s; 0 before the first token.
    pub fn prompt_tokens_per_second(&self) -> f64 {
        per_second(self.read_tokens(), self.prompt_milliseconds)
    }

    /// Decode speed in tokens/s: the tokens after the first over the time they took; 0 for a shorter reply.
    pub fn decode_tokens_per_second(&self) -> f64 {
        per_second(self.reply_tokens.saturating_sub(1), self.decode_milliseconds)
    }

    /// Decode speed as a multiple of the speed without drafts; `None` while nothing was drafted.
    pub fn speed_up(&self) -> Option<f64> {
        let plain = self.speculation.plain_tokens_per_second?;
        let speed = self.decode_tokens_per_second();
        (self.speculation.drafted > 0 && speed > 0.0).then_some(speed / plain)
    }
}

/// What came of drafting the tokens of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speculation {
    /// Passes of the model after the prompt. Without drafts there is one for every token but the first.
    pub passes: usize,
    /// Tokens drafted.
    pub drafted: usize,
    /// Of those, how many were what the model itself chose.
    pub accepted: usize,
    /// Tokens/s that the model decodes at without drafts, measured in this reply and those before it since the model was
    /// loaded; `None` before there were enough plain passes.
    pub plain_tokens_per_second: Option<f64>,
}

fn per_second(tokens: usize, milliseconds: f64) -> f64 {
    if milliseconds > 0.0 {
        tokens as f64 * 1000.0 / milliseconds
    } else {
        0.0
    }
}
