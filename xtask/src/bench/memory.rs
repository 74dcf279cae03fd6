//! How much memory another process has taken at most.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Resident memory of a process, beyond what it had when first looked at.
pub struct PeakMemory {
    pid: u32,
    before: u64,
    highest: u64,
}

impl PeakMemory {
    /// Begins with what the process has now.
    pub fn of(pid: u32) -> Self {
        let before = resident(pid);
        Self {
            pid,
            before,
            highest: before,
        }
    }

    /// Looks again. Linux keeps the peak itself; elsewhere only what is seen counts, so look often.
    pub fn look(&mut self) {
        self.highest = self.highest.max(resident(self.pid));
    }

    /// The peak so far, bytes.
    pub fn bytes(&self) -> u64 {
        self.highest - self.before
    }
}

fn resident(pid: u32) -> u64 {
    let peak = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
            .map(|kibibytes| kibibytes * 1024)
    };
    let now = || {
        let pid = Pid::from_u32(pid);
        let mut system = System::new();
        let memory = ProcessRefreshKind::nothing().with_memory();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, memory);
        system.process(pid).map_or(0, sysinfo::Process::memory)
    };
    peak().unwrap_or_else(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_taken_is_seen() {
        let mut memory = PeakMemory::of(std::process::id());
        let taken = vec![1_u8; 200 << 20];
        memory.look();
        assert!(
            memory.bytes() > 100 << 20,
            "{} of {}",
            memory.bytes(),
            taken.len()
        );
    }
}
