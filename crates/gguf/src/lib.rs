//! GGUF headers: what a model file says of itself before its weights are read.
//!
//! One [`Parser`] takes the bytes as they come, from a file or from a server, and never asks for one that the header
//! does not need. The file is hostile until proven otherwise: every count and length is checked against a limit
//! before anything is kept, memory is bounded, nothing panics, and the tensor table is compared with the file's real
//! length. Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 2 and 3, little-endian.

mod header;
mod limits;
mod parser;
mod split;
mod tensor_type;
mod vocabulary;

pub use header::{Header, Tensor, Value};
pub use parser::{Parser, Progress};
pub use split::{ShardName, plain_name, shard_name};
pub use tensor_type::TensorType;

/// Why a file's header could not be read. Sizes are bytes.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The first four bytes are not `GGUF`.
    #[error("it does not begin with the letters GGUF")]
    NotGguf,
    /// A version this reader does not know (or a big-endian file).
    #[error("its GGUF version is {0}; versions 2 and 3 are known")]
    Version(u32),
    /// The file ends inside the header.
    #[error("it ends at byte {0}, in the middle of its header")]
    TruncatedHeader(u64),
    /// The file is shorter than its tensors need.
    #[error("it has {found} bytes and needs {expected}")]
    TruncatedData {
        /// Bytes that header and tensors take together.
        expected: u64,
        /// Bytes the file has.
        found: u64,
    },
    /// A count, length or value is beyond any real model's, or contradicts another.
    #[error("its header claims {0}")]
    Damaged(String),
    /// The files of a split model are not the parts of one whole.
    #[error("its parts do not make one model: {0}")]
    Parts(String),
    /// The file could not be opened or read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}
