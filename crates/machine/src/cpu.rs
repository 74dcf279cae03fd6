//! Judges the processor.

use crate::{Cpu, CpuLevel, CpuSeen};

pub fn judge(seen: CpuSeen) -> Cpu {
    let name = seen.name.split_whitespace().collect::<Vec<_>>().join(" ");
    let logical_cores = seen
        .usable_threads
        .map_or(seen.logical_cores, |usable| usable.min(seen.logical_cores.max(1)))
        .max(1);
    Cpu {
        name: if name.is_empty() { seen.architecture } else { name },
        physical_cores: seen
            .physical_cores
            .unwrap_or(logical_cores)
            .clamp(1, logical_cores),
        logical_cores,
        level: level(&seen.features),
        features: seen.features,
    }
}

/// As candle 0.11.1 chooses its kernels (`level` and `amx_available` in its `quantized/repack_x86.rs`), with names
/// besides for what it makes no use of yet.
fn level(features: &[String]) -> CpuLevel {
    let has = |wanted: &[&str]| {
        wanted
            .iter()
            .all(|name| features.iter().any(|found| found == name))
    };
    let levels: [(CpuLevel, &[&str]); 8] = [
        (CpuLevel::Amx, &["avx512f", "avx512vnni", "amx-tile", "amx-int8"]),
        (CpuLevel::Avx512Vnni, &["avx512f", "avx512vnni"]),
        (CpuLevel::AvxVnni, &["avx2", "avxvnni"]),
        (CpuLevel::Avx512, &["avx512f"]),
        (CpuLevel::Avx2, &["avx2", "fma"]),
        (CpuLevel::NeonI8mm, &["neon", "dotprod", "i8mm"]),
        (CpuLevel::NeonDotprod, &["neon", "dotprod"]),
        (CpuLevel::Neon, &["neon"]),
    ];
    levels
        .iter()
        .find(|(_, wanted)| has(wanted))
        .map_or(CpuLevel::Baseline, |(level, _)| *level)
}
