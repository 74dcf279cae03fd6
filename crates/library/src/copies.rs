//! Models that were quantised while they were read, kept so that the next load has only to read: one copy a model, in a folder of
//! Hearth's own, `MODEL/LEVEL-SOURCES`.
//!
//! A copy's folder comes to be by being renamed and goes the same way, so one that has its name is whole. `SOURCES` says what it was
//! made from: where the model's files have changed since, there is none.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::LibraryError;

/// What is not whole is named so, until it is or has gone. The worker writes under such a name (`worker/src/uqff.rs`).
const PART: &str = "part";

/// The folder of all copies.
#[derive(Clone, Debug)]
pub struct Copies {
    root: PathBuf,
}

/// A copy that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// What it is quantised to.
    pub level: String,
    /// Its files.
    pub files: Vec<PathBuf>,
    /// Bytes of them.
    pub bytes: u64,
}

impl Copies {
    /// Those in this folder, which need not be there.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where a model's copy is to be: the model's id, what it is quantised to, and the files that it is made from.
    pub fn place(&self, model: &str, level: &str, sources: &[PathBuf]) -> PathBuf {
        self.root.join(model).join(format!("{level}-{}", mark(sources)))
    }

    /// A model's copy, made from these files as they are now.
    pub fn find(&self, model: &str, sources: &[PathBuf]) -> Option<Copied> {
        let mark = mark(sources);
        let folders = fs::read_dir(self.root.join(model)).ok()?.flatten();
        folders.map(|folder| folder.path()).find_map(|folder| {
            let name = folder.file_name()?.to_str()?;
            let level = name.strip_suffix(&mark)?.strip_suffix('-')?.to_owned();
            let mut copied = Copied {
                level,
                files: Vec::new(),
                bytes: 0,
            };
            for file in fs::read_dir(&folder).ok()? {
                let file = file.ok()?;
                copied.bytes = copied.bytes.saturating_add(file.metadata().ok()?.len());
                copied.files.push(file.path());
            }
            // The layers are what it is known by.
            copied
                .files
                .sort_by_key(|file| (file.extension().is_none_or(|end| end != "uqff"), file.clone()));
            Some(copied)
        })
    }

    /// Whether a file is one of a model's copy, or was.
    pub fn holds(&self, model: &str, file: &Path) -> bool {
        file.starts_with(self.root.join(model))
    }

    /// Makes room for a copy of so many bytes of a model: refuses where the disk has none, and removes the copy before.
    ///
    /// # Errors
    /// [`LibraryError::NoSpace`], [`LibraryError::Remove`].
    pub fn make_room(&self, model: &str, bytes: u64) -> Result<(), LibraryError> {
        let folder = self.root.join(model);
        let failed = |source| LibraryError::Remove {
            path: folder.clone(),
            source,
        };
        self.remove(model)?;
        fs::create_dir_all(&folder).map_err(failed)?;
        // For the file system's own books and for what else is written meanwhile.
        let needed = bytes.saturating_add(bytes / 20);
        let free = fs4::available_space(&folder).map_err(failed)?;
        if free < needed {
            return Err(LibraryError::NoSpace { folder, needed, free });
        }
        Ok(())
    }

    /// Removes a model's copy, whole or not.
    ///
    /// # Errors
    /// [`LibraryError::Remove`].
    pub fn remove(&self, model: &str) -> Result<(), LibraryError> {
        let folder = self.root.join(model);
        remove(&folder).map_err(|source| LibraryError::Remove { path: folder, source })
    }

    /// Removes what an end in the middle left, and the copies of models that are not among these. What the system does not let go is
    /// tried again at the next start.
    pub fn sweep(&self, models: &[String]) {
        for folder in entries(&self.root) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            if !models.iter().any(|model| *model == name) {
                discard(&folder);
                continue;
            }
            for copy in entries(&folder) {
                if copy.extension().is_some_and(|end| end == PART) {
                    discard(&copy);
                }
            }
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn discard(folder: &Path) {
    if let Err(error) = remove(folder) {
        tracing::warn!(path = %folder.display(), %error, "a copy was not removed");
    }
}

/// First of all it loses its name: what an end in the middle leaves is not taken for a whole copy.
fn remove(folder: &Path) -> io::Result<()> {
    let gone = folder.with_extension(PART);
    if gone != folder {
        absent(fs::remove_dir_all(&gone))?;
        absent(fs::rename(folder, &gone))?;
    }
    absent(fs::remove_dir_all(&gone))
}

fn absent(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// What tells the files from what they were before: their names, sizes and times.
fn mark(sources: &[PathBuf]) -> String {
    let mut hash = Sha256::new();
    for path in sources {
        let metadata = fs::metadata(path).ok();
        let time = metadata.as_ref().and_then(|file| file.modified().ok());
        let time = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update(metadata.map_or(0, |file| file.len()).to_le_bytes());
        hash.update(time.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    hash.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
