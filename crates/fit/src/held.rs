//! How the engine holds a matrix, and which kernels multiply with it.

use hearth_engine::support::MXFP4;
use hearth_machine::CpuLevel;

use crate::product;
use crate::shape::Matrices;

/// Bytes of matrices in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// From the time they are read: what a product with one row reads, too.
    pub loaded: u64,
    /// From the time they are first used: on ARM candle's kernels work on a copy in another order, and keep the original
    /// beside it (`PackedCache` in candle's `quantized/repack.rs`).
    pub packed: u64,
    /// What multiplies with them.
    pub kernel: Kernel,
}

/// Which kernels multiply with a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// `worker/matmul`, or candle's on ARM: several rows at once.
    Tiled,
    /// candle's that multiply row by row (`matmul` in `quantized/k_quants.rs`).
    RowByRow,
    /// Those for 32-bit floats.
    Float,
}

pub(crate) fn held(matrices: &Matrices, level: CpuLevel) -> Held {
    if matrices.is_float() {
        // `QMatMul::from_arc` in candle's `quantized/mod.rs` makes 32-bit floats of them.
        return Held {
            loaded: product(&[matrices.weights, if matrices.halves { 2 } else { 4 }]),
            packed: 0,
            kernel: Kernel::Float,
        };
    }
    let kind = matrices.tensor_type.name();
    let is_of = |kinds: &[&str]| kinds.contains(&kind.as_str());
    let loaded = matrices.bytes;
    let (is_tiled, packed) = match level {
        CpuLevel::Baseline | CpuLevel::Neon => (false, 0),
        // `Kind` in `worker/matmul`, whose kernels work on what is in the file, whatever its sides.
        CpuLevel::Avx2 | CpuLevel::AvxVnni | CpuLevel::Avx512 | CpuLevel::Avx512Vnni | CpuLevel::Amx => {
            let is_tiled = is_of(&[
                "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", MXFP4,
            ]);
            (is_tiled, 0)
        }
        // Blocks of four or eight rows, interleaved, no larger than before (`PackedKind::select` in `quantized/repack.rs`).
        CpuLevel::NeonDotprod | CpuLevel::NeonI8mm => {
            let is_tiled = matrices.tiled && is_of(&["Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0"]);
            (is_tiled, if is_tiled { loaded } else { 0 })
        }
    };
    Held {
        loaded,
        packed,
        kernel: if is_tiled { Kernel::Tiled } else { Kernel::RowByRow },
    }
}

#[cfg(test)]
mod tests {
    use hearth_gguf::TensorType;

    use super::*;
    use crate::shape::Role;

    #[test]
    fn what_is_tiled_differs_by_processor() {
        let kernels = |id: u32, tiled: bool| {
            let matrices = Matrices {
                role: Role::Layer,
                tensor_type: TensorType::from_id(id),
                tiled,
                halves: false,
                weights: 896 * 896,
                bytes: 1,
            };
            [CpuLevel::Baseline, CpuLevel::Avx2, CpuLevel::NeonI8mm]
                .map(|level| held(&matrices, level).kernel)
        };
        let (yes, no) = (Kernel::Tiled, Kernel::RowByRow);
        let [q4_0, q5_0, q8_0, q3_k, mxfp4] = [2, 6, 8, 11, 39];
        assert_eq!(kernels(q4_0, true), [no, yes, yes]);
        // As Qwen2.5 0.5B has them, 896 columns wide.
        assert_eq!(kernels(q5_0, false), [no, yes, no]);
        assert_eq!(kernels(q8_0, false), [no, yes, no]);
        assert_eq!(kernels(q3_k, true), [no, no, no]);
        assert_eq!(kernels(mxfp4, false), [no, yes, no]);
    }
}
