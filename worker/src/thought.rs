//! What a model thinks before it answers, in the tags that the app knows ([`THOUGHT`]), whatever the model's own are.

use std::collections::HashSet;

use hearth_engine::protocol::THOUGHT;
use mistralrs_core::reasoning_parsers::ReasoningParser;
use tokenizers::Tokenizer;

/// How families open and close a thought, which comes before the answer. A model's are those that its template speaks of.
const TAGS: [(&str, &str); 10] = [
    THOUGHT,
    // Magistral, Ministral
    ("[THINK]", "[/THINK]"),
    // Gemma 4
    ("<|channel>thought", "<channel|>"),
    // Seed
    ("<seed:think>", "</seed:think>"),
    // Command A, R7B
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    // Apertus
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    // EXAONE Deep
    ("<thought>", "</thought>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    // MiniMax
    ("<mm:think>", "</mm:think>"),
];

/// What some put around an answer, which is no part of it: Command A, Granite.
const AROUND_ANSWERS: [&str; 4] = [
    "<|START_RESPONSE|>",
    "<|END_RESPONSE|>",
    "<response>",
    "</response>",
];

/// gpt-oss' format, harmony: a reply is messages in channels, of which the one called final is the answer.
mod harmony {
    pub const START: &str = "<|start|>";
    pub const CHANNEL: &str = "<|channel|>";
    pub const MESSAGE: &str = "<|message|>";
    pub const END: &str = "<|end|>";
    /// The tokens that a message is made of. mistral.rs takes some of them for the end of a reply.
    pub const TOKENS: [&str; 4] = [START, CHANNEL, MESSAGE, END];
    /// The channel of the answer.
    pub const FINAL: &str = "final";
}

/// How a model's thoughts are told from its answers.
#[derive(Clone, Debug, Default)]
pub struct Format {
    tags: Vec<(&'static str, &'static str)>,
    around: Vec<&'static str>,
    is_harmony: bool,
}

impl Format {
    /// That of a model with this template.
    pub fn of(template: &str) -> Self {
        let spoken_of = |(open, close): &&(&str, &str)| template.contains(*open) || template.contains(*close);
        let mut tags: Vec<_> = TAGS.iter().filter(spoken_of).copied().collect();
        if !tags.contains(&THOUGHT) {
            // Templates of models that open a thought themselves need not speak of it.
            tags.push(THOUGHT);
        }
        Self {
            tags,
            around: AROUND_ANSWERS
                .into_iter()
                .filter(|tag| template.contains(tag))
                .collect(),
            is_harmony: [harmony::CHANNEL, harmony::MESSAGE]
                .iter()
                .all(|tag| template.contains(tag)),
        }
    }

    /// Tokens that mistral.rs would keep to itself, because they are not text, and that are needed here.
    pub fn tokens(&self, tokenizer: &Tokenizer) -> HashSet<u32> {
        let tags = self.tags.iter().flat_map(|&(open, close)| [open, close]);
        let harmony = harmony::TOKENS.into_iter().filter(|_| self.is_harmony);
        let wanted: Vec<_> = tags.chain(self.around.iter().copied()).chain(harmony).collect();
        let added = tokenizer.get_added_tokens_decoder().into_iter();
        added
            // Gemma 4's tag is a token and a word.
            .filter(|(_, token)| token.special && wanted.iter().any(|tag| tag.starts_with(&token.content)))
            .map(|(id, _)| id)
            .collect()
    }

    /// Whether a token ends a reply for mistral.rs that does not.
    pub fn goes_on_after(&self, text: &str) -> bool {
        self.is_harmony && harmony::TOKENS.contains(&text)
    }

    /// For a reply after a prompt that ends so.
    pub fn begin(&self, prompt: &str) -> Thoughts {
        let prompt = prompt.trim_end();
        let opened = self.tags.iter().find(|(open, _)| prompt.ends_with(open));
        let (state, said) = match opened {
            // The template has said it, and only what the model says is streamed.
            Some(&(_, close)) => (State::Thinking(close), format!("{}\n", THOUGHT.0)),
            None if self.is_harmony => (State::Heading, String::new()),
            None => (State::Before, String::new()),
        };
        Thoughts {
            format: self.clone(),
            state,
            said,
            held: String::new(),
            is_open: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but white space was said.
    Before,
    /// In a thought, until this is said.
    Thinking(&'static str),
    Answering,
    /// In what precedes a message of harmony's.
    Heading,
    /// In a message of harmony's.
    Saying,
}

/// A reply as it streams, with thoughts in the app's tags.
#[derive(Debug)]
pub struct Thoughts {
    format: Format,
    state: State,
    /// What is to be told.
    said: String,
    /// What may be part of a tag.
    held: String,
    /// Whether a thought was opened that spans messages.
    is_open: bool,
}

impl Thoughts {
    /// Takes one more piece of what the model says, and returns what can be told.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        while self.step() {}
        std::mem::take(&mut self.said)
    }

    /// What was held back, once the reply has ended.
    pub fn finish(mut self) -> String {
        if self.state != State::Heading {
            self.said.push_str(&self.held);
        }
        self.said
    }

    /// Takes the next tag out of what is held; whether there may be another behind it.
    fn step(&mut self) -> bool {
        match self.state {
            State::Before => self.before(),
            State::Thinking(close) => {
                let found = self.tell_up_to(&[close]).is_some();
                if found {
                    self.said.push_str(THOUGHT.1);
                    self.state = State::Answering;
                }
                found
            }
            State::Answering => {
                let around = self.format.around.clone();
                self.tell_up_to(&around).is_some()
            }
            State::Heading => self.heading(),
            State::Saying => {
                let found = self.tell_up_to(&[harmony::END, harmony::START]).is_some();
                if found {
                    self.state = State::Heading;
                }
                found
            }
        }
    }

    fn before(&mut self) -> bool {
        let text = self.held.trim_start();
        let blank = self.held.len() - text.len();
        if let Some(&(open, close)) = self.format.tags.iter().find(|(open, _)| text.starts_with(open)) {
            self.held.drain(..blank + open.len());
            self.said.push_str(THOUGHT.0);
            self.state = State::Thinking(close);
            return true;
        }
        if self.format.tags.iter().any(|(open, _)| open.starts_with(text)) {
            return false;
        }
        self.state = State::Answering;
        true
    }

    fn heading(&mut self) -> bool {
        if let Some((heading, rest)) = self.held.split_once(harmony::MESSAGE) {
            let channel = heading.rsplit(harmony::CHANNEL).next().unwrap_or_default();
            let is_final = channel.split_whitespace().next() == Some(harmony::FINAL);
            match (is_final, self.is_open) {
                (true, true) => self.said.push_str(THOUGHT.1),
                (true, false) => {}
                (false, true) => self.said.push_str("\n\n"),
                (false, false) => self.said.push_str(THOUGHT.0),
            }
            self.is_open = !is_final;
            self.state = State::Saying;
            self.held = rest.to_owned();
            return true;
        }
        let begins = |tag: &str| self.held.starts_with(tag) || tag.starts_with(&*self.held);
        if !begins(harmony::CHANNEL) && !begins(harmony::START) && !self.held.trim().is_empty() {
            // It speaks without a heading.
            self.state = State::Saying;
            return true;
        }
        false
    }

    /// Tells what comes before the first of some tags and drops that one; without any, all but what may be the beginning of one.
    fn tell_up_to(&mut self, tags: &[&'static str]) -> Option<&'static str> {
        let places = tags
            .iter()
            .filter_map(|tag| self.held.find(tag).map(|at| (at, *tag)));
        if let Some((at, tag)) = places.min() {
            self.said.push_str(&self.held[..at]);
            self.held.drain(..at + tag.len());
            return Some(tag);
        }
        let beginning = |tag: &&str| {
            let lengths = tag.char_indices().map(|(at, _)| at).skip(1);
            lengths
                .filter(|&length| self.held.ends_with(&tag[..length]))
                .max()
        };
        let keep = tags.iter().filter_map(beginning).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - keep);
        self.said.push_str(&std::mem::replace(&mut self.held, rest));
        None
    }
}

/// Makes mistral.rs tell tokens that are not text. It parses nothing: that is [`Thoughts`]' part.
pub struct ToldWhole;

impl ReasoningParser for ToldWhole {
    fn process_bytes(&mut self, _: &[u8]) {}

    fn finalize(&mut self) {}

    fn get_content_delta(&mut self) -> Option<String> {
        None
    }

    fn get_reasoning_delta(&mut self) -> Option<String> {
        None
    }

    fn content(&self) -> Option<String> {
        None
    }

    fn reasoning_content(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARMONY: &str = "<|start|>assistant<|channel|>final<|message|>";

    /// What is told of a reply in one piece, which must be what is told of it letter by letter.
    fn told(template: &str, prompt: &str, reply: &str) -> String {
        let format = Format::of(template);
        let mut whole = format.begin(prompt);
        let at_once = whole.push(reply) + &whole.finish();
        let mut letters = format.begin(prompt);
        let mut one_by_one: String = reply
            .chars()
            .map(|letter| letters.push(&letter.to_string()))
            .collect();
        one_by_one += &letters.finish();
        assert_eq!(at_once, one_by_one);
        at_once
    }

    #[test]
    fn every_familys_thoughts_are_told_in_the_same_tags() {
        for (open, close) in TAGS {
            let template = format!("{open}{close}");
            assert_eq!(
                told(
                    &template,
                    "user: ?",
                    &format!("\n{open}\nHm <b>.\n{close}\n\nTwo.")
                ),
                "<think>\nHm <b>.\n</think>\n\nTwo."
            );
            assert_eq!(
                told(
                    &template,
                    &format!("assistant: {open}\n"),
                    &format!("Hm.{close}Two.")
                ),
                "<think>\nHm.</think>Two."
            );
            assert_eq!(told(&template, "", &format!("{open}Hm")), "<think>Hm");
        }
    }

    #[test]
    fn what_is_no_thought_is_told_as_it_is() {
        for reply in [
            "",
            "Two.",
            " \n",
            "<thi",
            "<b>",
            "It is <think>two</think>.",
            "[THINK]x[/THINK]",
        ] {
            assert_eq!(told("", "", reply), reply);
        }
        assert_eq!(told("", "<think>\n\n</think>\n\n", "Two."), "Two.");
    }

    #[test]
    fn what_is_put_around_an_answer_is_dropped() {
        let template = "<|START_THINKING|><|START_RESPONSE|><|END_RESPONSE|>";
        let reply = "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Two.<|END_RESPONSE|>";
        assert_eq!(told(template, "", reply), "<think>Hm.</think>Two.");
        assert_eq!(
            told("<response></response>", "", "<response>Two.</response>"),
            "Two."
        );
        assert_eq!(
            told("", "", "<response>Two.</response>"),
            "<response>Two.</response>"
        );
    }

    #[test]
    fn channels_become_a_thought_and_an_answer() {
        for (reply, expected) in [
            (
                "<|channel|>analysis<|message|>One, one.<|end|><|start|>assistant<|channel|>final<|message|>Two.",
                "<think>One, one.</think>Two.",
            ),
            (
                "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|>\
                 <|start|>assistant<|channel|>final <|constrain|>json<|message|>c<|end|>",
                "<think>a\n\nb</think>c",
            ),
            ("<|channel|>final<|message|>Two < three.", "Two < three."),
            ("Two.", "Two."),
            ("<|channel|>analysis<|message|>One", "<think>One"),
            ("<|channel|>ana", ""),
        ] {
            assert_eq!(told(HARMONY, "<|start|>assistant", reply), expected);
        }
    }
}
