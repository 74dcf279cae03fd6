//! Chats as text: a model's own template, rendered as transformers renders it.
//!
//! Not by mistral.rs, which changes templates before it renders them, dates chats in a way of its own, and tells templates of an
//! effort that most do not know.

mod python;

use std::error::Error as _;
use std::fmt::Write;

use chrono::{DateTime, Local};
use hearth_engine::protocol::ChatMessage;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use mistralrs_core::pipeline::chat_template::ChatTemplate;

/// Steps that a template may take, which comes with a file from anywhere: a chat of a thousand messages takes a hundredth.
const STEPS: u64 = 50_000_000;

/// A model's template.
pub struct Template {
    source: String,
    /// The names of its special tokens, and their texts.
    tokens: Vec<(&'static str, String)>,
}

impl Template {
    /// The template that mistral.rs found in a model's files. Of several by name it is the default one.
    pub fn of(files: &ChatTemplate) -> Option<Self> {
        let text = |token: &Option<mistralrs_core::pipeline::chat_template::BeginEndUnkPadTok>| {
            let token = token.as_ref()?.0.as_ref();
            Some(token.either(Clone::clone, |added| added.content.clone()))
        };
        let source = match &files.chat_template.as_ref()?.0 {
            either::Left(source) => source,
            either::Right(several) => several
                .iter()
                .find(|one| one.get("name").is_some_and(|name| name == "default"))
                .and_then(|one| one.get("template"))?,
        };
        let tokens = [
            ("bos_token", text(&files.bos_token)),
            ("eos_token", text(&files.eos_token)),
            ("unk_token", text(&files.unk_token)),
            ("pad_token", text(&files.pad_token)),
        ];
        Some(Self::new(
            source,
            tokens.into_iter().filter_map(|(name, text)| Some((name, text?))),
        ))
    }

    fn new(source: &str, tokens: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self {
            source: translated(source),
            tokens: tokens.into_iter().collect(),
        }
    }

    /// The source, but for line ends and what is of use in training alone.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of a chat with the opening of a reply; `think` is for templates that leave that to be chosen.
    ///
    /// # Errors
    /// A sentence: what the template says to a chat that it refuses, or where it fails.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        think: bool,
        now: DateTime<Local>,
    ) -> Result<String, String> {
        self.try_render(messages, think, now).map_err(|error| {
            if let Some(Refused(words)) = error.source().and_then(|source| source.downcast_ref()) {
                return words.clone();
            }
            let (kind, number) = (error.kind(), error.line().unwrap_or_default());
            let line = self
                .source
                .lines()
                .nth(number.saturating_sub(1))
                .unwrap_or_default();
            let detail = error.detail().unwrap_or_else(|| line.trim());
            format!("{kind} in line {number}: {detail}")
        })
    }

    fn try_render(
        &self,
        messages: &[ChatMessage],
        think: bool,
        now: DateTime<Local>,
    ) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(STEPS));
        python::teach(&mut environment);
        environment.add_function("raise_exception", |words: String| -> Result<(), Error> {
            Err(Error::new(ErrorKind::InvalidOperation, words.clone()).with_source(Refused(words)))
        });
        environment.add_function("strftime_now", move |format: &str| {
            let mut date = String::new();
            match write!(date, "{}", now.format(format)) {
                Ok(()) => Ok(date),
                Err(_) => Err(Error::new(
                    ErrorKind::InvalidOperation,
                    format!("“{format}” is no way to write a date"),
                )),
            }
        });
        let tokens: Value = self
            .tokens
            .iter()
            .map(|(name, text)| (*name, Value::from(text)))
            .collect();
        environment.template_from_str(&self.source)?.render(context! {
            messages => messages,
            add_generation_prompt => true,
            tools => (),
            documents => (),
            // Families name it differently.
            enable_thinking => think,
            thinking => think,
            reasoning_effort => self.effort(think),
            ..tokens
        })
    }

    /// Models whose replies have channels always think; without the wish to they think little.
    fn effort(&self, think: bool) -> Value {
        if think || !self.source.contains("<|channel|>") {
            return Value::UNDEFINED;
        }
        Value::from("low")
    }
}

/// What a template says to a chat that it does not take.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// Line ends as Jinja takes them, and without the marks around what a model says, which are for training.
fn translated(source: &str) -> String {
    let source = source.replace("\r\n", "\n").replace('\r', "\n");
    let mut rest = &source[..];
    let mut plain = String::with_capacity(source.len());
    while let Some((before, tag)) = rest.split_once("{%") {
        plain.push_str(before);
        plain.push_str("{%");
        rest = tag;
        let Some((inside, after)) = tag.split_once("%}") else {
            break;
        };
        let name = inside.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+'));
        let scope = match name {
            "generation" => "with",
            "endgeneration" => "endwith",
            _ => continue,
        };
        plain.push_str(&inside.replace(name, scope));
        plain.push_str("%}");
        rest = after;
    }
    plain + rest
}

#[cfg(test)]
mod tests;
