//! What the pipeline is told of the reply it writes, and what it tells.

/// The reply at present; one at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply {
    /// Whether to speculate.
    pub speculate: bool,
    /// Tokens of the prompt that had been read for an earlier one.
    pub cached_tokens: usize,
    /// Passes of the target after the prompt.
    pub passes: usize,
    /// Tokens drafted.
    pub drafted: usize,
    /// Of those, how many stood.
    pub accepted: usize,
    /// Seconds of a pass over one token at present.
    pub plain_seconds: Option<f64>,
}

impl Reply {
    /// Counts a pass.
    pub fn passed(&mut self, drafted: usize, accepted: usize, plain_seconds: Option<f64>) {
        self.passes += 1;
        self.drafted += drafted;
        self.accepted += accepted;
        self.plain_seconds = plain_seconds;
    }
}
