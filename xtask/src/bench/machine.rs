//! The machine that a measurement was made on.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::command;

/// What a reader needs to compare two machines' numbers.
#[derive(Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's own name, or the architecture where it gives none.
    cpu: String,
    /// Cores, not hardware threads.
    physical_cores: usize,
    /// Installed memory, bytes.
    memory: u64,
    /// The operating system and the architecture.
    os: String,
}

/// Asks this system what it is; what it will not say is zero or the architecture's name.
pub fn describe() -> Machine {
    let (cpu, physical_cores, memory) = if cfg!(target_os = "linux") {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        (linux_cpu(&cpuinfo), linux_cores(&cpuinfo), linux_memory(&meminfo))
    } else if cfg!(target_os = "macos") {
        let ask = |name: &str| command::read(Command::new("sysctl").args(["-n", name])).unwrap_or_default();
        (ask("machdep.cpu.brand_string"), number(&ask("hw.physicalcpu")), number(&ask("hw.memsize")))
    } else {
        let ask = |question: &str| {
            let mut shell = Command::new("powershell");
            command::read(shell.args(["-NoProfile", "-Command", question])).unwrap_or_default()
        };
        (
            ask("(Get-CimInstance Win32_Processor | Select-Object -First 1).Name"),
            number(&ask("(Get-CimInstance Win32_Processor | Measure-Object NumberOfCores -Sum).Sum")),
            number(&ask("(Get-CimInstance Win32_ComputerSystem).TotalPhysicalMemory")),
        )
    };
    let cpu = if cpu.trim().is_empty() { env::consts::ARCH.to_owned() } else { cpu.trim().to_owned() };
    Machine { cpu, physical_cores, memory, os: format!("{} {}", env::consts::OS, env::consts::ARCH) }
}

fn number<T: std::str::FromStr + Default>(text: &str) -> T {
    text.trim().parse().unwrap_or_default()
}

fn linux_cpu(cpuinfo: &str) -> String {
    values(cpuinfo, "model name").next().unwrap_or_default().to_owned()
}

/// Distinct (package, core) pairs; where the kernel names no cores (ARM, some virtual machines),
/// every processor counts.
fn linux_cores(cpuinfo: &str) -> usize {
    let cores: BTreeSet<_> = values(cpuinfo, "physical id").zip(values(cpuinfo, "core id")).collect();
    if cores.is_empty() { values(cpuinfo, "processor").count() } else { cores.len() }
}

fn linux_memory(meminfo: &str) -> u64 {
    let kibibytes = values(meminfo, "MemTotal").next().unwrap_or_default();
    number::<u64>(kibibytes.trim_end_matches(" kB")) * 1024
}

/// The values of every line `key : value`.
fn values<'a>(text: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_THREADS_ONE_CORE: &str = "processor\t: 0\nmodel name\t: Quick CPU\nphysical id\t: 0\ncore id\t\t: 0\n\
        \nprocessor\t: 1\nmodel name\t: Quick CPU\nphysical id\t: 0\ncore id\t\t: 0\n";

    #[test]
    fn hardware_threads_of_one_core_count_once() {
        assert_eq!(linux_cpu(TWO_THREADS_ONE_CORE), "Quick CPU");
        assert_eq!(linux_cores(TWO_THREADS_ONE_CORE), 1);
        assert_eq!(linux_cores("processor : 0\nprocessor : 1\n"), 2);
    }

    #[test]
    fn memory_is_in_bytes() {
        assert_eq!(linux_memory("MemTotal:       24000000 kB\nMemFree: 1 kB\n"), 24_000_000 * 1024);
    }

    #[test]
    fn this_machine_has_a_core_and_memory() {
        let machine = describe();
        assert!(machine.physical_cores > 0 && machine.memory > 0, "{machine:?}");
    }
}
