//! How much to draft.
//!
//! A draft of k tokens of which each stands with probability a brings (1 - a^(k+1)) / (1 - a) tokens, the target's own
//! included (Leviathan et al. 2023, equation 1), and costs a pass over k + 1 tokens and the drafting. Both are measured as
//! the reply goes: what a pass of each length takes on this machine, and how often drafts of each kind stand. The length
//! that brings the most tokens per second is drafted, and none when that is slower than the target alone.

/// Most tokens that are drafted at once.
pub const MOST: usize = 8;
/// Kinds of drafts, which differ in how often they stand.
pub const GRADES: usize = 4;

/// What a token more adds to a pass, as a part of a pass over one token, until it has been measured.
const SLOPE: f64 = 0.25;
/// How much a new time counts beside those before. Memory is faster and slower by the minute, and passes take longer as
/// the text grows.
const FRESH_TIME: f64 = 0.2;
/// How long acceptance is remembered: a token counts half as much after 17 others.
const MEMORY: f64 = 0.96;
/// Tokens that are taken to have been drafted before the first, so that a beginning neither soars nor dives.
const BELIEF: f64 = 2.0;
/// Drafting must promise so much more than plain decoding.
const MARGIN: f64 = 1.03;
/// Plain passes before anything is drafted: what they take is what drafting is compared with. The first is not typical.
const PLAIN_FIRST: usize = 3;
/// One pass in so many is plain while drafts stand, so that the comparison stays true.
const PLAIN_EVERY: usize = 48;
/// Passes after which a time no longer counts: the machine may have been busy then.
const STALE: usize = 96;
/// A part of the time that may be lost by looking whether drafts stand again.
const LOOKING: f64 = 0.01;
/// Tokens drafted to look.
const LOOK: usize = 2;

/// One pass of the target.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Kind of the draft, below [`GRADES`].
    pub grade: usize,
    /// Tokens drafted.
    pub drafted: usize,
    /// Of those, about how many the target was asked; none in a plain pass.
    pub asked: usize,
    /// Of those, how many stood.
    pub accepted: usize,
    /// Where all did, whether the token would have stood as well about which it was not asked.
    pub next: Option<bool>,
    /// What the pass over `asked` + 1 tokens took.
    pub seconds: f64,
    /// What the drafting took.
    pub drafting: f64,
    /// What it took beside that to make drafting possible: a draft model reads what was said without it.
    pub catching_up: f64,
}

impl Pass {
    /// Whether each token that was drafted stood, as far as is known: behind one that did not, nothing is.
    pub fn stood(&self) -> impl Iterator<Item = bool> {
        let after = if self.accepted < self.asked {
            Some(false)
        } else {
            self.next
        };
        std::iter::repeat_n(true, self.accepted).chain(after)
    }
}

/// What a token more must promise, in parts of a pass over one token.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Tokens that come in the time of such a pass as it is.
    pub rate: f64,
    /// What drafting it takes.
    pub drafting: f64,
    /// What it adds to the pass.
    pub passing: f64,
    /// How often one stands.
    pub usual: f64,
}

/// The measurements, and the lengths that follow from them.
#[derive(Clone, Debug)]
pub struct Pace {
    passes: usize,
    /// Seconds of a pass over one token at present.
    plain: f64,
    plain_passes: usize,
    since_plain: usize,
    /// Of passes over 1 to MOST + 1 tokens.
    costs: [Option<Cost>; MOST + 1],
    grades: [Grade; GRADES],
}

#[derive(Clone, Copy, Debug)]
struct Cost {
    /// What the pass takes, as a multiple of one over one token.
    multiple: f64,
    /// Number of the pass that last told so.
    told: usize,
}

/// How drafts of one kind do.
#[derive(Clone, Copy, Debug)]
struct Grade {
    /// Accepted and refused, the older counting less.
    accepted: f64,
    refused: f64,
    /// Seconds that drafting a token takes.
    drafting: f64,
    /// Passes until the next look, once drafts of this kind do not pay.
    rest: f64,
}

impl Grade {
    fn acceptance(&self) -> f64 {
        self.accepted / (self.accepted + self.refused)
    }
}

impl Pace {
    /// Before anything is known but how often drafts of each kind usually stand.
    #[must_use]
    pub fn new(usual: [f64; GRADES]) -> Self {
        let grade = |acceptance: f64| Grade {
            accepted: BELIEF * acceptance,
            refused: BELIEF * (1.0 - acceptance),
            drafting: 0.0,
            rest: 0.0,
        };
        Self {
            passes: 0,
            plain: 0.0,
            plain_passes: 0,
            since_plain: 0,
            costs: [None; MOST + 1],
            grades: usual.map(grade),
        }
    }

    /// Seconds of a pass over one token at present; none until enough of them were seen.
    #[must_use]
    pub fn plain_seconds(&self) -> Option<f64> {
        (self.plain_passes >= PLAIN_FIRST).then_some(self.plain)
    }

    /// Of kinds of drafts that can be had now, the one that brings most, and its length.
    #[must_use]
    pub fn choose(&self, grades: impl IntoIterator<Item = usize>, most: usize) -> Option<(usize, usize)> {
        let lengths = grades.into_iter().map(|grade| (grade, self.length(grade, most)));
        lengths.filter(|&(_, length)| length > 0).max_by(|a, b| {
            self.gain(&self.grades[a.0], a.1)
                .total_cmp(&self.gain(&self.grades[b.0], b.1))
        })
    }

    /// Tokens to draft for the next pass, `most` at most; none when the target alone is faster.
    #[must_use]
    pub fn length(&self, grade: usize, most: usize) -> usize {
        let Some(kind) = self.grades.get(grade) else {
            return 0;
        };
        if self.plain_passes < PLAIN_FIRST || self.since_plain >= PLAIN_EVERY || kind.rest > 0.0 {
            return 0;
        }
        match self.best(kind, most) {
            0 => LOOK.min(most),
            length => length,
        }
    }

    /// What a token more than those that are drafted must promise; none where drafts of this kind are but looked at.
    #[must_use]
    pub fn terms(&self, grade: usize) -> Option<Terms> {
        let kind = self.grades.get(grade)?;
        let best = self.best(kind, MOST);
        (best > 0).then(|| Terms {
            rate: self.gain(kind, best),
            drafting: kind.drafting / self.plain.max(f64::MIN_POSITIVE),
            // Of all of them alike: the difference of two lengths is lost in how much passes differ.
            passing: (self.multiple(best + 1) - 1.0).max(0.0) / best as f64,
            usual: kind.acceptance(),
        })
    }

    /// The length that brings most; 0 when that is no more than the target alone.
    fn best(&self, kind: &Grade, most: usize) -> usize {
        let mut best = (MARGIN, 0);
        for length in 1..=most.min(MOST) {
            let gain = self.gain(kind, length);
            if gain > best.0 {
                best = (gain, length);
            }
        }
        best.1
    }

    /// Speed with drafts of this length as a multiple of the speed without.
    fn gain(&self, kind: &Grade, length: usize) -> f64 {
        let acceptance = kind.acceptance();
        let tokens: f64 = (0..=length).map(|many| acceptance.powi(many as i32)).sum();
        let drafting = kind.drafting * length as f64 / self.plain.max(f64::MIN_POSITIVE);
        tokens / (self.multiple(length + 1) + drafting)
    }

    /// A pass over so many tokens as a multiple of one over one token: as measured, else on the line between or beyond what
    /// was measured.
    fn multiple(&self, tokens: usize) -> f64 {
        let known = |tokens: usize| match tokens {
            1 => Some(1.0),
            _ => {
                let cost = self.costs.get(tokens - 1).copied().flatten()?;
                (self.passes - cost.told < STALE).then_some(cost.multiple)
            }
        };
        if let Some(multiple) = known(tokens) {
            return multiple;
        }
        let (below, from) = (1..tokens)
            .rev()
            .find_map(|below| Some((below, known(below)?)))
            .unwrap_or((1, 1.0));
        let slope = (tokens + 1..=MOST + 1)
            .find_map(|above| Some((known(above)? - from) / (above - below) as f64))
            .or_else(|| (below > 2).then(|| (from - 1.0) / (below - 1) as f64))
            .unwrap_or(SLOPE);
        from + slope.max(0.0) * (tokens - below) as f64
    }

    /// Another text begins: kinds of drafts that did not stand in the one before may be looked at again.
    pub fn begin(&mut self, grades: impl IntoIterator<Item = usize>) {
        for grade in grades {
            if let Some(kind) = self.grades.get_mut(grade) {
                kind.rest = 0.0;
            }
        }
    }

    /// Learns from a pass.
    pub fn record(&mut self, pass: Pass) {
        if pass.seconds.is_nan() || pass.seconds <= 0.0 {
            return;
        }
        self.passes += 1;
        self.learn_cost(&pass);
        for kind in &mut self.grades {
            kind.rest -= 1.0;
        }
        if pass.drafted == 0 {
            return;
        }
        let Some(kind) = self.grades.get_mut(pass.grade) else {
            return;
        };
        let each = pass.drafting / pass.drafted as f64;
        kind.drafting += FRESH_TIME * (each - kind.drafting);
        for stood in pass.stood() {
            kind.accepted *= MEMORY;
            kind.refused *= MEMORY;
            *(if stood {
                &mut kind.accepted
            } else {
                &mut kind.refused
            }) += 1.0;
        }
        let kind = *kind;
        if self.best(&kind, MOST) == 0 {
            // What this look cost beyond the tokens it brought is spread over the passes to come.
            let lost =
                (pass.seconds + pass.drafting + pass.catching_up) / self.plain - (pass.accepted + 1) as f64;
            self.grades[pass.grade].rest = (lost / LOOKING).max(4.0);
        }
    }

    fn learn_cost(&mut self, pass: &Pass) {
        let tokens = pass.asked + 1;
        if tokens == 1 {
            self.since_plain = 0;
            self.plain_passes += 1;
            // The first pass after a prompt does what is only done once.
            let fresh = if self.plain_passes <= 2 { 1.0 } else { FRESH_TIME };
            self.plain += fresh * (pass.seconds - self.plain);
            return;
        }
        self.since_plain += 1;
        let Some(cost) = self.costs.get_mut(tokens - 1) else {
            return;
        };
        let multiple = pass.seconds / self.plain.max(f64::MIN_POSITIVE);
        let before = cost.map_or(multiple, |cost| cost.multiple);
        *cost = Some(Cost {
            multiple: before + FRESH_TIME * (multiple - before),
            told: self.passes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(drafted: usize, seconds: f64) -> Pass {
        Pass {
            grade: 0,
            drafted,
            asked: drafted,
            accepted: 0,
            next: None,
            seconds,
            drafting: 0.0,
            catching_up: 0.0,
        }
    }

    #[test]
    fn nothing_is_drafted_before_plain_passes_were_seen() {
        let mut pace = Pace::new([0.9; GRADES]);
        for _ in 0..PLAIN_FIRST {
            assert_eq!((pace.length(0, MOST), pace.plain_seconds()), (0, None));
            pace.record(pass(0, 0.1));
        }
        assert!(pace.length(0, MOST) > 0 && pace.plain_seconds().is_some());
        assert_eq!(pace.length(0, 1), 1);
        assert_eq!(pace.length(0, 0), 0);
        assert_eq!(pace.length(GRADES, MOST), 0);
        assert_eq!(pace.choose([GRADES], MOST), None);
    }

    #[test]
    fn of_two_kinds_the_one_that_stands_more_often_is_drafted() {
        let mut pace = Pace::new([0.4, 0.9, 0.5, 0.7]);
        for _ in 0..PLAIN_FIRST {
            pace.record(pass(0, 0.1));
        }
        assert_eq!(pace.choose([0, 1, 3], MOST).map(|(grade, _)| grade), Some(1));
        assert_eq!(pace.choose([0, 3], MOST).map(|(grade, _)| grade), Some(3));
        assert_eq!(pace.choose([], MOST), None);
    }

    #[test]
    fn what_did_not_stand_is_looked_at_again_in_another_text() {
        let mut pace = Pace::new([0.0; GRADES]);
        for drafted in [0, 0, 0, 2] {
            pace.record(pass(drafted, 0.1 + 0.03 * drafted as f64));
        }
        assert_eq!(pace.length(0, MOST), 0);
        pace.begin(0..3);
        assert_eq!(pace.length(0, MOST), LOOK);
    }

    #[test]
    fn a_clock_that_stands_still_teaches_nothing() {
        let mut pace = Pace::new([0.5; GRADES]);
        for seconds in [0.0, -1.0, f64::NAN] {
            pace.record(pass(0, seconds));
        }
        assert_eq!(pace.plain_passes, 0);
    }
}
