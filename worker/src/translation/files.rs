//! The tensors of a GGUF file, or of the parts of one, read when they are asked for.

use std::collections::HashMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Shape, Tensor};
use hearth_gguf::Header;
use mistralrs_core::GgufWeights;

use crate::mapped::MappedFile;

/// Where in a header the number of tensors stands, in eight bytes (ggml's `docs/gguf.md`).
const TENSOR_COUNT: std::ops::Range<usize> = 8..16;

struct Part {
    file: MappedFile,
    data_start: u64,
}

struct Place {
    part: usize,
    /// The sides, the contiguous one last.
    shape: Vec<usize>,
    /// As ggml names it.
    kind: String,
    /// Bytes from the start of the part's data.
    offset: u64,
}

/// Open files.
pub struct Files {
    parts: Vec<Part>,
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, Place>,
}

impl Files {
    /// # Errors
    /// When one of them cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let Some(first) = paths.first() else {
            bail!("there is no file");
        };
        let mut tensors = HashMap::new();
        let mut parts = Vec::new();
        let mut metadata = None;
        for path in paths {
            let header = Header::open(path).with_context(|| unreadable(path))?;
            let file = MappedFile::open(path).with_context(|| unreadable(path))?;
            if metadata.is_none() {
                let bytes = file.bytes(0, usize::try_from(header.data_start)?);
                metadata = Some(values(bytes.with_context(|| unreadable(path))?)?);
            }
            let place = |tensor: hearth_gguf::Tensor| {
                let sides = tensor.shape.iter().rev().map(|side| *side as usize);
                let place = Place {
                    part: parts.len(),
                    shape: sides.collect(),
                    kind: tensor.tensor_type.name(),
                    offset: tensor.offset,
                };
                (tensor.name, place)
            };
            tensors.extend(header.tensors.into_iter().map(place));
            parts.push(Part {
                file,
                data_start: header.data_start,
            });
        }
        Ok(Self {
            parts,
            metadata: metadata.with_context(|| unreadable(first))?,
            tensors,
        })
    }

    /// What the first of them says of the model.
    pub fn metadata(&self) -> &HashMap<String, Value> {
        &self.metadata
    }

    /// The names of all tensors.
    pub fn tensors(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The sides of a tensor, the contiguous one last.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|place| &place.shape[..])
    }

    /// Whether a tensor has numbers of four bits that share powers of two, which candle does not know.
    pub fn is_mxfp4(&self, name: &str) -> bool {
        self.tensors.get(name).is_some_and(|place| place.kind == "MXFP4")
    }

    /// The kind of a tensor's numbers.
    ///
    /// # Errors
    /// When it is not there, or of a kind that candle does not know.
    pub fn kind(&self, name: &str) -> candle_core::Result<GgmlDType> {
        kind(&self.place(name)?.1.kind)
    }

    fn place(&self, name: &str) -> candle_core::Result<(&Part, &Place)> {
        let place = self.tensors.get(name);
        match place.and_then(|place| Some((self.parts.get(place.part)?, place))) {
            Some(found) => Ok(found),
            None => candle_core::bail!("it has no tensor {name}, which the model needs"),
        }
    }

    /// The numbers of a tensor, in f32.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn numbers(&self, name: &str) -> candle_core::Result<Tensor> {
        self.read(name, &Device::Cpu)?.dequantize(&Device::Cpu)
    }

    /// A tensor as it is in the file, on a device.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is of a kind that candle does not know.
    pub fn read(&self, name: &str, device: &Device) -> candle_core::Result<QTensor> {
        let (part, place) = self.place(name)?;
        let info = TensorInfo {
            ggml_dtype: kind(&place.kind)?,
            shape: Shape::from(place.shape.clone()),
            offset: place.offset,
        };
        match part.file.tensor(&info, part.data_start, device)? {
            Some(tensor) => Ok(tensor),
            None => {
                let mut reader = Cursor::new(part.file.bytes(0, part.file.length()).unwrap_or_default());
                info.read(&mut reader, part.data_start, device)
            }
        }
    }

    /// Lets go of what a tensor takes in memory, of which something else was made.
    pub fn let_go(&self, name: &str) {
        if let Ok((part, place)) = self.place(name)
            && let Ok(kind) = kind(&place.kind)
        {
            let weights: usize = place.shape.iter().product();
            let bytes = weights / kind.block_size() * kind.type_size();
            part.file
                .let_go(part.data_start.saturating_add(place.offset), bytes);
        }
    }

    /// A copy of bytes of a tensor, from the `start`th on, of which no others are held.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_bytes(&self, name: &str, start: usize, bytes: &mut [u8]) -> candle_core::Result<()> {
        let (part, place) = self.place(name)?;
        let at = part
            .data_start
            .saturating_add(place.offset)
            .saturating_add(start as u64);
        match part.file.bytes(at, bytes.len()) {
            Some(found) => {
                bytes.copy_from_slice(found);
                part.file.let_go(at, bytes.len());
            }
            None => candle_core::bail!("the file ends within its tensor {name}"),
        }
        Ok(())
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

/// What a file's header says of the model, read by candle, which stops at tensors that it does not know: it is told that there are
/// none.
fn values(header: &[u8]) -> Result<HashMap<String, Value>> {
    let mut header = header.to_vec();
    let count = header
        .get_mut(TENSOR_COUNT)
        .context("its header has no room for a number of tensors")?;
    count.fill(0);
    Ok(Content::read(&mut Cursor::new(header))?.metadata)
}

fn kind(name: &str) -> candle_core::Result<GgmlDType> {
    Ok(match name {
        "F32" => GgmlDType::F32,
        "F16" => GgmlDType::F16,
        "BF16" => GgmlDType::BF16,
        "Q4_0" => GgmlDType::Q4_0,
        "Q4_1" => GgmlDType::Q4_1,
        "Q5_0" => GgmlDType::Q5_0,
        "Q5_1" => GgmlDType::Q5_1,
        "Q8_0" => GgmlDType::Q8_0,
        "Q2_K" => GgmlDType::Q2K,
        "Q3_K" => GgmlDType::Q3K,
        "Q4_K" => GgmlDType::Q4K,
        "Q5_K" => GgmlDType::Q5K,
        "Q6_K" => GgmlDType::Q6K,
        other => candle_core::bail!("its quantisation {other} is not known to the engine"),
    })
}
