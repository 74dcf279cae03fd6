//! Stop texts, held back. mistral.rs notices one only after it has streamed its first tokens.

/// Finds the first of several texts in a stream, and lets through only what can no longer begin one.
pub struct StopTexts {
    texts: Vec<String>,
    held: String,
}

/// What one more piece of the stream led to.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    /// Text that is safe to show.
    pub text: String,
    /// A stop text came right after it.
    pub stopped: bool,
}

impl StopTexts {
    /// Empty texts are ignored: they would end every reply before it begins.
    pub fn new(texts: Vec<String>) -> Self {
        Self {
            texts: texts.into_iter().filter(|text| !text.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Takes one more piece of the stream.
    pub fn push(&mut self, piece: &str) -> Passed {
        self.held.push_str(piece);
        if let Some(at) = self.texts.iter().filter_map(|text| self.held.find(text)).min() {
            self.held.truncate(at);
            return Passed {
                text: std::mem::take(&mut self.held),
                stopped: true,
            };
        }
        let keep = self
            .texts
            .iter()
            .map(|text| self.longest_beginning(text))
            .max()
            .unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        Passed {
            text: std::mem::replace(&mut self.held, rest),
            stopped: false,
        }
    }

    /// What was held back, once the stream has ended by itself.
    pub fn finish(self) -> String {
        self.held
    }

    /// Bytes at the end of what is held that are a beginning of `text`.
    fn longest_beginning(&self, text: &str) -> usize {
        let lengths = text.char_indices().map(|(at, _)| at).skip(1);
        lengths
            .filter(|&length| self.held.ends_with(&text[..length]))
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(texts: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut stop = StopTexts::new(texts.iter().map(ToString::to_string).collect());
        let mut shown = String::new();
        for piece in pieces {
            let passed = stop.push(piece);
            shown += &passed.text;
            if passed.stopped {
                return (shown, true);
            }
        }
        shown += &stop.finish();
        (shown, false)
    }

    #[test]
    fn a_stop_text_in_pieces_never_shows() {
        assert_eq!(run(&["###"], &["one #", "#", "# two"]), ("one ".to_owned(), true));
        assert_eq!(
            run(&["\nUser:"], &["Well\n", "Us", "er", ": no"]),
            ("Well".to_owned(), true)
        );
    }

    #[test]
    fn what_only_looks_like_one_is_let_go() {
        assert_eq!(
            run(&["###"], &["a #", "# b", " ##"]),
            ("a ## b ##".to_owned(), false)
        );
        assert_eq!(run(&[""], &["a", "b"]), ("ab".to_owned(), false));
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(
            run(&["lazy", "fox"], &["the quick fox and the lazy dog"]),
            ("the quick ".to_owned(), true)
        );
    }

    /// However a text is cut into two or three pieces, what shows is what comes before the first stop text.
    #[test]
    fn cuts_do_not_matter() {
        let whole = "aabéaabaéb";
        let cuts: Vec<_> = whole
            .char_indices()
            .map(|(at, _)| at)
            .chain([whole.len()])
            .collect();
        for stop in ["b", "ab", "aba", "éa", "éb", "aaba", "zz", "aabéaabaéb"] {
            let expected = whole.find(stop).map_or(whole, |at| &whole[..at]);
            for &first in &cuts {
                for &second in cuts.iter().filter(|&&cut| cut >= first) {
                    let pieces = [&whole[..first], &whole[first..second], &whole[second..]];
                    assert_eq!(
                        run(&[stop], &pieces),
                        (expected.to_owned(), whole.contains(stop)),
                        "{stop} {pieces:?}"
                    );
                }
            }
        }
    }
}
