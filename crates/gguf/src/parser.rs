//! The parser: bytes in, in pieces of any size; a header out.

mod step;

use std::collections::{BTreeMap, HashSet};

use self::step::Step;
use crate::limits::{
    LONGEST_ARRAY, LONGEST_HEADER, LONGEST_LIST, LONGEST_NAME, LONGEST_TEXT, MOST_DIMENSIONS, MOST_KEYS,
    MOST_TENSORS, MOST_TEXT, limited, quoted,
};
use crate::vocabulary::{TOKENS, TokenHash};
use crate::{GgufError, Header, Tensor, TensorType, Value};

/// Where data begins when the file does not say: ggml's `GGUF_DEFAULT_ALIGNMENT`.
const DEFAULT_ALIGNMENT: u64 = 32;
const LARGEST_ALIGNMENT: u64 = 1 << 20;

/// What came of the bytes so far.
#[derive(Debug, PartialEq)]
pub enum Progress {
    /// The header goes on.
    NeedMore {
        /// Bytes from the start of the file that the header has at least, by what has been read of it. It grows with
        /// every push until the header is whole, and never beyond the header's real end.
        at_least: u64,
    },
    /// The header is whole.
    Done(Header),
}

/// Reads a header as its bytes arrive. What has been pushed is not kept, but for the text, number, list or tensor entry that
/// the last push ended in: long arrays pass through. All that it keeps stays below 64 MiB, whatever the bytes.
#[derive(Default)]
pub struct Parser {
    step: Step,
    /// Where the current step's bytes begin in the file.
    position: u64,
    /// The current step's bytes so far, fewer than it needs.
    held: Vec<u8>,
    /// The key or tensor name that was read last.
    name: String,
    /// Keys and tensors after the current one.
    keys_left: u64,
    tensors_left: u64,
    /// Bytes of the texts and lists that are kept.
    kept: u64,
    metadata: BTreeMap<String, Value>,
    tensors: Vec<Tensor>,
    tokens: TokenHash,
}

impl Parser {
    /// A parser at the first byte of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on. `bytes` follow those of the last push; what stands after the header's end is left aside. Once the
    /// header is whole, or cannot be, the parser stands at the first byte of another file.
    ///
    /// # Errors
    /// [`GgufError::NotGguf`], [`GgufError::Version`] or [`GgufError::Damaged`], as soon as it shows.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, GgufError> {
        let progress = self.read_on(bytes);
        if !matches!(progress, Ok(Progress::NeedMore { .. })) {
            *self = Self::new();
        }
        progress
    }

    /// The metadata that has been read, most arrays by length only. Files put `general.*` and the architecture's own keys
    /// first, so that these are here long before the vocabulary is through.
    pub fn metadata_so_far(&self) -> &BTreeMap<String, Value> {
        &self.metadata
    }

    /// Why nothing comes of a file that ends here.
    pub(crate) fn truncated(&self) -> GgufError {
        match self.step {
            Step::Magic => GgufError::NotGguf,
            _ => GgufError::TruncatedHeader(self.position + self.held.len() as u64),
        }
    }

    fn read_on(&mut self, mut bytes: &[u8]) -> Result<Progress, GgufError> {
        loop {
            let need_more = Progress::NeedMore {
                at_least: self.at_least(),
            };
            match self.step {
                Step::Done => return self.finish().map(Progress::Done),
                Step::Pass { left, texts } => {
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                    let (passing, rest) = bytes.split_at(count);
                    bytes = rest;
                    self.tokens.feed(passing);
                    self.position += count as u64;
                    let left = left - count as u64;
                    self.step = Step::Pass { left, texts };
                    if left > 0 {
                        return Ok(need_more);
                    }
                    self.next_entry(texts);
                }
                _ => {
                    let width = self.step.width();
                    if self.held.is_empty()
                        && let Some((item, rest)) = bytes.split_at_checked(width)
                    {
                        bytes = rest;
                        self.take(item)?;
                        continue;
                    }
                    let (more, rest) = bytes.split_at((width - self.held.len()).min(bytes.len()));
                    bytes = rest;
                    self.held.extend(more);
                    if self.held.len() < width {
                        return Ok(need_more);
                    }
                    let item = std::mem::take(&mut self.held);
                    self.take(&item)?;
                }
            }
        }
    }

    /// A lower bound of the header's length in bytes.
    fn at_least(&self) -> u64 {
        self.position
            + self.step.least()
            + self.keys_left * Step::LEAST_OF_KEY
            + self.tensors_left * Step::LEAST_OF_TENSOR
    }

    /// Reads one step's bytes, all of them, and goes on to the next step.
    fn take(&mut self, item: &[u8]) -> Result<(), GgufError> {
        self.position += item.len() as u64;
        match self.step {
            Step::Magic if item == b"GGUF" => self.step = Step::Version,
            Step::Magic => return Err(GgufError::NotGguf),
            Step::Version => match number(item) as u32 {
                2 | 3 => self.step = Step::Counts,
                other => return Err(GgufError::Version(other)),
            },
            Step::Counts => {
                let (tensors, keys) = item.split_at(8);
                self.tensors_left = limited(number(tensors), MOST_TENSORS, "tensors")?;
                self.keys_left = limited(number(keys), MOST_KEYS, "metadata keys")?;
                self.next_key();
            }
            Step::KeyLength => {
                let length = limited(number(item), LONGEST_NAME, "bytes in one key")?;
                self.step = Step::Key { length };
            }
            Step::Key { .. } => {
                self.name = self.text(item)?;
                self.step = Step::Kind;
            }
            Step::Kind => {
                self.step = match number(item) {
                    8 => Step::TextLength,
                    9 => Step::ArrayHead,
                    kind => match width_of(kind) {
                        Some(width) => Step::Number { kind, width },
                        None => return Err(self.damaged(format!("a value of type {kind}"))),
                    },
                };
            }
            Step::Number { kind, .. } => self.insert(value(kind, item))?,
            Step::TextLength => {
                let length = number(item);
                if length > LONGEST_TEXT {
                    return Err(self.damaged(format!("a text of {length} bytes")));
                }
                self.step = Step::Text { length };
            }
            Step::Text { .. } => {
                let text = self.text(item)?;
                self.insert(Value::Text(text))?;
            }
            Step::ArrayHead => {
                let (kind, count) = item.split_at(4);
                self.begin_array(number(kind), number(count))?;
            }
            Step::List { kind, .. } => {
                let list = self.list(kind, item)?;
                self.insert(list)?;
            }
            Step::EntryLength { left } => {
                let length = number(item);
                if length > LONGEST_TEXT {
                    return Err(self.damaged(format!("an entry of {length} bytes")));
                }
                self.tokens.feed(item);
                self.step = Step::Pass {
                    left: length,
                    texts: left - 1,
                };
            }
            Step::NameLength => {
                let length = limited(number(item), LONGEST_NAME, "bytes in one tensor's name")?;
                self.step = Step::Name { length };
            }
            Step::Name { .. } => {
                self.name = self.text(item)?;
                self.step = Step::Dimensions;
            }
            Step::Dimensions => {
                let count = number(item);
                if count > MOST_DIMENSIONS {
                    return Err(self.damaged(format!("{count} dimensions")));
                }
                self.step = Step::Place { dimensions: count };
            }
            Step::Place { dimensions } => {
                self.place(dimensions, item);
                self.next_tensor();
            }
            // Both are handled where bytes are dealt out.
            Step::Pass { .. } | Step::Done => {}
        }
        let length = self.at_least();
        limited(length, LONGEST_HEADER, "bytes of metadata").map(|_| ())
    }

    fn begin_array(&mut self, kind: u64, count: u64) -> Result<(), GgufError> {
        if count > LONGEST_ARRAY {
            return Err(self.damaged(format!("an array of {count} entries")));
        }
        self.step = match (kind, width_of(kind)) {
            (8, _) => {
                if self.name == TOKENS {
                    self.tokens.begin();
                }
                Step::Pass {
                    left: 0,
                    texts: count,
                }
            }
            (_, Some(width)) if is_integer(kind) && count <= LONGEST_LIST => {
                let width = count * width;
                self.step = Step::List { kind, width };
                return Ok(());
            }
            (_, Some(width)) => Step::Pass {
                left: count * width,
                texts: 0,
            },
            (_, None) => return Err(self.damaged(format!("an array of type {kind}"))),
        };
        self.keep(Value::Array(count))
    }

    /// After an array's entry, with so many texts to come.
    fn next_entry(&mut self, texts: u64) {
        if texts > 0 {
            self.step = Step::EntryLength { left: texts };
        } else {
            self.tokens.end();
            self.next_key();
        }
    }

    fn next_key(&mut self) {
        match self.keys_left.checked_sub(1) {
            Some(left) => {
                self.keys_left = left;
                self.step = Step::KeyLength;
            }
            None => self.next_tensor(),
        }
    }

    fn next_tensor(&mut self) {
        self.step = match self.tensors_left.checked_sub(1) {
            Some(left) => {
                self.tensors_left = left;
                Step::NameLength
            }
            None => Step::Done,
        };
    }

    /// Keeps a value that is read in one piece, and goes on to the next key.
    fn insert(&mut self, value: Value) -> Result<(), GgufError> {
        self.keep(value)?;
        self.next_key();
        Ok(())
    }

    fn keep(&mut self, value: Value) -> Result<(), GgufError> {
        match self.metadata.insert(self.name.clone(), value) {
            None => Ok(()),
            Some(_) => Err(self.damaged("two values".to_owned())),
        }
    }

    /// Keeps a tensor: its dimensions, its type, its offset.
    fn place(&mut self, dimensions: u64, item: &[u8]) {
        let (shape, rest) = item.split_at(dimensions as usize * 8);
        let (tensor_type, offset) = rest.split_at(4);
        self.tensors.push(Tensor {
            name: std::mem::take(&mut self.name),
            shape: shape.chunks_exact(8).map(number).collect(),
            tensor_type: TensorType::from_id(number(tensor_type) as u32),
            offset: number(offset),
        });
    }

    /// The integers of an array, or their number alone where one of them is negative.
    fn list(&mut self, kind: u64, item: &[u8]) -> Result<Value, GgufError> {
        let width = width_of(kind).unwrap_or(1) as usize;
        let numbers: Option<Vec<u64>> = item
            .chunks_exact(width)
            .map(|item| match value(kind, item) {
                Value::Unsigned(number) => Some(number),
                _ => None,
            })
            .collect();
        let Some(numbers) = numbers else {
            return Ok(Value::Array((item.len() / width) as u64));
        };
        self.keeps(8 * numbers.len())?;
        Ok(Value::List(numbers))
    }

    /// Counts bytes that are kept.
    fn keeps(&mut self, bytes: usize) -> Result<(), GgufError> {
        let all = self.kept + bytes as u64;
        self.kept = limited(all, MOST_TEXT, "bytes of names, texts and lists")?;
        Ok(())
    }

    /// A text to keep. Bytes that are not UTF-8 are replaced: a name is shown, never trusted.
    fn text(&mut self, bytes: &[u8]) -> Result<String, GgufError> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.keeps(text.len())?;
        Ok(text)
    }

    /// What cannot be of the key or tensor that was read last.
    fn damaged(&self, what: String) -> GgufError {
        GgufError::Damaged(format!("{what} for {}", quoted(&self.name)))
    }

    fn finish(&mut self) -> Result<Header, GgufError> {
        let alignment = match self.metadata.get("general.alignment") {
            None => DEFAULT_ALIGNMENT,
            Some(Value::Unsigned(bytes)) if bytes.is_power_of_two() && *bytes <= LARGEST_ALIGNMENT => *bytes,
            Some(other) => return Err(GgufError::Damaged(format!("an alignment of {other:?}"))),
        };
        let mut names = HashSet::with_capacity(self.tensors.len());
        if let Some(twice) = self.tensors.iter().find(|tensor| !names.insert(&tensor.name)) {
            let name = quoted(&twice.name);
            return Err(GgufError::Damaged(format!("two tensors of the name {name}")));
        }
        Ok(Header {
            vocabulary_hash: self.tokens.of_vocabulary(&self.metadata),
            metadata: std::mem::take(&mut self.metadata),
            tensors: std::mem::take(&mut self.tensors),
            data_start: self.position.next_multiple_of(alignment),
        })
    }
}

/// Bytes of a number of this type; `None` when it is no number's.
fn width_of(kind: u64) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

/// Whether numbers of this type are integers, or booleans.
fn is_integer(kind: u64) -> bool {
    !matches!(kind, 6 | 12)
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// A number of the given type, of as many bytes as [`width_of`] says.
fn value(kind: u64, bytes: &[u8]) -> Value {
    let bits = number(bytes);
    let signed = |number: i64| match u64::try_from(number) {
        Ok(number) => Value::Unsigned(number),
        Err(_) => Value::Signed(number),
    };
    match kind {
        1 => signed((bits as i8).into()),
        3 => signed((bits as i16).into()),
        5 => signed((bits as i32).into()),
        11 => signed(bits as i64),
        6 => Value::Float(f32::from_bits(bits as u32).into()),
        12 => Value::Float(f64::from_bits(bits)),
        _ => Value::Unsigned(bits),
    }
}
