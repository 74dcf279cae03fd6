//! What Hearth makes of each computer in `fixtures/`, in words, under `snapshots/`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fmt::Write;

use hearth_machine::{GpuMemory, Machine, fixtures};

fn gib(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
    let gib = bytes as f64 / f64::from(1 << 30);
    format!("{gib:.2} GiB")
}

fn in_words(machine: &Machine) -> String {
    let Machine { cpu, memory, .. } = machine;
    let mut text = format!("{}\n", machine.os);
    let (cores, threads) = (cpu.physical_cores, cpu.logical_cores);
    writeln!(
        text,
        "{}: {cores} cores, {threads} threads, {:?}",
        cpu.name, cpu.level
    )
    .unwrap();
    let limit = memory.limit_bytes.map(|limit| format!(" (limit {})", gib(limit)));
    writeln!(
        text,
        "memory: {}{}, {} available, {} usable, {}",
        gib(memory.total_bytes),
        limit.unwrap_or_default(),
        gib(memory.available_bytes),
        gib(machine.usable_bytes()),
        if memory.unified {
            "shared with graphics"
        } else {
            "the processor's alone"
        },
    )
    .unwrap();
    for gpu in &machine.gpus {
        let memory = match &gpu.memory {
            GpuMemory::Dedicated {
                total_bytes,
                free_bytes,
            } => {
                let free = free_bytes.map_or("free unknown".to_owned(), |free| format!("{} free", gib(free)));
                format!("{} of its own, {free}", gib(*total_bytes))
            }
            GpuMemory::Unified { budget_bytes } => format!("shares up to {}", gib(*budget_bytes)),
            GpuMemory::Unknown => "memory unknown".to_owned(),
        };
        writeln!(text, "{} ({}): {memory}", gpu.name, gpu.vendor).unwrap();
    }
    for disk in &machine.disks {
        writeln!(
            text,
            "disk {}: {} of {} free",
            disk.mount,
            gib(disk.free_bytes),
            gib(disk.total_bytes)
        )
        .unwrap();
    }
    text
}

#[test]
fn each_computer_in_words() {
    for (name, machine) in fixtures() {
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, in_words(&machine));
        });
    }
}

#[test]
fn every_file_is_a_fixture() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, fixtures().into_keys().collect::<Vec<_>>());
}

#[test]
fn a_machine_survives_being_written_and_read() {
    for (name, machine) in fixtures() {
        let json = serde_json::to_string(&machine).unwrap();
        assert_eq!(serde_json::from_str::<Machine>(&json).unwrap(), machine, "{name}");
    }
}

#[test]
fn nothing_is_promised_that_is_not_there() {
    for (name, machine) in fixtures() {
        let memory = &machine.memory;
        assert!(memory.available_bytes <= memory.total_bytes, "{name}");
        assert!(
            memory.available_bytes <= memory.limit_bytes.unwrap_or(u64::MAX),
            "{name}"
        );
        assert!(machine.usable_bytes() < memory.available_bytes, "{name}");
        assert!(
            (1..=machine.cpu.logical_cores).contains(&machine.cpu.physical_cores),
            "{name}"
        );
        assert!(
            machine
                .disks
                .iter()
                .all(|disk| disk.free_bytes <= disk.total_bytes),
            "{name}"
        );
        assert!(!machine.disks.is_empty(), "{name}");
    }
}
