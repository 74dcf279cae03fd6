//! What a system tells of a computer, before anything is made of it. All sizes are bytes.

use serde::{Deserialize, Serialize};

/// Who can be asked about a computer. A source that is missing answers with nothing; none of them fails.
pub trait Sources {
    /// The operating system.
    fn os(&self) -> OsSeen;
    /// The processor.
    fn cpu(&self) -> CpuSeen;
    /// The main memory, whatever container this is.
    fn memory(&self) -> MemorySeen;
    /// The limit of this process's control group, where it has one.
    fn cgroup(&self) -> Option<CgroupSeen>;
    /// Graphics cards as the system lists them (sysinfo).
    fn cards(&self) -> Vec<CardSeen>;
    /// NVIDIA's cards as its driver tells of them (NVML).
    fn nvml(&self) -> Vec<NvmlSeen>;
    /// Apple's graphics as Metal tells of them.
    fn metal(&self) -> Vec<MetalSeen>;
    /// AMD's cards as their Linux driver tells of them (sysfs).
    fn amd(&self) -> Vec<AmdSeen>;
    /// File systems.
    fn disks(&self) -> Vec<DiskSeen>;
}

/// The operating system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OsSeen {
    /// [`std::env::consts::OS`]: `linux`, `macos`, `windows`.
    pub family: String,
    /// Its name and version.
    pub name: String,
    /// The kernel's version.
    pub kernel: String,
}

/// The processor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CpuSeen {
    /// As its maker calls it, blanks and all; empty where the system does not know.
    pub name: String,
    /// `x86_64`, `aarch64`.
    pub architecture: String,
    /// Cores of the whole computer, where the system knows.
    pub physical_cores: Option<u32>,
    /// Threads of the whole computer.
    pub logical_cores: u32,
    /// Threads that this process may use: what its affinity and its control group leave it.
    pub usable_threads: Option<u32>,
    /// Instruction sets, by the names that Rust gives them.
    pub features: Vec<String>,
}

/// The main memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MemorySeen {
    /// All that the system sees.
    pub total_bytes: u64,
    /// What the system calls available.
    pub available_bytes: u64,
    /// What the system calls used.
    pub used_bytes: u64,
}

/// A control group's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CgroupSeen {
    /// The tightest limit, its own or that of a group it lies in.
    pub limit_bytes: u64,
    /// What that limit leaves, with cached files counted as taken.
    pub free_bytes: u64,
    /// Files the group has read and the kernel keeps only as long as nobody needs the room.
    pub cached_file_bytes: u64,
}

/// A card as sysinfo lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CardSeen {
    /// Its address on the bus, such as `0000:01:00.0`.
    pub pci: String,
    /// The maker's full name in the list of PCI vendors.
    pub vendor: Option<String>,
    /// As its driver, or the list of PCI devices, calls it.
    pub model: Option<String>,
    /// What the system counts as memory of its own.
    pub total_bytes: Option<u64>,
    /// How much of that is taken; on Windows, and through Vulkan, by this process alone.
    pub used_bytes: Option<u64>,
}

/// A card as NVML tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NvmlSeen {
    /// Its address on the bus, such as `0000:01:00.0`.
    pub pci: Option<String>,
    /// Such as `NVIDIA GeForce RTX 3060`.
    pub name: String,
    /// Its memory.
    pub memory: NvmlMemory,
    /// What CUDA tells it from others by, such as `GPU-6e1d…`.
    #[serde(default)]
    pub id: Option<String>,
}

/// What NVML says of a card's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum NvmlMemory {
    /// So much.
    Known {
        /// All of it.
        total_bytes: u64,
        /// What no program holds.
        free_bytes: u64,
    },
    /// `NVML_ERROR_NOT_SUPPORTED`: there is none to tell of.
    NotSupported,
    /// Any other error: lost, partitioned, or an older driver.
    Failed,
}

/// A graphics unit as Metal tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetalSeen {
    /// Such as `Apple M2`.
    pub name: String,
    /// `hasUnifiedMemory`.
    pub unified: bool,
    /// `recommendedMaxWorkingSetSize`.
    pub recommended_bytes: u64,
}

/// A card as the amdgpu driver tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AmdSeen {
    /// Its address on the bus, such as `0000:c5:00.0`.
    pub pci: String,
    /// `product_name`; few cards have one.
    pub name: Option<String>,
    /// `mem_info_vram_total`: its own, or what the firmware took from the main memory for it.
    pub vram_total_bytes: Option<u64>,
    /// `mem_info_vram_used`.
    pub vram_used_bytes: Option<u64>,
    /// `mem_info_gtt_total`: how much of the main memory it may map.
    pub gtt_total_bytes: Option<u64>,
    /// The format of `gpu_metrics`: 1 for cards, 2 and 3 for graphics inside a processor.
    pub metrics_format: Option<u8>,
}

/// A file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskSeen {
    /// What it lies on; the same for two mounts of one file system.
    pub device: String,
    /// Where it is mounted.
    pub mount: String,
    /// All of it.
    pub total_bytes: u64,
    /// What this user may still write.
    pub free_bytes: u64,
    /// Nothing can be written.
    pub read_only: bool,
}
