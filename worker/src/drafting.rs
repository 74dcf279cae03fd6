//! What is drafted, by a second model or out of the chat so far, how much, and what came of it.

use std::time::Instant;

use candle_core::Result;
use hearth_speculation::{Confidence, GRADES, Growth, MOST, Pace, Pass, lookup};

use crate::draft::{Drafted, Drafter};

/// How often drafts that agree on 2, on 3 to 5, and on more tokens usually stand, and those of a draft model.
const USUAL: [f64; GRADES] = [0.3, 0.5, 0.7, 0.7];

/// The kind of a draft model's drafts.
const MODEL: usize = 3;

/// Tokens that the target may say next.
#[derive(Default)]
pub struct Draft {
    /// Those about which the target is asked.
    pub tokens: Vec<u32>,
    /// Which kind of draft it is.
    grade: usize,
    /// What a draft model said: the tokens, and perhaps one more of which it was not sure enough.
    modelled: Vec<Drafted>,
    /// Seconds that it took, and those that it took the draft model to read what had been said without it.
    pub drafting: f64,
    catching_up: f64,
}

impl Draft {
    fn ask(&mut self, drafter: &mut Drafter, text: &[u32], most: usize, mut growth: Growth) -> Result<()> {
        let start = Instant::now();
        // After a pass that its draft was part of it is two tokens behind at most.
        if drafter.behind(text) > 2 {
            drafter.catch_up(text)?;
        }
        self.catching_up = start.elapsed().as_secs_f64();
        self.modelled = drafter.draft(text, most, |drafted| growth.goes_on(drafted.lead))?;
        self.drafting = start.elapsed().as_secs_f64() - self.catching_up;
        self.tokens = self.modelled.iter().map(|drafted| drafted.token).collect();
        if !growth.keeps_last() {
            self.tokens.pop();
        }
        Ok(())
    }

    /// The pass that it was part of, of whose tokens so many stood and after which the target chose `last`.
    fn pass(&self, accepted: usize, last: Option<u32>, seconds: f64) -> Pass {
        let next = self.modelled.get(self.tokens.len());
        Pass {
            grade: self.grade,
            drafted: self.modelled.len().max(self.tokens.len()),
            asked: self.tokens.len(),
            accepted,
            next: next
                .filter(|_| accepted == self.tokens.len())
                .map(|next| last == Some(next.token)),
            seconds,
            drafting: self.drafting,
            catching_up: self.catching_up,
        }
    }
}

/// All that drafts, and what it has learnt of that.
pub struct Drafting {
    drafter: Option<Drafter>,
    pace: Pace,
    confidence: Confidence,
}

impl Drafting {
    /// With a draft model or without.
    pub fn new(drafter: Option<Drafter>) -> Self {
        Self {
            drafter,
            pace: Pace::new(USUAL),
            confidence: Confidence::default(),
        }
    }

    /// Before a reply.
    pub fn begin(&mut self) {
        // Not those of a draft model: it would have to read every prompt.
        self.pace.begin(0..MODEL);
    }

    /// What to draft after `text`, `room` tokens at most.
    pub fn draft(&mut self, text: &[u32], room: usize) -> Draft {
        let mut room = room.min(MOST);
        let mut draft = Draft::default();
        let found = lookup(text);
        let quoted = found.map(|found| match found.matched {
            ..3 => 0,
            3..6 => 1,
            _ => 2,
        });
        if let Some(drafter) = &self.drafter {
            room = room.min(drafter.room(text.len()));
        }
        let modelled = self.drafter.is_some().then_some(MODEL);
        let Some((grade, length)) = self.pace.choose(quoted.into_iter().chain(modelled), room) else {
            return draft;
        };
        draft.grade = grade;
        match (&mut self.drafter, found) {
            (Some(drafter), _) if grade == MODEL => {
                let terms = self.pace.terms(MODEL);
                let most = if terms.is_some() { room } else { length };
                let growth = Growth::new(&self.confidence, terms);
                if let Err(error) = draft.ask(drafter, text, most, growth) {
                    // The reply itself needs no drafts.
                    tracing::error!("the draft model failed and is not asked again: {error}");
                    self.drafter = None;
                }
            }
            (_, Some(found)) => draft.tokens = found.draft(text, length),
            _ => {}
        }
        draft
    }

    /// Learns from a pass that took so many seconds, in which so many tokens of the draft stood and after which the target chose
    /// `last`. The seconds of a pass without a draft, as far as they are known.
    pub fn passed(&mut self, draft: &Draft, accepted: usize, last: Option<u32>, seconds: f64) -> Option<f64> {
        let pass = draft.pass(accepted, last, seconds);
        for (drafted, stood) in draft.modelled.iter().zip(pass.stood()) {
            self.confidence.record(drafted.lead, stood);
        }
        self.pace.record(pass);
        self.pace.plain_seconds()
    }
}
