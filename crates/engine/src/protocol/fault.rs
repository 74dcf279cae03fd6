//! What can go wrong in the worker, each in a sentence that says what to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
