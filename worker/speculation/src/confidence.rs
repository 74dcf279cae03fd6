//! How sure a draft model is of its tokens.
//!
//! A token that was far ahead of the next best stands more often than one that barely won. How much more often is learnt as the
//! reply goes, for every model has its own way of being sure; a draft then ends where what it still promises is less than what it
//! costs (as in Kim et al. 2023, <https://arxiv.org/abs/2302.07863>, where a fixed threshold ends it).

use crate::pace::Terms;

/// Between bands: how far the best logit is above the next best.
const EDGES: [f32; 5] = [0.5, 1.0, 2.0, 4.0, 8.0];
const BANDS: usize = EDGES.len() + 1;
/// How often tokens of each band are taken to stand before any was seen, and how many tokens that counts for.
const USUAL: [f64; BANDS] = [0.35, 0.5, 0.6, 0.75, 0.9, 0.95];
const BELIEF: f64 = 2.0;
/// A token counts half as much after 17 others of its band.
const MEMORY: f64 = 0.96;

/// How often tokens stand of which the draft model was so sure.
#[derive(Clone, Debug)]
pub struct Confidence {
    /// Accepted, and all, the older counting less.
    bands: [(f64, f64); BANDS],
}

impl Default for Confidence {
    fn default() -> Self {
        Self {
            bands: USUAL.map(|usual| (BELIEF * usual, BELIEF)),
        }
    }
}

impl Confidence {
    /// The probability that a token stands which is `lead` logits ahead of the next best.
    #[must_use]
    pub fn stands(&self, lead: f32) -> f64 {
        let (accepted, all) = self.bands[band(lead)];
        accepted / all
    }

    /// Learns whether such a token stood.
    pub fn record(&mut self, lead: f32, stood: bool) {
        let (accepted, all) = &mut self.bands[band(lead)];
        *accepted = MEMORY * *accepted + f64::from(u8::from(stood));
        *all = MEMORY * *all + 1.0;
    }
}

fn band(lead: f32) -> usize {
    EDGES.iter().take_while(|edge| lead >= **edge).count()
}

/// A draft that grows while that pays.
#[derive(Debug)]
pub struct Growth<'a> {
    confidence: &'a Confidence,
    /// None where drafts are looked at and not expected to pay.
    terms: Option<Terms>,
    /// The probability that all of it stands, and all of it but the last token.
    survival: f64,
}

impl<'a> Growth<'a> {
    /// Before the first token.
    #[must_use]
    pub fn new(confidence: &'a Confidence, terms: Option<Terms>) -> Self {
        Self {
            confidence,
            terms,
            survival: 1.0,
        }
    }

    /// Takes a token that is `lead` logits ahead of the next best; whether another should be drafted behind it.
    pub fn goes_on(&mut self, lead: f32) -> bool {
        self.survival *= self.confidence.stands(lead);
        self.terms
            .is_none_or(|terms| self.survival * terms.usual > terms.rate * (terms.drafting + terms.passing))
    }

    /// Whether the target should be asked about the last token as well.
    #[must_use]
    pub fn keeps_last(&self) -> bool {
        self.terms
            .is_none_or(|terms| self.survival > terms.rate * terms.passing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_what_being_sure_is_worth() {
        let mut confidence = Confidence::default();
        assert!(confidence.stands(9.0) > confidence.stands(0.1));
        for _ in 0..100 {
            confidence.record(9.0, false);
            confidence.record(0.1, true);
        }
        assert!(confidence.stands(9.0) < 0.1 && confidence.stands(0.1) > 0.9);
        assert!((confidence.stands(1.5) - 0.6).abs() < 1e-9);
    }

    #[test]
    fn any_lead_has_a_band() {
        let confidence = Confidence::default();
        for lead in [f32::NAN, f32::NEG_INFINITY, -1.0, 0.0, f32::INFINITY] {
            assert!((0.0..=1.0).contains(&confidence.stands(lead)), "{lead}");
        }
    }

    #[test]
    fn a_draft_ends_where_it_promises_too_little() {
        let confidence = Confidence::default();
        let terms = Terms {
            rate: 1.5,
            drafting: 0.1,
            passing: 0.25,
            usual: 0.8,
        };
        let mut sure = Growth::new(&confidence, Some(terms));
        assert!(sure.goes_on(9.0) && sure.goes_on(9.0) && sure.keeps_last());
        let mut unsure = Growth::new(&confidence, Some(terms));
        assert!(!unsure.goes_on(0.1) && !unsure.keeps_last());
        let mut between = Growth::new(&confidence, Some(terms));
        assert!(!between.goes_on(1.0) && between.keeps_last());
        let mut looked_at = Growth::new(&confidence, None);
        assert!(looked_at.goes_on(0.1) && looked_at.keeps_last());
    }
}
