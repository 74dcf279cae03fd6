//! How a tensor's numbers are stored.

use serde::{Deserialize, Serialize};

/// A tensor's storage type as GGUF numbers it (`ggml_type` in ggml.h). Types newer than this list, and those that ggml
/// removed before GGUF came to be, are [`TensorType::Unknown`]. Written out, it is the file's own number, which later
/// lists of published types leave as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum TensorType {
    /// One of the published types: index into [`PUBLISHED`].
    Published(u8),
    /// A number that no published type has.
    Unknown(u32),
}

struct Layout {
    id: u32,
    name: &'static str,
    /// Weights in one block.
    block: u64,
    /// Bytes of one block.
    bytes: u64,
}

const fn layout(id: u32, name: &'static str, block: u64, bytes: u64) -> Layout {
    Layout {
        id,
        name,
        block,
        bytes,
    }
}

/// Block sizes as in ggml's `type_traits` table (ggml.c) and the structs it measures (ggml-common.h), version 0.21.
/// ggml has removed the types whose rows are interleaved (31 to 33, 36 to 38), but files of them are still published;
/// they take the room of the type they were repacked from.
const PUBLISHED: [Layout; 41] = [
    layout(0, "F32", 1, 4),
    layout(1, "F16", 1, 2),
    layout(2, "Q4_0", 32, 18),
    layout(3, "Q4_1", 32, 20),
    layout(6, "Q5_0", 32, 22),
    layout(7, "Q5_1", 32, 24),
    layout(8, "Q8_0", 32, 34),
    layout(9, "Q8_1", 32, 36),
    layout(10, "Q2_K", 256, 84),
    layout(11, "Q3_K", 256, 110),
    layout(12, "Q4_K", 256, 144),
    layout(13, "Q5_K", 256, 176),
    layout(14, "Q6_K", 256, 210),
    layout(15, "Q8_K", 256, 292),
    layout(16, "IQ2_XXS", 256, 66),
    layout(17, "IQ2_XS", 256, 74),
    layout(18, "IQ3_XXS", 256, 98),
    layout(19, "IQ1_S", 256, 50),
    layout(20, "IQ4_NL", 32, 18),
    layout(21, "IQ3_S", 256, 110),
    layout(22, "IQ2_S", 256, 82),
    layout(23, "IQ4_XS", 256, 136),
    layout(24, "I8", 1, 1),
    layout(25, "I16", 1, 2),
    layout(26, "I32", 1, 4),
    layout(27, "I64", 1, 8),
    layout(28, "F64", 1, 8),
    layout(29, "IQ1_M", 256, 56),
    layout(30, "BF16", 1, 2),
    layout(31, "Q4_0_4_4", 32, 18),
    layout(32, "Q4_0_4_8", 32, 18),
    layout(33, "Q4_0_8_8", 32, 18),
    layout(34, "TQ1_0", 256, 54),
    layout(35, "TQ2_0", 256, 66),
    layout(36, "IQ4_NL_4_4", 32, 18),
    layout(37, "IQ4_NL_4_8", 32, 18),
    layout(38, "IQ4_NL_8_8", 32, 18),
    layout(39, "MXFP4", 32, 17),
    layout(40, "NVFP4", 64, 36),
    layout(41, "Q1_0", 128, 18),
    layout(42, "Q2_0", 64, 18),
];

impl TensorType {
    /// The type with this number in the file.
    pub fn from_id(id: u32) -> Self {
        match PUBLISHED.iter().position(|layout| layout.id == id) {
            Some(at) => Self::Published(at as u8),
            None => Self::Unknown(id),
        }
    }

    /// The number in the file.
    pub fn id(self) -> u32 {
        match self {
            Self::Published(at) => PUBLISHED[usize::from(at)].id,
            Self::Unknown(id) => id,
        }
    }

    /// The name llama.cpp prints, such as `Q4_K`; an unknown type is `type 77`.
    pub fn name(self) -> String {
        match self {
            Self::Published(at) => PUBLISHED[usize::from(at)].name.to_owned(),
            Self::Unknown(id) => format!("type {id}"),
        }
    }

    /// Bytes that `weights` numbers take, or `None` when the type is unknown, the numbers do not fill whole
    /// blocks, or the size overflows.
    pub fn bytes(self, weights: u64) -> Option<u64> {
        let Self::Published(at) = self else { return None };
        let Layout { block, bytes, .. } = PUBLISHED[usize::from(at)];
        weights
            .is_multiple_of(block)
            .then(|| (weights / block).checked_mul(bytes))?
    }
}

impl From<u32> for TensorType {
    fn from(id: u32) -> Self {
        Self::from_id(id)
    }
}

impl From<TensorType> for u32 {
    fn from(tensor_type: TensorType) -> Self {
        tensor_type.id()
    }
}
