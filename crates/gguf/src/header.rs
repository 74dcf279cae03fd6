//! The header: metadata and the table of tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::limits::quoted;
use crate::{GgufError, Parser, Progress, TensorType};

/// Bytes asked of a file at a time: most headers are a few of these.
const CHUNK: usize = 256 << 10;

/// A metadata value. Of most arrays only the length is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Any of the integer types that is not negative, and booleans as 0 or 1.
    Unsigned(u64),
    /// A negative integer.
    Signed(i64),
    /// f32 or f64.
    Float(f64),
    /// Text.
    Text(String),
    /// An array of so many entries.
    Array(u64),
    /// A short array of integers that are not negative, or of booleans as 0 or 1: what is said of each layer.
    List(Vec<u64>),
}

impl Value {
    /// A whole number of at least 0, or the largest of a list: of what is said of each layer, the most.
    pub fn largest(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::List(numbers) => numbers.iter().copied().max(),
            _ => None,
        }
    }
}

/// One tensor of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions, the contiguous one first, as GGUF writes them.
    pub shape: Vec<u64>,
    /// How its numbers are stored.
    pub tensor_type: TensorType,
    /// Bytes from the start of the data section of the file it is in.
    pub offset: u64,
}

impl Tensor {
    /// How many numbers it has; `None` when that overflows.
    pub fn weights(&self) -> Option<u64> {
        self.shape.iter().try_fold(1_u64, |all, &n| all.checked_mul(n))
    }

    /// Bytes of its data. `None` when its type is unknown, its rows do not fill whole blocks, or the size overflows.
    pub fn bytes(&self) -> Option<u64> {
        let row = self.shape.first().copied().unwrap_or(1);
        // As in ggml, a block never reaches into the next row.
        self.tensor_type.bytes(row)?;
        self.tensor_type.bytes(self.weights()?)
    }
}

/// What a GGUF file says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Metadata by key, most arrays by length only.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors, in file order.
    pub tensors: Vec<Tensor>,
    /// Where the data section begins, in bytes from the start of the file.
    pub data_start: u64,
    /// What the vocabulary is: SHA-256 over the list of tokens, the tokeniser's kind and its pre-tokeniser. Models with
    /// the same hash read and write the same tokens. `None` when the file has no list of tokens.
    pub vocabulary_hash: Option<[u8; 32]>,
}

impl Header {
    /// Reads a file's header and checks that the file is as long as its tensors need.
    ///
    /// # Errors
    /// Any [`GgufError`] but [`GgufError::Parts`]; [`GgufError::TruncatedData`] when the header is whole and the
    /// weights are not.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let header = Self::read(file)?;
        header.check_length(length)?;
        Ok(header)
    }

    /// Reads a header off a byte stream that begins at the file's first byte. It is read in chunks, and so beyond the
    /// header's end.
    ///
    /// # Errors
    /// Any [`GgufError`] but [`GgufError::TruncatedData`] and [`GgufError::Parts`].
    pub fn read(mut source: impl Read) -> Result<Self, GgufError> {
        let mut parser = Parser::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = match source.read(&mut chunk) {
                Ok(0) => return Err(parser.truncated()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if let Progress::Done(header) = parser.push(chunk.get(..count).unwrap_or_default())? {
                return Ok(header);
            }
        }
    }

    /// Checks that a file of `length` bytes has room for what this header announces. A tensor of unknown type counts
    /// from its offset only.
    ///
    /// # Errors
    /// [`GgufError::TruncatedData`] when it has not; [`GgufError::Damaged`] when no file could.
    pub fn check_length(&self, length: u64) -> Result<(), GgufError> {
        let expected = self.file_bytes()?;
        if length < expected {
            return Err(GgufError::TruncatedData {
                expected,
                found: length,
            });
        }
        Ok(())
    }

    /// The architecture's name, such as `qwen3`.
    pub fn architecture(&self) -> Option<&str> {
        self.text("general.architecture")
    }

    /// The context the model was trained for, in tokens.
    pub fn context_length(&self) -> Option<u64> {
        self.unsigned(&format!("{}.context_length", self.architecture()?))
    }

    /// A text value.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A value that is a whole number of at least 0.
    pub fn unsigned(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(Value::Unsigned(number)) => Some(*number),
            _ => None,
        }
    }

    /// A short array of whole numbers of at least 0, or of booleans as 0 or 1.
    pub fn list(&self, key: &str) -> Option<&[u64]> {
        match self.metadata.get(key) {
            Some(Value::List(numbers)) => Some(numbers),
            _ => None,
        }
    }

    /// Bytes of all tensors' data, without the padding between them; `None` when the size of one is not known.
    pub fn weight_bytes(&self) -> Option<u64> {
        self.tensors
            .iter()
            .try_fold(0_u64, |all, tensor| all.checked_add(tensor.bytes()?))
    }

    /// Bytes that header and tensors take together. Without a tensor, nothing need follow the header.
    fn file_bytes(&self) -> Result<u64, GgufError> {
        let mut end = 0;
        for tensor in &self.tensors {
            let bytes = match tensor.tensor_type {
                TensorType::Unknown(_) => Some(0),
                TensorType::Published(_) => tensor.bytes(),
            };
            let tensor_end = bytes
                .and_then(|bytes| tensor.offset.checked_add(bytes))
                .and_then(|bytes| bytes.checked_add(self.data_start));
            end = end.max(tensor_end.ok_or_else(|| {
                GgufError::Damaged(format!("an impossible size for tensor {}", quoted(&tensor.name)))
            })?);
        }
        Ok(end)
    }
}
