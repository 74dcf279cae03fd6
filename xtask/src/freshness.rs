//! Keeps cargo right about what is fresh when several clones share one target folder.
//!
//! Cargo names the artefacts of a workspace's own packages by their path *relative* to the
//! workspace, and takes them as fresh when they are newer than the sources. In a shared target
//! folder both halves go wrong: a fresh clone's shims are newer than the cached build, so cargo
//! would compile mistral.rs again for nothing; and an older clone's sources are older than what
//! another clone has built since, so cargo would run the other clone's code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::project::Project;
use crate::{fingerprint, patches};

/// What mistral.rs is compiled against from this repository: its content decides, not its age.
const UNDER_THE_ENGINE: [&str; 5] = [
    "worker/activation",
    "worker/attention",
    "worker/patched",
    "worker/pool",
    "worker/shims",
];

/// The rest of what cargo compiles. Cheap to build, and it may bake its own folder's path in, so
/// it is built again whenever another clone had the target folder last.
const OWN_SOURCES: [&str; 9] = [
    "crates",
    "src-tauri",
    "tests",
    "worker/matmul",
    "worker/quantise",
    "worker/speculation",
    "worker/src",
    "worker/tests",
    "xtask",
];

const SKIPPED_FOLDERS: [&str; 3] = ["target", "node_modules", "gen"];

/// What the target folder remembers of the last build in it.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct Stamp {
    /// The clone that built last.
    root: PathBuf,
    /// By folder.
    under_the_engine: BTreeMap<String, Sources>,
}

/// The files of a folder under the engine.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Sources {
    /// The hash over them.
    hash: String,
    /// Their modification time, nanoseconds since 1970: older than anything built from them.
    time: u64,
}

/// Patches what is to be patched, then sets the sources' file times so that cargo's judgement is right. To be called
/// under the project's build lock, before every build.
pub fn settle(project: &Project) -> Result<()> {
    patches::apply(project)?;
    settle_at(project, SystemTime::now())
}

fn settle_at(project: &Project, now: SystemTime) -> Result<()> {
    let path = project.target.join("hearth-sources.json");
    let stamp = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok());

    let mut under_the_engine = BTreeMap::new();
    for folder in UNDER_THE_ENGINE {
        let files = fingerprint::files(&project.root.join(folder), &SKIPPED_FOLDERS)?;
        let hash = fingerprint::hash(&project.root, &files)?;
        let built = stamp.as_ref().map(|stamp| stamp.under_the_engine.get(folder));
        let time = match built {
            Some(Some(built)) if built.hash == hash => UNIX_EPOCH + Duration::from_nanos(built.time),
            Some(_) => now,
            // Whatever is in the target folder was built by plain cargo, whose own judgement then holds.
            None => newest(&files)?.unwrap_or(now),
        };
        for file in &files {
            set_time(file, time)?;
        }
        let time = nanoseconds(time)?;
        under_the_engine.insert(folder.to_owned(), Sources { hash, time });
    }

    if stamp.is_some_and(|stamp| stamp.root != project.root) {
        for folder in OWN_SOURCES {
            for file in fingerprint::files(&project.root.join(folder), &SKIPPED_FOLDERS)? {
                if file.extension().is_some_and(|extension| extension == "rs") {
                    set_time(&file, now)?;
                }
            }
        }
    }

    // Written before the build, not after: should the build fail half way, these times still tell
    // which of its artefacts were made from these contents.
    let stamp = Stamp {
        root: project.root.clone(),
        under_the_engine,
    };
    fs::write(&path, serde_json::to_vec_pretty(&stamp)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn newest(files: &[PathBuf]) -> Result<Option<SystemTime>> {
    let mut newest = None;
    for file in files {
        newest = newest.max(Some(modified(file)?));
    }
    Ok(newest)
}

fn modified(file: &Path) -> Result<SystemTime> {
    fs::metadata(file)
        .and_then(|metadata| metadata.modified())
        .with_context(|| format!("cannot read the time of {}", file.display()))
}

fn set_time(file: &Path, time: SystemTime) -> Result<()> {
    if modified(file)? == time {
        return Ok(());
    }
    File::options()
        .append(true)
        .open(file)
        .and_then(|open| open.set_modified(time))
        .with_context(|| format!("cannot set the time of {}", file.display()))
}

fn nanoseconds(time: SystemTime) -> Result<u64> {
    Ok(u64::try_from(time.duration_since(UNIX_EPOCH)?.as_nanos())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole seconds, which every file system can keep.
    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    struct Clones {
        folder: tempfile::TempDir,
    }

    impl Clones {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
            }
        }

        /// A clone made at the given time, sharing the target folder with the others.
        fn make(&self, name: &str, shim: &str, time: SystemTime) -> Project {
            let root = self.folder.path().join(name);
            let target = self.folder.path().join("target");
            fs::create_dir_all(&target).unwrap();
            for (file, text) in [("worker/shims/a/lib.rs", shim), ("crates/x/src/lib.rs", "")] {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, text).unwrap();
                set_time(&path, time).unwrap();
            }
            Project { root, target }
        }
    }

    fn shim_time(project: &Project) -> SystemTime {
        modified(&project.root.join("worker/shims/a/lib.rs")).unwrap()
    }

    fn source_time(project: &Project) -> SystemTime {
        modified(&project.root.join("crates/x/src/lib.rs")).unwrap()
    }

    #[test]
    fn the_first_build_leaves_times_alone() {
        let clones = Clones::new();
        let project = clones.make("one", "shim", at(100));
        settle_at(&project, at(500)).unwrap();
        assert_eq!((shim_time(&project), source_time(&project)), (at(100), at(100)));
    }

    #[test]
    fn a_later_clone_with_the_same_shims_takes_the_time_they_were_built_from() {
        let clones = Clones::new();
        settle_at(&clones.make("one", "shim", at(100)), at(200)).unwrap();
        let later = clones.make("two", "shim", at(900));
        settle_at(&later, at(1000)).unwrap();
        assert_eq!(shim_time(&later), at(100));
    }

    #[test]
    fn changed_shims_are_newer_than_every_build_even_in_an_older_clone() {
        let clones = Clones::new();
        let older = clones.make("one", "other shim", at(50));
        settle_at(&clones.make("two", "shim", at(100)), at(200)).unwrap();
        settle_at(&older, at(1000)).unwrap();
        assert_eq!(shim_time(&older), at(1000));
    }

    #[test]
    fn shims_changed_back_are_newer_than_what_the_change_built() {
        let clones = Clones::new();
        let project = clones.make("one", "shim", at(100));
        settle_at(&project, at(200)).unwrap();
        let shim = project.root.join("worker/shims/a/lib.rs");
        fs::write(&shim, "changed").unwrap();
        settle_at(&project, at(300)).unwrap();
        fs::write(&shim, "shim").unwrap();
        settle_at(&project, at(400)).unwrap();
        assert_eq!(shim_time(&project), at(400));
    }

    #[test]
    fn going_back_to_an_older_clone_makes_its_own_sources_new() {
        let clones = Clones::new();
        let (one, two) = (
            clones.make("one", "shim", at(100)),
            clones.make("two", "shim", at(110)),
        );
        settle_at(&one, at(200)).unwrap();
        settle_at(&two, at(300)).unwrap();
        settle_at(&one, at(400)).unwrap();
        assert_eq!(source_time(&one), at(400));
        settle_at(&one, at(500)).unwrap();
        assert_eq!(source_time(&one), at(400), "the same clone again: nothing to do");
    }
}
