//! Judges the main memory.

use crate::{CgroupSeen, Memory, MemorySeen, OsSeen};

/// `unified` is left false: the graphics tell.
pub fn judge(os: &OsSeen, seen: &MemorySeen, cgroup: Option<CgroupSeen>) -> Memory {
    let available = if os.family == "macos" {
        // There sysinfo's "available" is XNU's AVAILABLE_NON_COMPRESSED_MEMORY, which counts the pages that running
        // apps are using. "Used" is what Activity Monitor shows; the rest is free, or cached files.
        seen.total_bytes.saturating_sub(seen.used_bytes)
    } else {
        seen.available_bytes
    };
    let cgroup = cgroup.filter(|cgroup| cgroup.limit_bytes < seen.total_bytes);
    let left = cgroup.as_ref().map_or(u64::MAX, |cgroup| {
        // A control group counts the files it has read as taken, so a model just downloaded would seem to fill it.
        // The kernel drops them before it ends a program.
        cgroup
            .free_bytes
            .saturating_add(cgroup.cached_file_bytes)
            .min(cgroup.limit_bytes)
    });
    Memory {
        total_bytes: seen.total_bytes,
        available_bytes: available.min(seen.total_bytes).min(left),
        limit_bytes: cgroup.map(|cgroup| cgroup.limit_bytes),
        unified: false,
    }
}
