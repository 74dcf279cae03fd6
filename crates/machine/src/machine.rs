//! What Hearth knows of a computer, and what a model may take of it. All sizes are bytes.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{Sources, cpu, disks, graphics, memory};

/// Memory that a model leaves to everything else, in bytes.
///
/// What is available now is not what will be in a minute: a browser opens a tab, and the system needs some room to
/// move. Ollama sets 457 MiB aside per device, 512 MiB on Macs (`MinimumMemory` in its `ml/device.go`); Fedora's
/// earlyoom begins to end programs when less than 400 MiB are left. This is the largest of the three.
pub const RESERVE_BYTES: u64 = 512 << 20;

/// A computer, as far as it matters for running a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// The system's name and version, such as `Ubuntu 24.04 (WSL)`.
    pub os: String,
    /// The processor.
    pub cpu: Cpu,
    /// The main memory.
    pub memory: Memory,
    /// What can compute beside the processor, the one with the most memory of its own first.
    pub gpus: Vec<Gpu>,
    /// Where files can be kept, each once.
    pub disks: Vec<Disk>,
}

impl Machine {
    /// Judges what the sources tell. Touches nothing but them, and never fails: what no source knows is left out.
    pub fn from_sources(sources: &impl Sources) -> Self {
        let os = sources.os();
        let mut memory = memory::judge(&os, &sources.memory(), sources.cgroup());
        let cpu = cpu::judge(sources.cpu());
        let gpus = graphics::judge(&os, &cpu.name, memory.total_bytes, sources);
        memory.unified = gpus
            .iter()
            .any(|gpu| matches!(gpu.memory, GpuMemory::Unified { .. }));
        let wsl = os.kernel.to_lowercase().contains("microsoft");
        Self {
            os: if wsl {
                format!("{} (WSL)", os.name)
            } else {
                os.name
            },
            cpu,
            memory,
            gpus,
            disks: disks::judge(sources.disks()),
        }
    }

    /// The bytes that a model which computes on the processor may take now: what is available, within a container's
    /// limit, less [`RESERVE_BYTES`]. Weights, KV cache and buffers together must stay below it.
    ///
    /// A model that is loaded at the moment has already been taken off.
    pub fn usable_bytes(&self) -> u64 {
        self.memory.available_bytes.saturating_sub(RESERVE_BYTES)
    }
}

/// The processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// As its maker calls it.
    pub name: String,
    /// Cores that this process may use, at least 1. Threads of one core share what a kernel needs, so a model gains
    /// nothing from more threads than this.
    pub physical_cores: u32,
    /// Threads that the system runs at once for this process, at least 1.
    pub logical_cores: u32,
    /// Instruction sets found at run time that a kernel may ask for, such as `avx2`.
    pub features: Vec<String>,
    /// The best that the kernels make of `features`.
    pub level: CpuLevel,
}

/// The instruction set that decides the speed of quantised matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum CpuLevel {
    /// None that the kernels know: scalar code, several times slower than any other.
    Baseline,
    /// x86 with AVX2 and FMA.
    Avx2,
    /// x86 with AVX2 and 8-bit dot products.
    AvxVnni,
    /// x86 with 512-bit registers.
    Avx512,
    /// x86 with 512-bit registers and 8-bit dot products.
    Avx512Vnni,
    /// x86 with a matrix unit besides.
    Amx,
    /// ARM's 128-bit registers.
    Neon,
    /// ARM with 8-bit dot products.
    NeonDotprod,
    /// ARM with 8-bit matrix products.
    NeonI8mm,
}

/// The main memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All that the system sees; what the firmware gave to graphics is not in it.
    #[ts(type = "number")]
    pub total_bytes: u64,
    /// What programs can take now without pushing others out. Never above the limit.
    #[ts(type = "number")]
    pub available_bytes: u64,
    /// The most that this process and its neighbours in a container may take, where that is less than the total.
    #[ts(type = "number | null")]
    pub limit_bytes: Option<u64>,
    /// A graphics unit takes its memory from here.
    pub unified: bool,
}

/// A graphics card, or the graphics unit of a processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Gpu {
    /// As its maker calls it.
    pub name: String,
    /// `NVIDIA`, `AMD`, `Intel`, `Apple` or `Qualcomm`.
    pub vendor: String,
    /// Where its memory is, and how much.
    pub memory: GpuMemory,
    /// What CUDA tells it from others by; `None` where its driver does not tell, and for other makers'.
    pub id: Option<String>,
}

/// Memory that a graphics unit computes in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum GpuMemory {
    /// Its own.
    Dedicated {
        /// All of it.
        #[ts(type = "number")]
        total_bytes: u64,
        /// What no program holds; not every system tells.
        #[ts(type = "number | null")]
        free_bytes: Option<u64>,
    },
    /// The main memory.
    Unified {
        /// The most it may take, counting what the firmware has given it for good.
        #[ts(type = "number")]
        budget_bytes: u64,
    },
    /// No source tells.
    Unknown,
}

impl Gpu {
    /// The bytes that a model may take of its memory now: what is free, less [`RESERVE_BYTES`]. Where it shares the main
    /// memory, what is free there bounds it too. `None` where its memory is not known.
    pub fn usable_bytes(&self, memory: &Memory) -> Option<u64> {
        let free = match self.memory {
            GpuMemory::Dedicated {
                total_bytes,
                free_bytes,
            } => free_bytes.unwrap_or(total_bytes),
            GpuMemory::Unified { budget_bytes } => budget_bytes.min(memory.available_bytes),
            GpuMemory::Unknown => return None,
        };
        Some(free.saturating_sub(RESERVE_BYTES))
    }
}

impl GpuMemory {
    /// The same with no program in it.
    pub fn emptied(&self) -> Self {
        match *self {
            Self::Dedicated { total_bytes, .. } => Self::Dedicated {
                total_bytes,
                free_bytes: Some(total_bytes),
            },
            ref other => other.clone(),
        }
    }
}

/// A disk, by the place where it is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// The folder, or the drive's letter.
    pub mount: String,
    /// All of it.
    #[ts(type = "number")]
    pub total_bytes: u64,
    /// What this user may still write.
    #[ts(type = "number")]
    pub free_bytes: u64,
}
