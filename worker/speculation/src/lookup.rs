//! Drafts out of the text so far: quotations, code, names, lists and tables repeat themselves.
//!
//! Known as prompt lookup decoding: <https://github.com/apoorvumang/prompt-lookup-decoding>.

/// Tokens at the end of the text that are looked for at most: what agrees on so many agrees on more.
const LONGEST: usize = 16;
/// Fewer agree by chance.
const SHORTEST: usize = 2;

/// A place in the text that reads like its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Index of the token that followed there.
    pub next: usize,
    /// How many tokens before it are those at the end of the text, 2 to 16.
    pub matched: usize,
}

/// Looks for the end of `text` earlier in it: the place with the most tokens in common, the latest of several. Takes time
/// in proportion to the text, some 30 µs for 32,000 tokens, which is nothing beside a pass of a model.
#[must_use]
pub fn lookup(text: &[u32]) -> Option<Found> {
    let mut best: Option<Found> = None;
    for next in (1..text.len()).rev() {
        let matched = text[..next]
            .iter()
            .rev()
            .zip(text.iter().rev())
            .take(LONGEST)
            .take_while(|(there, here)| there == here)
            .count();
        if matched >= SHORTEST && best.is_none_or(|best| matched > best.matched) {
            best = Some(Found { next, matched });
            if matched == LONGEST {
                break;
            }
        }
    }
    best
}

impl Found {
    /// The `length` tokens that follow. Where the text ends before them it is taken to go on repeating itself.
    #[must_use]
    pub fn draft(&self, text: &[u32], length: usize) -> Vec<u32> {
        let period = text.get(self.next..).unwrap_or_default();
        period.iter().copied().cycle().take(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_is_continued_as_before() {
        let text = [1, 2, 3, 4, 5, 9, 2, 3];
        let found = lookup(&text).unwrap();
        assert_eq!(found, Found { next: 3, matched: 2 });
        assert_eq!(found.draft(&text, 3), [4, 5, 9]);
    }

    #[test]
    fn the_longest_agreement_wins_and_then_the_latest() {
        let text = [7, 1, 2, 50, 1, 2, 60, 7, 1, 2];
        assert_eq!(lookup(&text), Some(Found { next: 3, matched: 3 }));
        let text = [1, 2, 50, 1, 2, 60, 1, 2];
        assert_eq!(lookup(&text), Some(Found { next: 5, matched: 2 }));
    }

    #[test]
    fn a_text_that_turns_in_circles_goes_on_doing_so() {
        let text = [1, 2, 3, 1, 2, 3];
        let found = lookup(&text).unwrap();
        assert_eq!(found.draft(&text, 5), [1, 2, 3, 1, 2]);
        let text = [4; 20];
        assert_eq!(
            lookup(&text).unwrap(),
            Found {
                next: 19,
                matched: 16
            }
        );
    }

    #[test]
    fn one_token_in_common_is_chance() {
        assert_eq!(lookup(&[1, 2, 3, 4, 1]), None);
        assert_eq!(lookup(&[5]), None);
        assert_eq!(lookup(&[]), None);
    }

    /// Against the definition, on texts over three words, in which much repeats.
    #[test]
    fn what_is_found_reads_like_the_end() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            let text: Vec<u32> = (0..random.usize(0..40)).map(|_| random.u32(0..3)).collect();
            let agree = |next: usize| {
                let longest = next.min(LONGEST);
                (0..=longest)
                    .rev()
                    .find(|&many| text[next - many..next] == text[text.len() - many..])
                    .unwrap_or(0)
            };
            let best = (1..text.len())
                .map(|next| (agree(next), next))
                .filter(|&(matched, _)| matched >= SHORTEST)
                .max();
            let expected = best.map(|(matched, next)| Found { next, matched });
            assert_eq!(lookup(&text), expected, "{text:?}");
        }
    }
}
