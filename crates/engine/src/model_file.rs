//! What is wrong with a model file, in the same words whether the app or the worker finds out.

use std::io::ErrorKind;
use std::path::Path;

use hearth_gguf::GgufError;
use hearth_safetensors::Error;

use crate::protocol::Fault;

impl Fault {
    /// The fault of the file at `path` whose header could not be read.
    pub fn of_file(path: &Path, error: &GgufError) -> Self {
        let detail = error.to_string();
        match error {
            GgufError::NotGguf | GgufError::Version(_) => Self::NotGguf { detail },
            GgufError::TruncatedHeader(_) | GgufError::TruncatedData { .. } => Self::Truncated { detail },
            GgufError::Damaged(_) | GgufError::Parts(_) => Self::BadModel { detail },
            GgufError::Io(error) if error.kind() == ErrorKind::NotFound => {
                Self::FileMissing { path: path.into() }
            }
            GgufError::Io(_) => Self::Unreadable { detail },
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Truncated { .. } => Self::Truncated {
                detail: error.to_string(),
            },
            Error::Missing { .. } | Error::Damaged { .. } => Self::BadModel {
                detail: error.to_string(),
            },
            Error::Io { path, source } if source.kind() == ErrorKind::NotFound => Self::FileMissing { path },
            Error::Io { .. } => Self::Unreadable {
                detail: error.to_string(),
            },
        }
    }
}
