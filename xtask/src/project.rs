//! Where the project's folders are, and the one build folder that all clones share.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout this run belongs to and the folder its builds go to.
#[derive(Clone, Debug)]
pub struct Project {
    /// The repository's top folder.
    pub root: PathBuf,
    /// Cargo's target folder, absolute.
    pub target: PathBuf,
}

impl Project {
    /// Finds the checkout from where cargo says this package lies, and the target folder from
    /// `CARGO_TARGET_DIR`, else under the user's cache folder.
    pub fn locate() -> Result<Self> {
        // Read at run time: a binary kept in a shared target folder may have been built elsewhere.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .with_context(|| format!("{} has no parent folder", manifest.display()))?
            .to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
            Some(folder) => std::path::absolute(folder)?,
            None => user_cache()?.join("hearth").join("target"),
        };
        Ok(Self { root, target })
    }

    /// The worker's workspace.
    pub fn worker(&self) -> PathBuf {
        self.root.join("worker")
    }

    /// The interface's sources.
    pub fn ui(&self) -> PathBuf {
        self.root.join("ui")
    }

    /// An executable of the given profile folder, with the system's suffix.
    pub fn executable(&self, profile: &str, name: &str) -> PathBuf {
        self.target
            .join(profile)
            .join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Keeps other clones from building into the same target folder until the guard is dropped:
    /// which sources are fresh there is decided by file times, and two clones at once would
    /// confuse each other's.
    pub fn lock(&self) -> Result<BuildLock> {
        fs::create_dir_all(&self.target)
            .with_context(|| format!("cannot create the build folder {}", self.target.display()))?;
        let path = self.target.join("hearth.lock");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        if file.try_lock().is_err() {
            println!(
                "Another cargo xtask is building in {}; waiting for it.",
                self.target.display()
            );
            file.lock()
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(BuildLock { _file: file })
    }

    /// A path as a person at the repository's top would write it.
    pub fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

/// Holds the target folder for this process; let go by dropping it.
pub struct BuildLock {
    _file: File,
}

/// The folder in which this system keeps what programs can make again.
fn user_cache() -> Result<PathBuf> {
    let from_environment = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = if cfg!(windows) {
        from_environment("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        env::home_dir().map(|home| home.join("Library").join("Caches"))
    } else {
        from_environment("XDG_CACHE_HOME").or_else(|| env::home_dir().map(|home| home.join(".cache")))
    };
    folder.context("this account has no home folder; set CARGO_TARGET_DIR to a folder for the build output")
}
