//! What app and worker say to each other: one JSON object a line, requests on the worker's standard input,
//! events on its standard output. Logs go to standard error.
//!
//! The worker says [`Event::Hello`] first. It ends when its standard input does, whatever it is doing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Grows by one with every change that an older side would misread.
pub const PROTOCOL_VERSION: u32 = 7;

/// Longest line either side accepts, in bytes. The longest real one is a request that carries a whole chat.
pub const LONGEST_LINE: usize = 8 << 20;

/// Context of a model where nobody names one, in tokens. Its keys and values take 0.25 GB for Llama 3.2 1B and 1.2 GB for
/// Qwen3 8B.
pub const DEFAULT_CONTEXT: usize = 8192;

/// Names a request; the events that answer it carry it. Chosen by the app, unique in a worker's life.
pub type RequestId = u64;

/// What the app asks of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Request {
    /// Load a model. Answered by [`Event::Loading`]…, then [`Event::Loaded`] or [`Event::Failed`].
    Load {
        /// Names this request.
        id: RequestId,
        /// Which, and how.
        #[serde(flatten)]
        chosen: Chosen,
    },
    /// Answer a chat. Answered by [`Event::Started`], [`Event::Text`]…, then [`Event::Done`] or [`Event::Failed`].
    Generate {
        /// Names this request.
        id: RequestId,
        /// What to answer, and how.
        #[serde(flatten)]
        question: Question,
    },
    /// End a reply early, which still ends in [`Event::Done`], or stop keeping a model. Unknown ids are ignored: the reply may just
    /// have ended.
    Cancel {
        /// The [`Request::Generate`] or [`Request::Keep`] to end.
        id: RequestId,
    },
    /// Write the loaded model as UQFF, the way that it lies in memory. Answered by [`Event::Keeping`]…, then [`Event::Kept`] or
    /// [`Event::Failed`].
    Keep {
        /// Names this request.
        id: RequestId,
        /// The folder to write, which comes to be when it is whole.
        folder: PathBuf,
    },
    /// Count a chat's tokens as [`Request::Generate`] would. Answered by [`Event::Counted`] or [`Event::Failed`].
    Count {
        /// Names this request.
        id: RequestId,
        /// The chat.
        messages: Vec<ChatMessage>,
    },
    /// Measure what this computer can do, with no model loaded. Takes some seconds. Answered by [`Event::Measured`] or
    /// [`Event::Failed`].
    Measure {
        /// Names this request.
        id: RequestId,
    },
}

/// What the worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The first line of a worker.
    Hello {
        /// Its [`PROTOCOL_VERSION`].
        protocol: u32,
        /// Engine and version, such as `mistral.rs 0.8.1`.
        engine: String,
        /// What computes, as [`crate::Backend::name`] says it.
        backend: String,
        /// Instruction sets found at run time, such as `avx2`.
        cpu_features: Vec<String>,
    },
    /// Progress of a load.
    Loading {
        /// The [`Request::Load`].
        id: RequestId,
        /// 0 to 1.
        fraction: f32,
    },
    /// The model is ready.
    Loaded {
        /// The [`Request::Load`].
        id: RequestId,
        /// What was loaded.
        model: LoadedModel,
    },
    /// The prompt has been counted and fits; reading it begins.
    Started {
        /// The [`Request::Generate`].
        id: RequestId,
        /// Tokens of the prompt.
        prompt_tokens: usize,
    },
    /// More of a reply.
    Text {
        /// The [`Request::Generate`].
        id: RequestId,
        /// What to append.
        text: String,
        /// Tokens generated so far.
        tokens: usize,
        /// Decode speed so far, tokens/s; `None` before the second token.
        tokens_per_second: Option<f32>,
        /// That speed as a multiple of the speed without drafts; `None` while nothing was drafted.
        speed_up: Option<f32>,
    },
    /// A reply has ended.
    Done {
        /// The [`Request::Generate`].
        id: RequestId,
        /// Why.
        stop: StopReason,
        /// What it took.
        stats: ReplyStats,
    },
    /// Progress of keeping a model.
    Keeping {
        /// The [`Request::Keep`].
        id: RequestId,
        /// 0 to 1.
        fraction: f32,
    },
    /// The folder is whole and on the disk.
    Kept {
        /// The [`Request::Keep`].
        id: RequestId,
        /// Bytes of its files.
        bytes: u64,
    },
    /// A chat's tokens.
    Counted {
        /// The [`Request::Count`].
        id: RequestId,
        /// Tokens of the prompt.
        tokens: usize,
    },
    /// What this computer can do.
    Measured {
        /// The [`Request::Measure`].
        id: RequestId,
        /// The figures.
        speeds: Speeds,
    },
    /// A request could not be met.
    Failed {
        /// The request; `None` when the line could not be read as one.
        id: Option<RequestId>,
        /// Why.
        fault: Fault,
    },
}

/// A model in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadedModel {
    /// GGUF's name of the architecture, such as `qwen3`.
    pub architecture: String,
    /// Context in tokens that the worker keeps to: prompt and reply together.
    pub context: usize,
    /// Context in tokens that the model was trained for.
    pub trained_context: usize,
    /// Whether its template lets one choose that it thinks before it answers.
    pub thinks: bool,
    /// Milliseconds from request to ready.
    pub load_milliseconds: u64,
    /// The most memory that the worker has held so far, bytes; 0 where the system does not tell. A graphics card's own is
    /// not in it.
    pub peak_bytes: u64,
    /// Of its layers, how many lie on the graphics card; 0 on the processor alone.
    pub card_layers: usize,
    /// All of its layers.
    pub layers: usize,
}

/// What a computer can do, measured with the kernels that run models.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speeds {
    /// Memory read by all threads at once, bytes/s.
    pub read_bytes_per_second: f64,
    /// Q4_K weights multiplied with one row, as in decoding: bytes of weights/s.
    pub matvec_bytes_per_second: f64,
    /// Q4_K weights multiplied with 512 rows, as in reading a prompt: weights times rows, per second.
    pub prompt_weights_per_second: f64,
    /// A layer for one token, but for its weights, keys and values: seconds.
    pub layer_seconds: f64,
    /// Numbers of a layer's hidden, query and feed-forward states, for every token of a prompt, that are worked through between
    /// its products: a second.
    pub prompt_numbers_per_second: f64,
    /// Numbers of keys and values that attention takes from the cache while a token is written: a second.
    pub key_numbers_per_second: f64,
    /// The same numbers, multiplied with one query each: a second.
    pub attention_numbers_per_second: f64,
    /// Numbers of keys and values multiplied with one query each while a prompt is read: a second.
    pub prompt_attention_per_second: f64,
    /// Threads that computed.
    pub threads: usize,
}

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

/// A model to load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chosen {
    /// Its files: those of GGUF, the shards of a split one in order, or `config.json`, tokeniser and safetensors or UQFF.
    pub files: Vec<PathBuf>,
    /// What weights of safetensors are quantised to while they are read; `None` keeps them as 32-bit numbers. GGUF and UQFF files
    /// are taken as they are.
    pub quantisation: Option<Quantisation>,
    /// Those of a smaller model with the same vocabulary that drafts for it; empty for none.
    pub draft: Vec<PathBuf>,
    /// Tokens of prompt and reply together; the worker lowers it to what the model was trained for. `None`: the worker's
    /// choice.
    pub context: Option<usize>,
    /// How many layers go to the graphics card, the first ones, where the worker computes on one; `None`: all. With 0 the
    /// processor computes.
    pub card_layers: Option<usize>,
}

impl Chosen {
    /// A model alone, with the context of the worker's choice.
    pub fn files(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            ..Self::default()
        }
    }

    /// What the status names the model by.
    pub(crate) fn path(&self) -> PathBuf {
        self.files.first().cloned().unwrap_or_default()
    }
}

/// What plain weights are quantised to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quantisation {
    /// 4.5 bits a weight.
    Q4K,
    /// 5.5 bits a weight.
    Q5K,
    /// 6.6 bits a weight.
    Q6K,
    /// 8.5 bits a weight.
    Q8_0,
}

impl Quantisation {
    /// All of them, the one that changes least first.
    pub const ALL: [Self; 4] = [Self::Q8_0, Self::Q6K, Self::Q5K, Self::Q4K];

    /// As files of GGUF are named after it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4K => "Q4_K",
            Self::Q5K => "Q5_K",
            Self::Q6K => "Q6_K",
            Self::Q8_0 => "Q8_0",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
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
    /// Whether the model thinks before it answers, where it can do both ([`LoadedModel::thinks`]). What it thinks comes first,
    /// between [`THOUGHT`]'s tags.
    pub think: bool,
}

/// Before and after what a model thinks before it answers. Where a template opens the reply with the first, the worker says it.
pub const THOUGHT: (&str, &str) = ("<think>", "</think>");

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

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The model said that it is done.
    End,
    /// The context is full or `max_tokens` is reached.
    Length,
    /// One of the stop texts came.
    StopString,
    /// [`Request::Cancel`].
    Cancelled,
}

/// What a reply took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplyStats {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of those, how many an earlier prompt or reply began with, so that they were not read again.
    pub cached_tokens: usize,
    /// Tokens generated, the closing one included.
    pub reply_tokens: usize,
    /// Milliseconds from the request to the first token.
    pub prompt_milliseconds: f64,
    /// Milliseconds from the first token to the last.
    pub decode_milliseconds: f64,
    /// What came of drafting tokens.
    pub speculation: Speculation,
    /// The most memory that the worker has held since it started, bytes; 0 where the system does not tell.
    pub peak_bytes: u64,
}

/// What came of drafting the tokens of a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speculation {
    /// Passes of the model after the prompt. Without drafts there is one for every token but the first.
    pub passes: usize,
    /// Tokens drafted.
    pub drafted: usize,
    /// Of those, how many were what the model itself chose.
    pub accepted: usize,
    /// Tokens/s that the model decodes at without drafts, measured in this reply and those before it since the model was
    /// loaded; `None` before there were enough plain passes.
    pub plain_tokens_per_second: Option<f64>,
}

impl ReplyStats {
    /// Tokens of the prompt that had not been read for an earlier one.
    pub fn read_tokens(&self) -> usize {
        self.prompt_tokens.saturating_sub(self.cached_tokens)
    }

    /// Speed of reading the part of the prompt that was read, in tokens/s; 0 before the first token.
    pub fn prompt_tokens_per_second(&self) -> f64 {
        per_second(self.read_tokens(), self.prompt_milliseconds)
    }

    /// Decode speed in tokens/s: the tokens after the first over the time they took; 0 for a shorter reply.
    pub fn decode_tokens_per_second(&self) -> f64 {
        per_second(self.reply_tokens.saturating_sub(1), self.decode_milliseconds)
    }

    /// Decode speed as a multiple of the speed without drafts; `None` while nothing was drafted.
    pub fn speed_up(&self) -> Option<f64> {
        let plain = self.speculation.plain_tokens_per_second?;
        let speed = self.decode_tokens_per_second();
        (self.speculation.drafted > 0 && speed > 0.0).then_some(speed / plain)
    }
}

fn per_second(tokens: usize, milliseconds: f64) -> f64 {
    if milliseconds > 0.0 {
        tokens as f64 * 1000.0 / milliseconds
    } else {
        0.0
    }
}

/// Why the worker could not do what it was asked. The text is for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fault {
    /// Nothing is at the path.
    #[error("The file {} is no longer there. Put it back, or choose another model.", path.display())]
    FileMissing {
        /// Where it was.
        path: PathBuf,
    },
    /// The system refuses to open or read the file.
    #[error(
        "The model file could not be read: {detail}. Check its permissions and the disk, then try again."
    )]
    Unreadable {
        /// The system's words.
        detail: String,
    },
    /// Another kind of file.
    #[error(
        "This file is not a GGUF model that Hearth can read: {detail}. Choose a file whose name ends in .gguf."
    )]
    NotGguf {
        /// What it is instead.
        detail: String,
    },
    /// Part of the file is missing.
    #[error("The model file is incomplete: {detail}. Download it again.")]
    Truncated {
        /// Where it ends.
        detail: String,
    },
    /// The draft model cannot draft for the model.
    #[error(
        "The draft model does not fit this model: {detail}. Choose a smaller model of the same family, or none."
    )]
    DraftMismatch {
        /// What differs.
        detail: String,
    },
    /// An architecture that the engine does not know.
    #[error("The engine cannot run models of the architecture “{architecture}” yet. It runs {}.", supported.join(", "))]
    UnsupportedArchitecture {
        /// As the file names it.
        architecture: String,
        /// What would run.
        supported: Vec<String>,
    },
    /// A quantisation that the engine does not know.
    #[error(
        "The engine cannot read the quantisation {tensor_type} (tensor {tensor}). Choose another file of the same model, such as Q4_K_M or Q8_0."
    )]
    UnsupportedTensor {
        /// The first such tensor.
        tensor: String,
        /// Its type.
        tensor_type: String,
    },
    /// The chat template does not parse or cannot render this chat.
    #[error(
        "The model's chat template does not work: {detail}. The file was made wrongly; look for another of the same model."
    )]
    BadTemplate {
        /// The template engine's words.
        detail: String,
    },
    /// The file contradicts itself.
    #[error(
        "The model could not be loaded: {detail}. The file may be damaged or made for another program; try another file."
    )]
    BadModel {
        /// What is wrong.
        detail: String,
    },
    /// The chat is longer than the context.
    #[error(
        "This chat is {over} tokens too long: it has {prompt_tokens} and the model's context holds {context}. Start a new chat, or shorten the message."
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens of the context.
        context: usize,
        /// Tokens to leave out so that at least one token of reply fits.
        over: usize,
    },
    /// The quantised model was not written; nothing of it is left.
    #[error("The quantised model could not be kept: {detail}. The model itself is as it was.")]
    NotKept {
        /// Why.
        detail: String,
    },
    /// The graphics card has no memory left.
    #[error(
        "The graphics card's memory is full: {detail}. Choose a smaller model or a shorter context, or the processor in Settings."
    )]
    CardFull {
        /// The driver's words.
        detail: String,
    },
    /// The graphics card or its driver failed.
    #[error("The graphics card failed: {detail}. Update its driver, or choose the processor in Settings.")]
    CardFailed {
        /// The driver's words.
        detail: String,
    },
    /// A request that needs a model came before one was loaded.
    #[error("No model is loaded. Choose one first.")]
    NoModel,
    /// A second load, or a second reply at once.
    #[error("The engine is busy with another request. Wait for it, or stop it.")]
    Busy,
    /// The engine panicked; the worker lives and has dropped the model.
    #[error("The engine failed while it was working: {detail}. Load the model again.")]
    Panicked {
        /// The panic's message.
        detail: String,
    },
    /// A line that is no request.
    #[error("The engine did not understand the app: {detail}. Install Hearth again.")]
    Misunderstood {
        /// The parser's words.
        detail: String,
    },
    /// An error of the engine that has no better name.
    #[error("The engine reported an error: {detail}. Try again, or load the model again.")]
    Engine {
        /// Its words.
        detail: String,
    },
}
