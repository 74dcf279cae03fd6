//! A computer's answers, kept.

use serde::{Deserialize, Serialize};

use crate::{
    AmdSeen, CardSeen, CgroupSeen, CpuSeen, DiskSeen, MemorySeen, MetalSeen, NvmlSeen, OsSeen, Sources,
};

/// What the sources of one computer said at one moment: a fixture, or what someone sends with a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Observed {
    /// Which computer, and where its numbers are from.
    #[serde(default)]
    pub about: String,
    /// [`Sources::os`].
    pub os: OsSeen,
    /// [`Sources::cpu`].
    pub cpu: CpuSeen,
    /// [`Sources::memory`].
    pub memory: MemorySeen,
    /// [`Sources::cgroup`].
    #[serde(default)]
    pub cgroup: Option<CgroupSeen>,
    /// [`Sources::cards`].
    #[serde(default)]
    pub cards: Vec<CardSeen>,
    /// [`Sources::nvml`].
    #[serde(default)]
    pub nvml: Vec<NvmlSeen>,
    /// [`Sources::metal`].
    #[serde(default)]
    pub metal: Vec<MetalSeen>,
    /// [`Sources::amd`].
    #[serde(default)]
    pub amd: Vec<AmdSeen>,
    /// [`Sources::disks`].
    #[serde(default)]
    pub disks: Vec<DiskSeen>,
}

impl Observed {
    /// Asks every source once.
    pub fn of(sources: &impl Sources, about: &str) -> Self {
        Self {
            about: about.to_owned(),
            os: sources.os(),
            cpu: sources.cpu(),
            memory: sources.memory(),
            cgroup: sources.cgroup(),
            cards: sources.cards(),
            nvml: sources.nvml(),
            metal: sources.metal(),
            amd: sources.amd(),
            disks: sources.disks(),
        }
    }
}

impl Sources for Observed {
    fn os(&self) -> OsSeen {
        self.os.clone()
    }

    fn cpu(&self) -> CpuSeen {
        self.cpu.clone()
    }

    fn memory(&self) -> MemorySeen {
        self.memory.clone()
    }

    fn cgroup(&self) -> Option<CgroupSeen> {
        self.cgroup.clone()
    }

    fn cards(&self) -> Vec<CardSeen> {
        self.cards.clone()
    }

    fn nvml(&self) -> Vec<NvmlSeen> {
        self.nvml.clone()
    }

    fn metal(&self) -> Vec<MetalSeen> {
        self.metal.clone()
    }

    fn amd(&self) -> Vec<AmdSeen> {
        self.amd.clone()
    }

    fn disks(&self) -> Vec<DiskSeen> {
        self.disks.clone()
    }
}
