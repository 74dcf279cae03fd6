//! Asks the real system.

mod amd;
mod cgroup;
mod instructions;
#[cfg(target_os = "macos")]
mod metal;
#[cfg(not(target_os = "macos"))]
mod nvml;

use std::path::{Path, PathBuf};

use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, Gpus, MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate,
    System,
};

use crate::{
    AmdSeen, CardSeen, CgroupSeen, CpuSeen, DiskSeen, MemorySeen, MetalSeen, NvmlSeen, OsSeen, Sources,
};

/// The computer this runs on. Every question is asked anew, and blocks.
#[derive(Clone, Debug)]
pub struct ThisComputer {
    root: PathBuf,
}

impl ThisComputer {
    /// Asks nothing yet.
    pub fn new() -> Self {
        // Where Linux keeps /proc and /sys; elsewhere there is nothing there, and nothing is found.
        Self {
            root: PathBuf::from("/"),
        }
    }
}

impl Default for ThisComputer {
    fn default() -> Self {
        Self::new()
    }
}

impl Sources for ThisComputer {
    fn os(&self) -> OsSeen {
        let family = std::env::consts::OS;
        let name = match family {
            "linux" => {
                let parts = [System::name().ok(), System::os_version().ok()];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            _ => System::long_os_version().unwrap_or_default(),
        };
        OsSeen {
            family: family.to_owned(),
            name: if name.is_empty() { family.to_owned() } else { name },
            kernel: System::kernel_version().unwrap_or_default(),
        }
    }

    fn cpu(&self) -> CpuSeen {
        let mut name = String::new();
        let mut logical = 0;
        if let Ok(mut system) = System::new() {
            system.refresh_cpu_list(CpuRefreshKind::nothing());
            name = system
                .cpus()
                .first()
                .map(|cpu| cpu.brand().to_owned())
                .unwrap_or_default();
            logical = system.cpus().len();
        }
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        CpuSeen {
            name,
            architecture: std::env::consts::ARCH.to_owned(),
            physical_cores: System::physical_core_count().ok().map(count),
            logical_cores: count(logical),
            usable_threads: std::thread::available_parallelism()
                .ok()
                .map(|threads| count(threads.get())),
            features: instructions::found(),
        }
    }

    fn memory(&self) -> MemorySeen {
        let mut seen = MemorySeen {
            total_bytes: 0,
            available_bytes: 0,
            used_bytes: 0,
        };
        if let Ok(mut system) = System::new() {
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            seen.total_bytes = system.total_memory();
            seen.available_bytes = system.available_memory();
            seen.used_bytes = system.used_memory();
        }
        seen
    }

    fn cgroup(&self) -> Option<CgroupSeen> {
        let mut system = System::new().ok()?;
        let this = sysinfo::get_current_pid().ok()?;
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[this]),
            false,
            ProcessRefreshKind::nothing(),
        );
        // The process' own first: outside of a container the root has no limit, while a session's slice may have one.
        let limits = system
            .process(this)
            .and_then(|process| process.cgroup_limits())
            .or_else(|| system.cgroup_limits())?;
        Some(CgroupSeen {
            limit_bytes: limits.total_memory,
            free_bytes: limits.free_memory,
            cached_file_bytes: cgroup::cached_file_bytes(&self.root),
        })
    }

    fn cards(&self) -> Vec<CardSeen> {
        let Ok(gpus) = Gpus::new_with_refreshed_list() else {
            return Vec::new();
        };
        let cards = gpus.iter().map(|gpu| CardSeen {
            pci: gpu.pci().to_string(),
            vendor: gpu.vendor().map(str::to_owned),
            model: gpu.model().map(str::to_owned),
            total_bytes: gpu.total_memory(),
            used_bytes: gpu.used_memory(),
        });
        cards.collect()
    }

    #[cfg(not(target_os = "macos"))]
    fn nvml(&self) -> Vec<NvmlSeen> {
        nvml::cards()
    }

    #[cfg(target_os = "macos")]
    fn nvml(&self) -> Vec<NvmlSeen> {
        Vec::new()
    }

    #[cfg(target_os = "macos")]
    fn metal(&self) -> Vec<MetalSeen> {
        metal::devices()
    }

    #[cfg(not(target_os = "macos"))]
    fn metal(&self) -> Vec<MetalSeen> {
        Vec::new()
    }

    fn amd(&self) -> Vec<AmdSeen> {
        amd::cards(&self.root.join("sys/class/drm"))
    }

    fn disks(&self) -> Vec<DiskSeen> {
        let storage = DiskRefreshKind::nothing().with_storage();
        let Ok(disks) = Disks::new_with_refreshed_list_specifics(storage) else {
            return Vec::new();
        };
        // A container has single files mounted over its own, each listed as a disk.
        let folders = disks.iter().filter(|disk| disk.mount_point().is_dir());
        let seen = folders.map(|disk| DiskSeen {
            device: device(disk),
            mount: lossy(disk.mount_point()),
            total_bytes: disk.total_space(),
            free_bytes: disk.available_space(),
            read_only: disk.is_read_only(),
        });
        seen.collect()
    }
}

/// On Windows a disk's name is its label, which many share; its id is the volume's serial number.
fn device(disk: &sysinfo::Disk) -> String {
    match disk.id() {
        Some(id) if cfg!(windows) => id.to_string(),
        _ => disk.name().to_string_lossy().into_owned(),
    }
}

fn lossy(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
