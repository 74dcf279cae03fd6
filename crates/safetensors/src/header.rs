//! The header of one file of weights.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::files::name_of;

/// Most bytes of a header, the limit of the format's own reader.
const LONGEST: u64 = 100_000_000;

/// A tensor, as its file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Bytes of a file that say how long its header is.
const LENGTH: u64 = 8;

/// Bytes that a file named `file` begins its header with, and how many the header takes together with them, of `found` in all.
///
/// # Errors
/// When it cannot be a file of weights.
pub fn header_bytes(file: &str, first: &[u8], found: u64) -> Result<u64, Error> {
    let truncated = |expected| Error::Truncated {
        file: file.to_owned(),
        expected,
        found,
    };
    let Some(length) = first.first_chunk::<{ LENGTH as usize }>() else {
        return Err(truncated(LENGTH));
    };
    let header = u64::from_le_bytes(*length);
    if header > LONGEST {
        return Err(Error::Damaged {
            file: file.to_owned(),
            problem: format!("claims a header of {header} bytes: it is no safetensors file"),
        });
    }
    if LENGTH + header > found {
        return Err(truncated(LENGTH + header));
    }
    Ok(LENGTH + header)
}

/// The tensors of a file of `found` bytes that begins with `header`, as long as [`header_bytes`] says; all of them lie within
/// the file.
///
/// # Errors
/// When the header is none, or does not describe a file of this length.
pub fn tensors(file: &str, header: &[u8], found: u64) -> Result<Vec<Tensor>, Error> {
    let damaged = |problem: String| Error::Damaged {
        file: file.to_owned(),
        problem,
    };
    let text = header.get(LENGTH as usize..).unwrap_or_default();
    let metadata: Metadata = serde_json::from_slice(text)
        .map_err(|error| damaged(format!("has a header that cannot be read: {error}")))?;
    // Its own check of a whole file would not say how much is missing; to be made anew is to be checked.
    let tensors: Vec<(String, TensorInfo)> = (metadata.offset_keys().into_iter())
        .filter_map(|name| Some((name.clone(), metadata.info(&name)?.clone())))
        .collect();
    let checked = Metadata::new(None, tensors.clone())
        .map_err(|error| damaged(format!("has a header that contradicts itself: {error}")))?;
    let expected = (header.len() as u64).saturating_add(checked.data_len() as u64);
    if expected > found {
        return Err(Error::Truncated {
            file: file.to_owned(),
            expected,
            found,
        });
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

/// The tensors of a file on this computer.
pub(crate) fn open(path: &Path) -> Result<Vec<Tensor>, Error> {
    let (tensors, _) = described(path)?;
    Ok(tensors.into_iter().map(|(tensor, _)| tensor).collect())
}

/// The same, each with where in the file its bytes begin, and the file.
///
/// # Errors
/// As [`tensors`], and the system's.
pub fn described(path: &Path) -> Result<(Vec<(Tensor, u64)>, File), Error> {
    let io = |source| Error::Io {
        path: path.into(),
        source,
    };
    let mut file = File::open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    (&mut file).take(LENGTH).read_to_end(&mut bytes).map_err(io)?;
    let length = header_bytes(&name_of(path), &bytes, found)?;
    (&mut file)
        .take(length - LENGTH)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    let mut start = length;
    // They lie one behind the other, in this order.
    let begin = |tensor: Tensor| {
        let at = start;
        start = start.saturating_add(tensor.bytes);
        (tensor, at)
    };
    let tensors = tensors(&name_of(path), &bytes, found)?;
    Ok((tensors.into_iter().map(begin).collect(), file))
}
