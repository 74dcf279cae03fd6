//! What app and worker say to each other: one JSON object a line, requests on the worker's standard input,
//! events on its standard output. Logs go to standard error.
//!
//! The worker says [`Event::Hello`] first. It ends when its standard input does, whatever it is doing.

mod chosen;
mod fault;
mod question;
mod reply;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use chosen::{Chosen, Quantisation};
pub use fault::Fault;
pub use question::{ChatMessage, Grammar, Question, Role, Sampling, THOUGHT};
pub use reply::{ReplyStats, Speculation, StopReason};

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
