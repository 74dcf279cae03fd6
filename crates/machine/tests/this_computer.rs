//! The computer that the tests run on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use hearth_machine::{CpuLevel, Machine, Observed, ThisComputer, look};

#[test]
fn a_look_finds_plausible_numbers() {
    let machine = look();
    assert!(!machine.os.is_empty());
    assert!(!machine.cpu.name.is_empty());
    assert!((1..=machine.cpu.logical_cores).contains(&machine.cpu.physical_cores));
    let threads = std::thread::available_parallelism().unwrap().get();
    assert!(usize::try_from(machine.cpu.logical_cores).unwrap() <= threads);
    let memory = &machine.memory;
    assert!((256 << 20..64 << 40).contains(&memory.total_bytes), "{memory:?}");
    assert!(
        (1..=memory.total_bytes).contains(&memory.available_bytes),
        "{memory:?}"
    );
    assert!(machine.usable_bytes() < memory.available_bytes);
    for disk in &machine.disks {
        assert!(disk.free_bytes <= disk.total_bytes, "{disk:?}");
    }
}

/// What builds Hearth has AVX2 or NEON: its tests run the engine, for which anything less takes minutes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[test]
fn the_processors_instructions_are_found() {
    let cpu = look().cpu;
    assert!(!cpu.features.is_empty());
    assert_ne!(cpu.level, CpuLevel::Baseline);
    assert_eq!(
        cfg!(target_arch = "aarch64"),
        cpu.features.contains(&"neon".to_owned())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_is_what_the_kernel_says() {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .unwrap();
    let kibibytes: u64 = total.trim().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(look().memory.total_bytes, kibibytes * 1024);
}

#[test]
fn what_was_seen_can_be_kept_and_judged_later() {
    let seen = Observed::of(&ThisComputer::new(), "the computer of the tests");
    let json = serde_json::to_string(&seen).unwrap();
    let kept: Observed = serde_json::from_str(&json).unwrap();
    assert_eq!(kept, seen);
    assert_eq!(Machine::from_sources(&kept).cpu, look().cpu);
}
