//! How far a load is. mistral.rs does not say, so the bytes that this process has read are held against the files'.

use std::path::PathBuf;
use std::time::Duration;

use hearth_engine::protocol::{Event, RequestId};

use crate::connection::Outbox;
use crate::memory;

const EVERY: Duration = Duration::from_millis(100);
/// What is left for repacking weights and the first run, after the last byte is read.
const ALL_READ: f32 = 0.95;

/// Reports until it is dropped.
pub struct Progress(tokio::task::JoinHandle<()>);

impl Progress {
    /// Starts reporting the load of these files.
    pub fn report(id: RequestId, files: &[PathBuf], outbox: Outbox) -> Self {
        let size = |path| std::fs::metadata(path).map_or(0, |file| file.len());
        let size = files.iter().map(size).sum::<u64>().max(1);
        let start = bytes_read();
        Self(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            let mut told = -1.0;
            loop {
                ticks.tick().await;
                memory::note();
                let read = bytes_read().saturating_sub(start);
                let fraction = (read as f32 / size as f32).min(1.0) * ALL_READ;
                if fraction - told >= 0.005 {
                    told = fraction;
                    outbox.send(Event::Loading { id, fraction });
                }
            }
        }))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Bytes this process has read so far, from the page cache as well, and those of mapped files.
#[cfg(target_os = "linux")]
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let read: u64 = io
        .lines()
        .find_map(|line| line.strip_prefix("rchar: ")?.parse().ok())
        .unwrap_or(0);
    read.saturating_add(memory::mapped_bytes())
}

/// Bytes this process has read so far: from the disk on macOS, where a file in the page cache loads too quickly for
/// progress to matter; from anywhere on Windows.
#[cfg(not(target_os = "linux"))]
fn bytes_read() -> u64 {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
    let Ok(pid) = get_current_pid() else { return 0 };
    let mut system = System::new();
    let disk = ProcessRefreshKind::nothing().with_disk_usage();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, disk);
    system
        .process(pid)
        .map_or(0, |process| process.disk_usage().total_read_bytes)
}
