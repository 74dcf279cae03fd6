//! How much memory this process has held.

/// The most memory that was resident at once since the process started, bytes; 0 when the system does not tell.
#[cfg(target_os = "linux")]
pub fn peak_bytes() -> u64 {
    // Not getrusage: its peak is inherited from the process that started this one.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kibibytes| kibibytes * 1024)
}

/// What is resident now, bytes; 0 when the system does not tell. Asked after every load and reply, when the weights and
/// the cache are there; what a prompt takes in passing is not seen.
#[cfg(not(target_os = "linux"))]
pub fn peak_bytes() -> u64 {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
    let Ok(pid) = get_current_pid() else { return 0 };
    let mut system = System::new();
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, memory);
    system.process(pid).map_or(0, sysinfo::Process::memory)
}
