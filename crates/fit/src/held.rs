//! How the engine holds a matrix, and what of it one token reads.

use hearth_machine::CpuLevel;

use crate::product;
use crate::shape::{Matrices, Role};

/// Bytes of matrices in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// From the time they are read.
    pub loaded: u64,
    /// From the time they are first used: candle's kernels work on a copy in another order, and keep the original
    /// beside it (`PackedCache` in candle's `quantized/repack.rs`).
    pub packed: u64,
    /// Of both, what a product with one row reads.
    pub per_token: u64,
}

/// Bytes per weights, as a fraction.
struct Packing(u64, u64);

impl Packing {
    fn bytes(&self, weights: u64) -> u64 {
        let bytes = u128::from(weights) * u128::from(self.0) / u128::from(self.1);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

pub(crate) fn held(matrices: &Matrices, level: CpuLevel) -> Held {
    if matrices.is_float() {
        // `QMatMul::from_arc` in candle's `quantized/mod.rs` makes 32-bit floats of them.
        let loaded = product(&[matrices.weights, 4]);
        return Held {
            loaded,
            packed: 0,
            per_token: loaded,
        };
    }
    let kind = matrices.tensor_type.name();
    let (loaded, weights) = (matrices.bytes, matrices.weights);
    match level {
        CpuLevel::Baseline | CpuLevel::Neon => Held {
            loaded,
            packed: 0,
            per_token: loaded,
        },
        // Blocks of four or eight rows, interleaved, no larger than before (`PackedKind::select` in `quantized/repack.rs`).
        CpuLevel::NeonDotprod | CpuLevel::NeonI8mm => {
            let is_packed =
                matrices.tiled && matches!(kind.as_str(), "Q4_0" | "Q4_K" | "Q5_K" | "Q6_K" | "Q8_0");
            Held {
                loaded,
                packed: if is_packed { loaded } else { 0 },
                per_token: loaded,
            }
        }
        CpuLevel::Avx2 | CpuLevel::AvxVnni | CpuLevel::Avx512 | CpuLevel::Avx512Vnni | CpuLevel::Amx => {
            let one_row = matrices.tiled.then(|| tile(&kind, level)).flatten();
            // The output is only ever multiplied with one row, that of the last token (`extract_logits` in
            // `pipeline/mod.rs`), so what is packed for several rows is not packed for it.
            let several = matrices.tiled && matrices.role != Role::Output;
            let more = several.then(|| tile_of_several_rows(&kind, level)).flatten();
            let bytes = |packing: &Option<Packing>| packing.as_ref().map_or(0, |it| it.bytes(weights));
            Held {
                loaded,
                packed: bytes(&one_row).saturating_add(bytes(&more)),
                per_token: if one_row.is_some() {
                    bytes(&one_row)
                } else {
                    loaded
                },
            }
        }
    }
}

/// What a product with one row packs (`select` and the `Tile…` structs in candle's `quantized/repack_x86.rs`): sixteen
/// rows of 256 weights take 3,072 bytes as Q4_K; of 32 weights 544 as Q8_0, where the processor has 8-bit dot products.
fn tile(kind: &str, level: CpuLevel) -> Option<Packing> {
    let dot_products = matches!(level, CpuLevel::AvxVnni | CpuLevel::Avx512Vnni | CpuLevel::Amx);
    match kind {
        "Q4_K" => Some(Packing(3072, 4096)),
        "Q8_0" if dot_products => Some(Packing(544, 512)),
        _ => None,
    }
}

/// What a product with several rows packs besides: Q6_K, and for the matrix unit Q4_K a second time, 5,120 bytes for
/// sixteen rows of 256 weights either.
fn tile_of_several_rows(kind: &str, level: CpuLevel) -> Option<Packing> {
    match kind {
        "Q6_K" => Some(Packing(5120, 4096)),
        "Q4_K" if level == CpuLevel::Amx => Some(Packing(5120, 4096)),
        _ => None,
    }
}
