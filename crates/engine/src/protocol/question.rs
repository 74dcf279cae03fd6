//! A chat to answer, and how the reply is to be written.

use serde::{Deserialize, Serialize};

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Instructions for the whole chat.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name chat templates know.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What to answer, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The chat so far, its last message the one to answer.
    pub messages: Vec<ChatMessage>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens of the reply; the rest of the context in any case.
    pub max_tokens: Option<usize>,
    /// Texts at which the reply ends; they are not part of it.
    pub stop: Vec<String>,
    /// Whether tokens may be drafted: the reply is the same, and sooner there.
    pub speculate: bool,
    /// What the reply has to be like; `None`: whatever the model says.
    pub grammar: Option<Grammar>,
    /// Whether the model thinks before it answers, where it can do both ([`super::LoadedModel::thinks`]). What it thinks
    /// comes first, between [`THOUGHT`]'s tags.
    pub think: bool,
}

impl Default for Question {
    /// An empty chat, answered as the worker likes it, with drafts.
    fn default() -> Self {
        Self {
            messages: Vec::new(),
            sampling: Sampling::default(),
            max_tokens: None,
            stop: Vec::new(),
            speculate: true,
            grammar: None,
            think: false,
        }
    }
}

/// Before and after what a model thinks before it answers. Where a template opens the reply with the first, the worker says it.
pub const THOUGHT: (&str, &str) = ("<think>", "</think>");

/// What a reply has to be like: tokens that would lead elsewhere are not chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Grammar {
    /// The whole reply matches this regular expression.
    Regex(String),
    /// It is a JSON value of this schema.
    JsonSchema(serde_json::Value),
}

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sampling {
    /// 0 takes the most probable token always.
    pub temperature: f64,
    /// Keep this many of the most probable tokens.
    pub top_k: Option<usize>,
    /// Keep the most probable tokens whose probabilities sum to this.
    pub top_p: Option<f64>,
    /// Drop tokens less probable than this share of the most probable one.
    pub min_p: Option<f64>,
    /// Above 1, tokens already in the text become less probable.
    pub repetition_penalty: Option<f32>,
}

impl Sampling {
    /// The most probable token always.
    pub fn greedy() -> Self {
        Self {
            temperature: 0.0,
            ..Self::default()
        }
    }
}

impl Default for Sampling {
    /// Suits most chat models. `top_k` also spares the engine a sort of the whole vocabulary for every token.
    fn default() -> Self {
        Self {
            temperature: 0.7,
            top_k: Some(64),
            top_p: Some(0.95),
            min_p: None,
            repetition_penalty: None,
        }
    }
}
