//! Models as safetensors: a folder with `config.json`, a tokeniser, a chat template and the weights in one file or several; and as
//! UQFF, which is the same with most of the weights quantised, in files of mistral.rs' own (`uqff.rs`).
//!
//! Everything but the weights is read here, before memory is spent on them. The files are hostile until proven otherwise:
//! sizes are bounded before anything is kept, names cannot lead out of the folder, every tensor must lie in its file.
//! Format: <https://huggingface.co/docs/safetensors>; the index is transformers' `model.safetensors.index.json`.

mod checkpoint;
mod config;
mod files;
mod header;
mod uqff;

pub use checkpoint::Checkpoint;
pub use config::Config;
pub use files::{COMPANIONS, Files, RESIDUAL, shard_of};
pub use header::{Tensor, described, header_bytes, tensors};
pub use safetensors::tensor::Dtype;
pub use uqff::{Layer, Numbers, TOLD, alike};

use std::path::PathBuf;

/// Why a model's files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that every such model has is not among them.
    #[error("{what} is missing; download the model again")]
    Missing {
        /// Which, and what it is for.
        what: String,
    },
    /// A file ends too early.
    #[error("{file} has {found} bytes and needs {expected}")]
    Truncated {
        /// Its name.
        file: String,
        /// Bytes that header and tensors take together.
        expected: u64,
        /// Bytes that it has.
        found: u64,
    },
    /// A file is not what its name says, or contradicts another.
    #[error("{file} {problem}")]
    Damaged {
        /// Its name.
        file: String,
        /// A sentence of which the name is the beginning.
        problem: String,
    },
    /// A file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
}
