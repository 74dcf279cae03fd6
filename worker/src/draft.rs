//! Drafts of a second, smaller model.

use candle_core::{D, IndexOp, Result};

use crate::reader::{PORTION, Reader, common};
use crate::weights::SharedPipeline;

/// A model of the target's vocabulary that says what it would say, in less time.
pub struct Drafter {
    reader: Reader,
}

impl Drafter {
    /// Around a model that nobody else holds.
    ///
    /// # Errors
    /// Those of [`Reader::new`], and when tokens cannot be taken back from its cache.
    pub fn new(model: SharedPipeline) -> Result<Self> {
        let reader = Reader::new(model)?;
        if !reader.rewinds() {
            candle_core::bail!("its cache does not go back");
        }
        Ok(Self { reader })
    }

    /// How many tokens it can draft after so many.
    pub fn room(&self, text: usize) -> usize {
        self.reader.most().saturating_sub(text)
    }

    /// How many tokens of this text it has not read.
    pub fn behind(&self, text: &[u32]) -> usize {
        text.len() - common(self.reader.read(), text)
    }

    /// Reads what it has not read of `text`, but for the last token.
    ///
    /// # Errors
    /// candle's.
    pub fn catch_up(&mut self, text: &[u32]) -> Result<()> {
        let rest = self.reader.rewind_to(&text[..text.len().saturating_sub(1)])?;
        self.reader.reserve(rest.len())?;
        for portion in rest.chunks(PORTION) {
            self.reader.pass(portion, 1)?;
        }
        Ok(())
    }

    /// The `length` tokens that it holds for the most likely after `text`.
    ///
    /// # Errors
    /// candle's.
    pub fn draft(&mut self, text: &[u32], length: usize) -> Result<Vec<u32>> {
        // What it says after the last token is asked for, so at least that one is read again.
        let before = &text[..text.len().saturating_sub(1)];
        let read = before.len() - self.reader.rewind_to(before)?.len();
        let mut drafted = Vec::with_capacity(length);
        while drafted.len() < length {
            let new = match drafted.last() {
                None => &text[read..],
                Some(last) => std::slice::from_ref(last),
            };
            let logits = self.reader.pass(new, 1)?;
            drafted.push(logits.i(0)?.argmax(D::Minus1)?.to_scalar()?);
        }
        Ok(drafted)
    }
}
