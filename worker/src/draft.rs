//! Drafts of a second, smaller model.

use candle_core::{IndexOp, Result};

use crate::reader::{PORTION, Reader, common};
use crate::weights::SharedPipeline;

/// Logits that are looked through at once for any that are among the two best.
const LOOKED_THROUGH: usize = 64;

/// A token that it drafted.
#[derive(Clone, Copy, Debug)]
pub struct Drafted {
    /// The token.
    pub token: u32,
    /// How far its logit is above the next best.
    pub lead: f32,
}

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

    /// The tokens that it holds for the most likely after `text`: `most` at most, and none after one with which `goes_on` is false.
    ///
    /// # Errors
    /// candle's.
    pub fn draft(
        &mut self,
        text: &[u32],
        most: usize,
        mut goes_on: impl FnMut(Drafted) -> bool,
    ) -> Result<Vec<Drafted>> {
        // What it says after the last token is asked for, so at least that one is read again.
        let before = &text[..text.len().saturating_sub(1)];
        let read = before.len() - self.reader.rewind_to(before)?.len();
        let mut drafted = Vec::<Drafted>::with_capacity(most);
        while drafted.len() < most {
            let logits = match drafted.last() {
                None => self.reader.pass(&text[read..], 1)?,
                Some(last) => self.reader.pass(&[last.token], 1)?,
            };
            let next = most_likely(&logits.i(0)?.to_vec1()?);
            drafted.push(next);
            if !goes_on(next) {
                break;
            }
        }
        Ok(drafted)
    }
}

/// The token of the largest of a vocabulary's logits.
fn most_likely(logits: &[f32]) -> Drafted {
    let (mut token, mut best, mut next) = (0, f32::NEG_INFINITY, f32::NEG_INFINITY);
    for (some, logits) in logits.chunks(LOOKED_THROUGH).enumerate() {
        if !logits.iter().any(|logit| *logit > next) {
            continue;
        }
        for (place, &logit) in logits.iter().enumerate() {
            if logit > best {
                (token, best, next) = (some * LOOKED_THROUGH + place, logit, best);
            } else if logit > next {
                next = logit;
            }
        }
    }
    Drafted {
        token: token as u32,
        lead: best - next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_likely_token_and_its_lead() {
        // A prime's multiples leave no remainder twice: all differ, and the largest may be anywhere.
        for (many, times) in [(2, 3), (63, 10), (64, 513), (65, 700), (1000, 77), (1000, 959)] {
            let logits: Vec<f32> = (0..many)
                .map(|place: usize| (place * times % 1009) as f32)
                .collect();
            let mut order: Vec<usize> = (0..many).collect();
            order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
            let drafted = most_likely(&logits);
            assert_eq!(drafted.token as usize, order[0]);
            assert_eq!(drafted.lead, logits[order[0]] - logits[order[1]]);
        }
        assert_eq!(most_likely(&[f32::NAN, 1.0, 0.5]).token, 1);
        assert_eq!(most_likely(&[]).token, 0);
    }
}
