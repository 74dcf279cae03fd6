//! The header: metadata and the table of tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::reader::Reader;
use crate::{GgufError, TensorType};

/// The largest published models have a few thousand tensors and a few dozen keys.
const MOST_TENSORS: u64 = 100_000;
const MOST_KEYS: u64 = 10_000;
/// Entries of one array: vocabularies end near 300,000.
const LONGEST_ARRAY: u64 = 4_000_000;
/// ggml's `GGML_MAX_DIMS` is 4.
const MOST_DIMENSIONS: u32 = 4;

/// A metadata value. Arrays are not kept, only their length.
#[derive(Clone, Debug, PartialEq)]
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
}

/// One tensor of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions, the contiguous one first, as GGUF writes them.
    pub shape: Vec<u64>,
    /// How its numbers are stored.
    pub tensor_type: TensorType,
    /// Bytes from the start of the data section.
    pub offset: u64,
}

/// What a GGUF file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Metadata by key, arrays by length only.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors, in file order.
    pub tensors: Vec<Tensor>,
    /// Where the data section begins, in bytes from the start of the file.
    pub data_start: u64,
}

impl Header {
    /// Reads a file's header and checks that the file is as long as its tensors need.
    ///
    /// # Errors
    /// Any [`GgufError`]; [`GgufError::TruncatedData`] when the header is whole and the weights are not.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let file = File::open(path)?;
        let found = file.metadata()?.len();
        let header = Self::read(BufReader::with_capacity(1 << 16, file))?;
        let expected = header.file_bytes()?;
        if found < expected {
            return Err(GgufError::TruncatedData { expected, found });
        }
        Ok(header)
    }

    /// Reads a header off a byte stream that begins at the file's first byte.
    ///
    /// # Errors
    /// Any [`GgufError`] but [`GgufError::TruncatedData`].
    pub fn read(source: impl Read) -> Result<Self, GgufError> {
        let mut reader = Reader::new(source);
        match reader.bytes::<4>() {
            Ok(magic) if &magic == b"GGUF" => {}
            Ok(_) | Err(GgufError::TruncatedHeader(_)) => return Err(GgufError::NotGguf),
            Err(error) => return Err(error),
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        let tensor_count = limited(reader.u64()?, MOST_TENSORS, "tensors")?;
        let key_count = limited(reader.u64()?, MOST_KEYS, "metadata keys")?;
        let mut metadata = BTreeMap::new();
        for _ in 0..key_count {
            let key = reader.string()?;
            let kind = reader.u32()?;
            metadata.insert(key, value(&mut reader, kind)?);
        }
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(tensor(&mut reader)?);
        }
        let alignment = match metadata.get("general.alignment") {
            None => 32,
            Some(Value::Unsigned(bytes)) if bytes.is_power_of_two() && *bytes <= 1 << 20 => *bytes,
            Some(other) => return Err(GgufError::Damaged(format!("an alignment of {other:?}"))),
        };
        let data_start = reader.position().next_multiple_of(alignment);
        Ok(Self {
            metadata,
            tensors,
            data_start,
        })
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

    /// Bytes that header and tensors take together. A tensor of unknown type counts from its offset only.
    fn file_bytes(&self) -> Result<u64, GgufError> {
        let mut end = self.data_start;
        for tensor in &self.tensors {
            let damaged = || GgufError::Damaged(format!("an impossible size for tensor `{}`", tensor.name));
            let weights = tensor
                .shape
                .iter()
                .try_fold(1_u64, |all, &n| all.checked_mul(n))
                .ok_or_else(damaged)?;
            let bytes = match tensor.tensor_type {
                TensorType::Unknown(_) => 0,
                known => known.bytes(weights).ok_or_else(damaged)?,
            };
            let tensor_end = tensor
                .offset
                .checked_add(bytes)
                .and_then(|n| n.checked_add(self.data_start));
            end = end.max(tensor_end.ok_or_else(damaged)?);
        }
        Ok(end)
    }
}

fn limited(count: u64, most: u64, what: &str) -> Result<u64, GgufError> {
    if count > most {
        Err(GgufError::Damaged(format!("{count} {what}")))
    } else {
        Ok(count)
    }
}

fn value<R: Read>(reader: &mut Reader<R>, kind: u32) -> Result<Value, GgufError> {
    let signed = |number: i64| match u64::try_from(number) {
        Ok(number) => Value::Unsigned(number),
        Err(_) => Value::Signed(number),
    };
    Ok(match kind {
        0 | 7 => Value::Unsigned(reader.bytes::<1>()?[0].into()),
        1 => signed(i8::from_le_bytes(reader.bytes()?).into()),
        2 => Value::Unsigned(u16::from_le_bytes(reader.bytes()?).into()),
        3 => signed(i16::from_le_bytes(reader.bytes()?).into()),
        4 => Value::Unsigned(reader.u32()?.into()),
        5 => signed(i32::from_le_bytes(reader.bytes()?).into()),
        6 => Value::Float(f32::from_le_bytes(reader.bytes()?).into()),
        8 => Value::Text(reader.string()?),
        9 => array(reader)?,
        10 => Value::Unsigned(reader.u64()?),
        11 => signed(i64::from_le_bytes(reader.bytes()?)),
        12 => Value::Float(f64::from_le_bytes(reader.bytes()?)),
        other => return Err(GgufError::Damaged(format!("a metadata value of type {other}"))),
    })
}

fn array<R: Read>(reader: &mut Reader<R>) -> Result<Value, GgufError> {
    let kind = reader.u32()?;
    let count = limited(reader.u64()?, LONGEST_ARRAY, "entries in one array")?;
    let width = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        8 => {
            for _ in 0..count {
                let length = reader.u64()?;
                reader.skip(length)?;
            }
            return Ok(Value::Array(count));
        }
        other => return Err(GgufError::Damaged(format!("an array of type {other}"))),
    };
    reader.skip(count * width)?;
    Ok(Value::Array(count))
}

fn tensor<R: Read>(reader: &mut Reader<R>) -> Result<Tensor, GgufError> {
    let name = reader.string()?;
    let dimensions = reader.u32()?;
    if dimensions > MOST_DIMENSIONS {
        return Err(GgufError::Damaged(format!(
            "{dimensions} dimensions for tensor `{name}`"
        )));
    }
    let shape = (0..dimensions).map(|_| reader.u64()).collect::<Result<_, _>>()?;
    let tensor_type = TensorType::from_id(reader.u32()?);
    Ok(Tensor {
        name,
        shape,
        tensor_type,
        offset: reader.u64()?,
    })
}
