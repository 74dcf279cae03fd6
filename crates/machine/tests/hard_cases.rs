//! The computers that are easy to get wrong, each by name.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use hearth_machine::{
    AmdSeen, CardSeen, CgroupSeen, CpuSeen, DiskSeen, GpuMemory, Machine, MemorySeen, NvmlMemory, NvmlSeen,
    Observed, OsSeen, RESERVE_BYTES, fixtures,
};

const GIB: u64 = 1 << 30;

fn observed(name: &str) -> Observed {
    let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn machine(name: &str) -> Machine {
    fixtures().remove(name).unwrap()
}

fn dedicated(total_bytes: u64, free_bytes: Option<u64>) -> GpuMemory {
    GpuMemory::Dedicated {
        total_bytes,
        free_bytes,
    }
}

fn unified(budget_bytes: u64) -> GpuMemory {
    GpuMemory::Unified { budget_bytes }
}

#[test]
fn a_card_told_of_by_nvml_and_by_sysinfo_is_one_card() {
    let machine = machine("rtx-3060");
    assert_eq!(machine.gpus.len(), 1);
    assert_eq!(machine.gpus[0].memory, dedicated(12 * GIB, Some(11_670 << 20)));
    assert!(!machine.memory.unified);
}

#[test]
fn two_equal_cards_are_two() {
    let mut seen = observed("rtx-3060");
    let mut second = seen.nvml[0].clone();
    second.pci = Some("0000:02:00.0".to_owned());
    seen.nvml.push(second);
    assert_eq!(Machine::from_sources(&seen).gpus.len(), 2);
}

#[test]
fn on_windows_the_bus_has_no_domain() {
    let mut seen = observed("rtx-4090");
    seen.nvml[0].pci = Some("0001:01:00.0".to_owned());
    assert_eq!(Machine::from_sources(&seen), machine("rtx-4090"));
    // On Linux two domains are two buses.
    seen.os.family = "linux".to_owned();
    let names: Vec<String> = Machine::from_sources(&seen)
        .gpus
        .into_iter()
        .map(|gpu| gpu.name)
        .collect();
    assert_eq!(names.iter().filter(|name| name.ends_with("4090")).count(), 2);
}

#[test]
fn the_card_with_memory_of_its_own_comes_first_and_windows_free_memory_is_nvmls() {
    let machine = machine("rtx-4090");
    assert_eq!(
        machine.gpus[0].memory,
        dedicated(24_564 << 20, Some(22_790 << 20))
    );
    // Windows shows 128 MB for the second; it is lent half of the main memory.
    assert_eq!(machine.gpus[1].memory, unified(machine.memory.total_bytes / 2));
}

#[test]
fn wsl2_without_a_drm_card_has_its_card() {
    let machine = machine("wsl2");
    assert_eq!(machine.os, "Ubuntu 24.04 (WSL)");
    assert_eq!(machine.gpus.len(), 1);
    assert_eq!(machine.gpus[0].name, "NVIDIA GeForce RTX 4070 Laptop GPU");
}

#[test]
fn a_container_has_what_its_limit_leaves_it() {
    let machine = machine("container-4gb");
    assert_eq!(machine.memory.limit_bytes, Some(4 * GIB));
    // 192 MiB that nobody has touched, and 3 GiB of a downloaded file that the kernel would drop.
    assert_eq!(machine.memory.available_bytes, (192 << 20) + 3 * GIB);
    assert_eq!(machine.usable_bytes(), (192 << 20) + 3 * GIB - RESERVE_BYTES);
    assert_eq!((machine.cpu.physical_cores, machine.cpu.logical_cores), (2, 2));
    // A server's remote console is no graphics card.
    assert!(machine.gpus.is_empty());
}

#[test]
fn a_limit_above_the_memory_limits_nothing() {
    let mut seen = observed("container-4gb");
    seen.cgroup = Some(CgroupSeen {
        limit_bytes: 128 * GIB,
        free_bytes: GIB,
        cached_file_bytes: 0,
    });
    let memory = Machine::from_sources(&seen).memory;
    assert_eq!(
        (memory.limit_bytes, memory.available_bytes),
        (None, seen.memory.available_bytes)
    );
}

#[test]
fn a_mac_is_unified_and_what_its_apps_use_is_not_available() {
    let machine = machine("macbook-air-16gb");
    assert_eq!(machine.gpus[0].memory, unified(11_453_251_584));
    assert_eq!(machine.gpus.len(), 1);
    assert!(machine.memory.unified);
    let seen = observed("macbook-air-16gb").memory;
    assert_eq!(machine.memory.available_bytes, seen.total_bytes - seen.used_bytes);
    assert!(machine.memory.available_bytes < seen.available_bytes);
    // The sealed system volume cannot be written; the data volume beside it can.
    assert_eq!(machine.disks[0].mount, "/System/Volumes/Data");
}

#[test]
fn strix_halo_shares_what_its_driver_may_map() {
    let gpus = machine("strix-halo-128gb").gpus;
    assert_eq!(gpus[0].name, "Radeon 8060S");
    assert_eq!(gpus[0].memory, unified(100 * GIB));
}

#[test]
fn a_gtt_larger_than_the_memory_promises_only_the_memory() {
    let machine = machine("strix-halo-carve-out");
    assert_eq!(
        machine.gpus[0].memory,
        unified(96 * GIB + machine.memory.total_bytes)
    );
    assert!(machine.usable_bytes() < 32 * GIB);
}

#[test]
fn what_the_firmware_hides_from_windows_is_the_graphics_alone() {
    let machine = machine("strix-halo-windows");
    assert_eq!(
        machine.gpus[0].memory,
        unified(64 * GIB + machine.memory.total_bytes / 2)
    );
    assert!(machine.memory.unified);
    assert!(machine.usable_bytes() < 64 * GIB);
}

#[test]
fn an_amd_driver_without_gpu_metrics_is_judged_by_size() {
    let mut seen = observed("rx-7900-xtx");
    for card in &mut seen.amd {
        card.metrics_format = None;
    }
    assert_eq!(Machine::from_sources(&seen), machine("rx-7900-xtx"));
    assert!(matches!(
        machine("rx-7900-xtx").gpus[0].memory,
        GpuMemory::Dedicated { .. }
    ));
    assert!(matches!(
        machine("rx-7900-xtx").gpus[1].memory,
        GpuMemory::Unified { .. }
    ));
}

#[test]
fn nvidia_processors_share_the_memory_whatever_nvml_says_of_it() {
    let spark = machine("dgx-spark");
    assert_eq!(spark.gpus[0].memory, unified(spark.memory.total_bytes / 4 * 3));
    assert_eq!(spark.gpus.len(), 1);
    let mut seen = observed("dgx-spark");
    seen.nvml[0].memory = NvmlMemory::Known {
        total_bytes: seen.memory.total_bytes,
        free_bytes: seen.memory.available_bytes,
    };
    assert_eq!(Machine::from_sources(&seen), spark);
}

#[test]
fn a_card_that_nvml_cannot_read_is_not_taken_for_a_shared_one() {
    let mut seen = observed("rtx-3060");
    seen.nvml[0].memory = NvmlMemory::Failed;
    // sysinfo asks an older function, whose answer does.
    assert_eq!(
        Machine::from_sources(&seen).gpus[0].memory,
        dedicated(12 * GIB, Some(11_670 << 20))
    );
    seen.cards.clear();
    let machine = Machine::from_sources(&seen);
    assert_eq!(machine.gpus[0].memory, GpuMemory::Unknown);
    assert!(!machine.memory.unified);
}

#[test]
fn sources_that_know_nothing_or_lie_are_survived() {
    let mut seen = Observed {
        about: String::new(),
        os: OsSeen {
            family: "linux".to_owned(),
            name: String::new(),
            kernel: String::new(),
        },
        cpu: CpuSeen {
            name: " \t ".to_owned(),
            architecture: "riscv64".to_owned(),
            physical_cores: None,
            logical_cores: 0,
            usable_threads: None,
            features: Vec::new(),
        },
        memory: MemorySeen {
            total_bytes: 0,
            available_bytes: 0,
            used_bytes: 0,
        },
        cgroup: None,
        cards: Vec::new(),
        nvml: Vec::new(),
        metal: Vec::new(),
        amd: Vec::new(),
        disks: Vec::new(),
    };
    let machine = Machine::from_sources(&seen);
    assert_eq!(machine.usable_bytes(), 0);
    assert_eq!(
        (machine.cpu.name.as_str(), machine.cpu.physical_cores),
        ("riscv64", 1)
    );

    let most = u64::MAX;
    for family in ["linux", "macos", "windows"] {
        seen.os.family = family.to_owned();
        seen.cpu.physical_cores = Some(u32::MAX);
        seen.cpu.usable_threads = Some(0);
        seen.memory = MemorySeen {
            total_bytes: 16 * GIB,
            available_bytes: most,
            used_bytes: most,
        };
        seen.cgroup = Some(CgroupSeen {
            limit_bytes: GIB,
            free_bytes: most,
            cached_file_bytes: most,
        });
        let card = |pci: &str, vendor: &str| CardSeen {
            pci: pci.to_owned(),
            vendor: Some(vendor.to_owned()),
            model: Some("] [".to_owned()),
            total_bytes: Some(most),
            used_bytes: Some(most),
        };
        seen.cards = vec![
            card("", "NVIDIA Corporation"),
            card("::", "Intel Corporation"),
            card("é:é", "AMD"),
        ];
        seen.nvml = vec![NvmlSeen {
            pci: None,
            name: String::new(),
            memory: NvmlMemory::Known {
                total_bytes: 1,
                free_bytes: most,
            },
            id: Some(String::new()),
        }];
        seen.amd = vec![AmdSeen {
            pci: String::new(),
            name: None,
            vram_total_bytes: Some(most),
            vram_used_bytes: Some(most),
            gtt_total_bytes: Some(most),
            metrics_format: Some(2),
        }];
        seen.disks = vec![DiskSeen {
            device: String::new(),
            mount: String::new(),
            total_bytes: 2 * GIB,
            free_bytes: most,
            read_only: false,
        }];
        let machine = Machine::from_sources(&seen);
        assert!(machine.memory.available_bytes <= GIB, "{family}");
        assert_eq!(machine.disks[0].free_bytes, 2 * GIB);
        assert!(machine.gpus.iter().all(|gpu| !gpu.name.is_empty()));
        assert!(machine.gpus.iter().any(|gpu| gpu.memory == dedicated(1, Some(1))));
    }
}
