//! The header of one file of weights.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};

use crate::Error;
use crate::files::name_of;

/// Most bytes of a header, the limit of the format's own reader.
const LONGEST: u64 = 100_000_000;

/// A tensor, as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// What its numbers are.
    pub dtype: Dtype,
    /// Its sides, outermost first.
    pub shape: Vec<usize>,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// The tensors of a file, all of which lie within it.
pub(crate) fn tensors(path: &Path) -> Result<Vec<Tensor>, Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let damaged = |problem: String| Error::Damaged {
        file: name_of(path),
        problem,
    };
    let mut file = File::open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?.len();
    let truncated = |expected| Error::Truncated {
        file: name_of(path),
        expected,
        found,
    };
    if found < 8 {
        return Err(truncated(8));
    }
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(io)?;
    let header = u64::from_le_bytes(length);
    if header > LONGEST {
        return Err(damaged(format!(
            "claims a header of {header} bytes: it is no safetensors file"
        )));
    }
    if 8 + header > found {
        return Err(truncated(8 + header));
    }
    let mut bytes = Vec::new();
    file.take(header).read_to_end(&mut bytes).map_err(io)?;
    let metadata: Metadata = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("has a header that cannot be read: {error}")))?;
    // Its own check of a whole file would not say how much is missing; to be made anew is to be checked.
    let tensors: Vec<(String, TensorInfo)> = (metadata.offset_keys().into_iter())
        .filter_map(|name| Some((name.clone(), metadata.info(&name)?.clone())))
        .collect();
    let checked = Metadata::new(None, tensors.clone())
        .map_err(|error| damaged(format!("has a header that contradicts itself: {error}")))?;
    let expected = 8 + header + checked.data_len() as u64;
    if expected > found {
        return Err(truncated(expected));
    }
    if expected < found {
        return Err(damaged(format!(
            "has {} bytes more than its tensors",
            found - expected
        )));
    }
    let tensor = |(name, info): (String, TensorInfo)| Tensor {
        name,
        dtype: info.dtype,
        bytes: (info.data_offsets.1 - info.data_offsets.0) as u64,
        shape: info.shape,
    };
    Ok(tensors.into_iter().map(tensor).collect())
}
