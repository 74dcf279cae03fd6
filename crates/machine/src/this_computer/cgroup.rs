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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A root with this process in the given groups, and `memory.stat` in the folders given.
    fn root(groups: &str, stats: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::write(root.path().join("proc/self/cgroup"), groups).unwrap();
        for (folder, stat) in stats {
            let folder = root.path().join("sys/fs/cgroup").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("memory.stat"), stat).unwrap();
        }
        root
    }

    const STAT: &str = "anon 100\nfile 9000\nshmem 2000\ninactive_file 3000\nactive_file 4000\nslab 5\n";

    #[test]
    fn version_2_of_a_session_and_of_a_container() {
        let session = root(
            "0::/user.slice/app.scope\n",
            &[("user.slice/app.scope", STAT), ("", "active_file 1")],
        );
        assert_eq!(cached_file_bytes(session.path()), 7000);
        let container = root("0::/\n", &[("", STAT)]);
        assert_eq!(cached_file_bytes(container.path()), 7000);
    }

    #[test]
    fn version_1_counts_the_groups_below_too_and_a_containers_path_is_the_hosts() {
        let stat = "active_file 1\ntotal_inactive_file 30\ntotal_active_file 40\n";
        let groups = "9:name=systemd:/\n4:cpu,memory:/docker/0123\n0::/elsewhere\n";
        let host = root(groups, &[("memory/docker/0123", stat), ("elsewhere", STAT)]);
        assert_eq!(cached_file_bytes(host.path()), 70);
        let container = root(groups, &[("memory", stat)]);
        assert_eq!(cached_file_bytes(container.path()), 70);
    }

    #[test]
    fn nonsense_counts_nothing() {
        assert_eq!(cached_file_bytes(Path::new("/not/there")), 0);
        for groups in ["", "\n::\n", "0::", "memory", "0::/a\u{0}b", "0::/../../etc"] {
            assert_eq!(cached_file_bytes(root(groups, &[]).path()), 0, "{groups:?}");
        }
        let stat = "active_file\ninactive_file -5\nactive_file 99999999999999999999\n\u{0}";
        assert_eq!(cached_file_bytes(root("0::/", &[("", stat)]).path()), 0);
        let most = format!("active_file {0}\ninactive_file {0}", u64::MAX);
        assert_eq!(cached_file_bytes(root("0::/", &[("", &most)]).path()), u64::MAX);
        // Groups above the mount are not this process's.
        let above = root("0::/../other", &[("", "active_file 5"), ("../other", STAT)]);
        assert_eq!(cached_file_bytes(above.path()), 5);
    }
}
