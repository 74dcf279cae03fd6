//! UQFF, mistral.rs' own files of quantised layers: safetensors files whose tensors are named by numbers, in the order in
//! which mistral.rs' model asks for them, and are bytes that say themselves what they hold. What is not quantised lies beside them in
//! `residual.safetensors`. Layout: mistralrs-quant 0.8.1, `utils/uqff.rs`, `gguf/mod.rs` and `unquantized/mod.rs`.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::files::name_of;
use crate::header::{Tensor, described};

/// The newest version that the engine reads, and all older ones of the same first number.
const VERSION: (u32, u32) = (0, 2);
/// Most sides of a tensor.
const SIDES: u32 = 8;
/// Most bytes that a layer says of itself before its numbers: version, kind, bias, length, type, sides.
pub const TOLD: u64 = 4 + 1 + 1 + 4 + 4 + 4 + 4 * SIDES as u64;

/// A quantised layer, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its place in mistral.rs' order.
    pub number: usize,
    /// What its numbers are.
    pub numbers: Numbers,
    /// Their sides, outermost first; empty where they are [`Numbers::Other`].
    pub shape: Vec<u64>,
    /// Bytes that they take, without a bias.
    pub bytes: u64,
}

/// What the numbers of a layer are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Numbers {
    /// Blocks as GGUF files hold them, by ggml's number of their type.
    Blocks(u32),
    /// Plain floats.
    Plain(Dtype),
    /// Another quantisation of mistral.rs', such as `AFQ`.
    Other(String),
}

/// The layers of a model's files, in their order.
pub(crate) fn open(paths: &[PathBuf]) -> Result<Vec<Layer>, Error> {
    let mut layers = Vec::new();
    for path in paths {
        layers.extend(open_one(path)?);
    }
    layers.sort_by_key(|layer| layer.number);
    let gap = (layers.iter().enumerate()).find(|(place, layer)| *place != layer.number);
    match (gap, paths.first()) {
        (Some((place, layer)), Some(first)) => {
            let what = match layer.number < place {
                true => return Err(damaged(first, format!("has layer {} twice", layer.number))),
                false => format!("layer {place}, or the file of {} that has it,", name_of(first)),
            };
            Err(Error::Missing { what })
        }
        _ => Ok(layers),
    }
}

/// The layers of a file named `file` of which only the descriptions were read and the first bytes of the first layer. All are taken to
/// be of its kind, and of sides nothing is known but how many numbers they have: the other layers' shapes have one side.
///
/// # Errors
/// When it is no UQFF, or one of another version.
pub fn alike(file: &str, tensors: &[Tensor], told: &[u8]) -> Result<Vec<Layer>, Error> {
    let damaged = |problem: String| damaged(Path::new(file), problem);
    let mut layers: Vec<Layer> = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let number = number_of(tensor).map_err(damaged)?;
        let Some(first) = layers.first() else {
            layers.push(layer(number, told, tensor.bytes).map_err(damaged)?);
            continue;
        };
        let weights = first
            .shape
            .iter()
            .fold(1, |all: u128, side| all.saturating_mul(u128::from(*side)));
        let weights = u128::from(tensor.bytes).saturating_mul(weights) / u128::from(first.bytes.max(1));
        layers.push(Layer {
            number,
            numbers: first.numbers.clone(),
            shape: vec![u64::try_from(weights).unwrap_or(u64::MAX)],
            bytes: tensor.bytes,
        });
    }
    Ok(layers)
}

fn number_of(tensor: &Tensor) -> Result<usize, String> {
    let number = tensor.name.parse();
    number.map_err(|_| {
        format!(
            "has a tensor “{}”, and layers have numbers: it is no UQFF",
            tensor.name
        )
    })
}

fn open_one(path: &Path) -> Result<Vec<Layer>, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let (tensors, mut file) = described(path)?;
    let mut layers = Vec::with_capacity(tensors.len());
    for (tensor, start) in tensors {
        let number = number_of(&tensor).map_err(|what| damaged(path, what))?;
        if tensor.dtype != Dtype::U8 {
            return Err(damaged(
                path,
                format!("has a layer {number} that is no bytes: it is no UQFF"),
            ));
        }
        let mut told = Vec::new();
        file.seek(SeekFrom::Start(start)).map_err(io)?;
        (&mut file)
            .take(tensor.bytes.min(TOLD))
            .read_to_end(&mut told)
            .map_err(io)?;
        let layer = layer(number, &told, tensor.bytes).map_err(|what| damaged(path, what))?;
        layers.push(layer);
    }
    Ok(layers)
}

/// What the layer of this number says of itself in its first bytes, of `length` in all.
fn layer(number: usize, told: &[u8], length: u64) -> Result<Layer, String> {
    let mut told = Told { all: told, at: 0 };
    let other = |name: &str| Layer {
        number,
        numbers: Numbers::Other(name.to_owned()),
        shape: Vec::new(),
        bytes: length,
    };
    let short = || format!("has a layer {number} that ends too early");
    let version = told.number().ok_or_else(short)?;
    let (major, minor) = (version >> 16, version >> 8 & 0xff);
    if major != VERSION.0 || minor > VERSION.1 {
        return Err(format!(
            "is UQFF {major}.{minor}, and the engine reads up to {}.{}; look for an older file of the model, or one of another \
             kind",
            VERSION.0, VERSION.1
        ));
    }
    let (numbers, shape, bytes) = match told.byte().ok_or_else(short)? {
        0 => {
            let bytes = told.number().ok_or_else(short)?;
            let has_bias = told.byte().ok_or_else(short)? != 0;
            let kind = told.number().ok_or_else(short)?;
            let shape = told.shape().ok_or_else(short)?;
            let rest = (length - told.read()).checked_sub(u64::from(bytes));
            if rest.is_none_or(|rest| (rest > 0) != has_bias) {
                return Err(short());
            }
            (Numbers::Blocks(kind), shape, bytes)
        }
        1 => {
            told.byte().ok_or_else(short)?;
            let bytes = told.number().ok_or_else(short)?;
            let (dtype, size) = match told.number().ok_or_else(short)? {
                4 => (Dtype::F16, 2),
                5 => (Dtype::BF16, 2),
                6 => (Dtype::F32, 4),
                _ => {
                    return Err(format!(
                        "has a layer {number} of numbers that the engine does not multiply"
                    ));
                }
            };
            let shape = told.shape().ok_or_else(short)?;
            let count = shape
                .iter()
                .try_fold(size, |all: u64, side| all.checked_mul(*side));
            if count != Some(u64::from(bytes)) || u64::from(bytes) > length - told.read() {
                return Err(short());
            }
            (Numbers::Plain(dtype), shape, bytes)
        }
        2 => return Ok(other("HQQ")),
        3 => return Ok(other("FP8")),
        4 => return Ok(other("AFQ")),
        5 => return Ok(other("F8Q8")),
        6 => return Ok(other("MXFP4")),
        kind => {
            return Err(format!(
                "has a layer {number} of a kind ({kind}) that the engine does not know"
            ));
        }
    };
    Ok(Layer {
        number,
        numbers,
        shape,
        bytes: u64::from(bytes),
    })
}

/// A layer's first bytes, as far as they are read. All numbers are little-endian.
struct Told<'a> {
    all: &'a [u8],
    at: usize,
}

impl Told<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.all.get(self.at)?;
        self.at += 1;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u32> {
        let bytes = self.all.get(self.at..)?.first_chunk()?;
        self.at += bytes.len();
        Some(u32::from_le_bytes(*bytes))
    }

    fn shape(&mut self) -> Option<Vec<u64>> {
        let sides = self.number().filter(|sides| (2..=SIDES).contains(sides))?;
        (0..sides).map(|_| self.number().map(u64::from)).collect()
    }

    fn read(&self) -> u64 {
        self.at as u64
    }
}

fn damaged(path: &Path, problem: String) -> Error {
    Error::Damaged {
        file: name_of(path),
        problem,
    }
}
