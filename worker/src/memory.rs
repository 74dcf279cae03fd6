//! How much memory this process has held, and what of it can be given back.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU64, Ordering};

/// The most that was the process's own while files were mapped.
#[cfg(target_os = "linux")]
static OWN_PEAK: AtomicU64 = AtomicU64::new(0);

/// The most memory that was resident at once since the process started, bytes; 0 when the system does not tell.
#[cfg(target_os = "linux")]
pub fn peak_bytes() -> u64 {
    // Not getrusage: its peak is inherited from the process that started this one.
    status("VmHWM:").max(OWN_PEAK.load(Ordering::Relaxed))
}

/// Notes what is the process's own just now. Pages of mapped files are resident too, and the system takes them back when
/// somebody else needs the memory.
#[cfg(target_os = "linux")]
pub fn note() {
    OWN_PEAK.fetch_max(status("RssAnon:"), Ordering::Relaxed);
}

/// From here on the peak is that of what is resident from now on, and of what was noted.
#[cfg(target_os = "linux")]
pub fn forget_mapped() {
    note();
    // Resets the high-water mark: https://docs.kernel.org/filesystems/proc.html. Where it may not, the peak is too high.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Bytes of mapped files that are resident.
#[cfg(target_os = "linux")]
pub fn mapped_bytes() -> u64 {
    status("RssFile:")
}

#[cfg(target_os = "linux")]
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .trim()
                .strip_suffix(" kB")?
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kibibytes| kibibytes * 1024)
}

/// Gives the system back what is free in the heap. glibc keeps it, but for the heap's end, and a cache that grows does not find
/// room in what the shorter one before it took.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "a call of the C library's")]
pub fn give_back() {
    // SAFETY: it may be called at any time, by any thread.
    unsafe { libc::malloc_trim(0) };
}

/// Elsewhere blocks of this size are the system's own.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

/// Other systems tell what is resident now, which after a load has no mapped files in it.
#[cfg(not(target_os = "linux"))]
pub fn note() {}

/// As [`note`].
#[cfg(not(target_os = "linux"))]
pub fn forget_mapped() {}

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
