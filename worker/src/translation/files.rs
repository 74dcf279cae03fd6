//! The tensors of a GGUF file, or of the parts of one, read when they are asked for.

use std::collections::HashMap;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use candle_core::quantized::QTensor;
use candle_core::quantized::gguf_file::{Content, TensorInfo, Value};
use candle_core::{Device, Tensor};
use mistralrs_core::{ParallelFile, read_in_place};
use parking_lot::Mutex;

/// Bytes of a header that are asked for at a time.
const CHUNK: usize = 1 << 20;

struct Part {
    reader: Mutex<BufReader<ParallelFile>>,
    content: Content,
}

/// Open files.
pub struct Files {
    parts: Vec<Part>,
    /// By name, the part that each tensor lies in.
    tensors: HashMap<String, usize>,
}

impl Files {
    /// # Errors
    /// When one of them cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let mut parts = Vec::new();
        let mut tensors = HashMap::new();
        for path in paths {
            let file =
                ParallelFile::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
            let mut reader = BufReader::with_capacity(CHUNK, file);
            let content = Content::read(&mut reader)?;
            tensors.extend(
                content
                    .tensor_infos
                    .keys()
                    .map(|name| (name.clone(), parts.len())),
            );
            let reader = Mutex::new(reader);
            parts.push(Part { reader, content });
        }
        if parts.is_empty() {
            bail!("there is no file");
        }
        Ok(Self { parts, tensors })
    }

    /// What the first of them says of the model.
    pub fn metadata(&self) -> &HashMap<String, Value> {
        &self.parts[0].content.metadata
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The sides of a tensor, the contiguous one last.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.info(name).map(|(_, info)| info.shape.dims())
    }

    fn info(&self, name: &str) -> Option<(&Part, &TensorInfo)> {
        let part = self.parts.get(*self.tensors.get(name)?)?;
        Some((part, part.content.tensor_infos.get(name)?))
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
    /// When it is not there, or cannot be read.
    pub fn read(&self, name: &str, device: &Device) -> candle_core::Result<QTensor> {
        let Some((part, info)) = self.info(name) else {
            candle_core::bail!("it has no tensor {name}, which the model needs");
        };
        let start = part.content.tensor_data_offset;
        let mut reader = part.reader.lock();
        let in_place = match device {
            Device::Cpu => read_in_place(&mut *reader, start, info)?,
            _ => None,
        };
        in_place.map_or_else(|| info.read(&mut *reader, start, device), Ok)
    }
}
