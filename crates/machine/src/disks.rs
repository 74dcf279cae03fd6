//! Judges which disks are worth naming.

use crate::{Disk, DiskSeen};

/// Smaller file systems are boot partitions and the like, in bytes; no model worth having fits there.
const SMALLEST: u64 = 1 << 30;

/// One file system may be mounted in many places (subvolumes, containers, macOS's system and data volumes): the
/// shortest of its paths stands for all.
pub fn judge(mut seen: Vec<DiskSeen>) -> Vec<Disk> {
    seen.retain(|disk| !disk.read_only && disk.total_bytes >= SMALLEST);
    seen.sort_by(|a, b| (a.mount.len(), &a.mount).cmp(&(b.mount.len(), &b.mount)));
    let mut kept: Vec<DiskSeen> = Vec::new();
    for disk in seen {
        let same = |other: &DiskSeen| other.device == disk.device && other.total_bytes == disk.total_bytes;
        if !kept.iter().any(same) {
            kept.push(disk);
        }
    }
    let disks = kept.into_iter().map(|disk| Disk {
        mount: disk.mount,
        total_bytes: disk.total_bytes,
        free_bytes: disk.free_bytes.min(disk.total_bytes),
    });
    disks.collect()
}
