//! How much of a control group's memory is only cached files. sysinfo tells its limit and what is taken, and counts
//! these as taken.

use std::path::{Component, Path, PathBuf};

/// Bytes of files in this process's control group that the kernel drops when the room is needed; 0 where nothing
/// tells. `root` is `/`. Version 1 where memory is there, else version 2.
pub fn cached_file_bytes(root: &Path) -> u64 {
    let Ok(groups) = std::fs::read_to_string(root.join("proc/self/cgroup")) else {
        return 0;
    };
    let mounts = root.join("sys/fs/cgroup");
    // Lines are `hierarchy:controllers:path`; version 2 has no controllers. See cgroups(7).
    let group = |is_it: &dyn Fn(&str) -> bool| {
        groups.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let controllers = parts.next()?;
            let path = parts.next()?;
            is_it(controllers).then_some(path)
        })
    };
    let is_memory = |controllers: &str| controllers.split(',').any(|name| name == "memory");
    let (mount, group, keys) = match group(&is_memory) {
        Some(path) => (
            mounts.join("memory"),
            path,
            ["total_inactive_file", "total_active_file"],
        ),
        None => match group(&str::is_empty) {
            Some(path) => (mounts, path, ["inactive_file", "active_file"]),
            None => return 0,
        },
    };
    let Ok(stat) = std::fs::read_to_string(folder(&mount, group).join("memory.stat")) else {
        return 0;
    };
    let values = stat.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        keys.contains(&key).then(|| value.trim().parse::<u64>().ok())?
    });
    values.fold(0, u64::saturating_add)
}

/// The group's folder below the mount. In a container the path may be the host's, which does not exist here, and what
/// is mounted is the container's own group.
fn folder(mount: &Path, group: &str) -> PathBuf {
    let below: Option<PathBuf> = Path::new(group)
        .components()
        .filter(|part| !matches!(part, Component::RootDir))
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    below
        .map(|below| mount.join(below))
        .filter(|folder| folder.join("memory.stat").is_file())
        .unwrap_or_else(|| mount.to_owned())
}
