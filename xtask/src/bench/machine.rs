//! The machine that a measurement was made on.

use std::env;
use std::fmt;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What a reader needs to compare two machines' numbers.
#[derive(Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's own name, or the architecture where it gives none.
    cpu: String,
    /// Cores, not hardware threads; zero where the system does not say.
    physical_cores: usize,
    /// Installed memory, bytes.
    memory: u64,
    /// The operating system and the architecture.
    os: String,
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu,
            physical_cores,
            memory,
            os,
        } = self;
        let gibibytes = *memory as f64 / f64::from(1 << 30);
        write!(f, "{cpu}, {physical_cores} cores, {gibibytes:.0} GiB, {os}")
    }
}

/// Asks this system what it is.
pub fn describe() -> Machine {
    let wanted = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(wanted);
    let name = system.cpus().first().map_or("", |cpu| cpu.brand()).trim();
    Machine {
        cpu: if name.is_empty() {
            env::consts::ARCH.to_owned()
        } else {
            name.to_owned()
        },
        physical_cores: System::physical_core_count().unwrap_or(0),
        memory: system.total_memory(),
        os: format!("{} {}", env::consts::OS, env::consts::ARCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_name_a_core_and_memory() {
        let machine = describe();
        assert!(
            !machine.cpu.is_empty() && machine.physical_cores > 0 && machine.memory > 0,
            "{machine:?}"
        );
    }

    #[test]
    fn a_table_names_it_in_one_line() {
        let machine = Machine {
            cpu: "Quick CPU".into(),
            physical_cores: 2,
            memory: 24 << 30,
            os: "linux x86_64".into(),
        };
        assert_eq!(machine.to_string(), "Quick CPU, 2 cores, 24 GiB, linux x86_64");
    }
}
