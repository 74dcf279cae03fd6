//! Deletes downloaded models from the Hub's cache, and says before what that frees.
//!
//! Other programs use the same cache. So only the named files of a snapshot go, and their bytes only where no other
//! snapshot has them; what cannot be made out stays.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::LibraryError;
use crate::identity::{Facts, Identity, facts};
use crate::small_file;

/// Files of one repository that are looked at to learn whether another snapshot has the same bytes.
const ENTRIES: usize = 10_000;

/// The files of a model, as they are remembered.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// Where they are in the snapshots of the Hub's cache.
    pub paths: &'a [PathBuf],
    /// Whether they are the person's own or another program's.
    pub imported: bool,
}

/// What deleting a model does to the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Freed {
    /// Bytes that are free afterwards.
    pub bytes: u64,
    /// The model's files that go. Those that have gone already are not among them.
    pub files: Vec<PathBuf>,
    /// Why some bytes stay taken.
    pub kept: Option<Kept>,
}

/// Why the bytes of a file that goes are still there afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Another snapshot of the repository has the same file.
    OtherSnapshot,
    /// The file has another name elsewhere on the disk: a hard link, or the place that a link led to.
    OtherName,
    /// Not all of the repository's folder could be looked through.
    Unknown,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherSnapshot => {
                "Another version of the same model on this computer uses some of these files."
            }
            Self::OtherName => "Some of these files are also at another place on this computer.",
            Self::Unknown => "It could not be made out whether other programs use some of these files.",
        })
    }
}

/// What [`delete`] would do. `root` is the folder of the Hub's cache that holds the `models--…` folders.
///
/// # Errors
/// [`LibraryError::Imported`], [`LibraryError::NotOurs`] for a file that is not in a snapshot below `root`,
/// [`LibraryError::Read`].
pub fn what_delete_frees(root: &Path, model: ModelFiles<'_>) -> Result<Freed, LibraryError> {
    Ok(Plan::make(root, model)?.freed)
}

/// Deletes a model's files from the Hub's cache, and the folders and branches that are empty afterwards. All files are
/// checked before the first is deleted. After [`LibraryError::Remove`] it can be called again and goes on.
///
/// # Errors
/// Those of [`what_delete_frees`], and [`LibraryError::Remove`].
pub fn delete(root: &Path, model: ModelFiles<'_>) -> Result<Freed, LibraryError> {
    let plan = Plan::make(root, model)?;
    // The bytes before the names that lead to them: after a failure in between, the names still tell what is left.
    for path in plan.blobs.iter().chain(&plan.freed.files) {
        unless_gone(std::fs::remove_file(path)).map_err(|source| LibraryError::Remove {
            path: path.clone(),
            source,
        })?;
    }
    for entry in &plan.entries {
        tidy(entry);
    }
    Ok(plan.freed)
}

/// A model's file in a snapshot.
struct Entry {
    /// `models--org--name`, without links in it.
    repo: PathBuf,
    commit: String,
    path: PathBuf,
}

struct Plan {
    freed: Freed,
    /// Files in `blobs` folders that go as well.
    blobs: Vec<PathBuf>,
    entries: Vec<Entry>,
}

impl Plan {
    fn make(root: &Path, model: ModelFiles<'_>) -> Result<Self, LibraryError> {
        if model.imported {
            return Err(LibraryError::Imported);
        }
        let mut entries = Vec::new();
        for path in model.paths {
            entries.extend(Entry::locate(root, path)?);
        }
        let mut plan = Self {
            freed: Freed::default(),
            blobs: Vec::new(),
            entries,
        };
        let mut repos: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for entry in &plan.entries {
            repos.entry(&entry.repo).or_default().insert(&entry.path);
        }
        for (repo, going) in repos {
            // Without the prefix that following links puts before a path on Windows.
            let files = going.iter().map(|path| dunce::simplified(path).to_path_buf());
            plan.freed.files.extend(files);
            let fate = Fate::of(repo, &going)?;
            plan.freed.bytes = plan.freed.bytes.saturating_add(fate.freed_bytes);
            plan.freed.kept = plan.freed.kept.or(fate.kept);
            plan.blobs.extend(fate.blobs);
        }
        Ok(plan)
    }
}

impl Entry {
    /// Where a file is in the cache; none where it has gone already.
    fn locate(root: &Path, path: &Path) -> Result<Option<Self>, LibraryError> {
        let unreadable = |path: &Path| {
            let path = path.to_path_buf();
            move |source| LibraryError::Read { path, source }
        };
        let not_ours = || LibraryError::NotOurs {
            path: path.to_path_buf(),
        };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(not_ours());
        };
        if !path.is_absolute() {
            return Err(not_ours());
        }
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => return Err(not_ours()),
            Ok(_) => {}
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(unreadable(path)(error)),
        }
        // Followed first, or a link among the folders would lead out of the root.
        let root = std::fs::canonicalize(root).map_err(unreadable(root))?;
        let folder = std::fs::canonicalize(folder).map_err(unreadable(folder))?;
        let inside = folder.strip_prefix(&root).map_err(|_| not_ours())?;
        let parts: Vec<_> = inside.iter().take(3).map(|part| part.to_str()).collect();
        match parts[..] {
            [Some(repo), Some("snapshots"), Some(commit)] if repo.starts_with("models--") => Ok(Some(Self {
                repo: root.join(repo),
                commit: commit.to_owned(),
                path: folder.join(name),
            })),
            _ => Err(not_ours()),
        }
    }
}

/// What becomes of the bytes that some files of one repository lead to.
#[derive(Default)]
struct Fate {
    blobs: Vec<PathBuf>,
    freed_bytes: u64,
    kept: Option<Kept>,
}

/// A file on the disk whose names, or some of them, go.
struct Bytes {
    facts: Facts,
    /// Names that go and are the file itself, not a link to it.
    hard_names: u64,
}

impl Fate {
    fn of(repo: &Path, going: &BTreeSet<&Path>) -> Result<Self, LibraryError> {
        let mut all: HashMap<Identity, Bytes> = HashMap::new();
        for path in going {
            let facts = match facts(path) {
                Ok(facts) => facts,
                // A link whose target has gone frees nothing.
                Err(error) if is_gone(&error) => continue,
                Err(source) => {
                    return Err(LibraryError::Read {
                        path: path.to_path_buf(),
                        source,
                    });
                }
            };
            let bytes = all
                .entry(facts.identity)
                .or_insert(Bytes { facts, hard_names: 0 });
            bytes.hard_names += u64::from(!path.is_symlink());
        }
        let mut fate = Self::default();
        let Some(others) = others(repo, going) else {
            fate.kept = Some(Kept::Unknown);
            return Ok(fate);
        };
        let in_use = all.len();
        all.retain(|identity, _| !others.contains(identity));
        if all.len() < in_use {
            fate.kept = Some(Kept::OtherSnapshot);
        }
        for blob in blobs(repo) {
            if let Ok(facts) = facts(&blob)
                && let Some(bytes) = all.get_mut(&facts.identity)
            {
                bytes.hard_names += 1;
                fate.blobs.push(blob);
            }
        }
        for bytes in all.values() {
            if bytes.hard_names >= bytes.facts.names {
                fate.freed_bytes = fate.freed_bytes.saturating_add(bytes.facts.size_bytes);
            } else {
                fate.kept = fate.kept.or(Some(Kept::OtherName));
            }
        }
        Ok(fate)
    }
}

/// The files that the repository's snapshots lead to by names that stay; none where that cannot be made out.
fn others(repo: &Path, going: &BTreeSet<&Path>) -> Option<HashSet<Identity>> {
    let mut others = HashSet::new();
    for (count, entry) in WalkDir::new(repo.join("snapshots")).into_iter().enumerate() {
        let entry = entry
            .inspect_err(|error| tracing::warn!(%error, "bytes are kept: a snapshot cannot be read"))
            .ok()?;
        if count == ENTRIES {
            return None;
        }
        if entry.file_type().is_dir() || going.contains(entry.path()) {
            continue;
        }
        match facts(entry.path()) {
            Ok(facts) => {
                others.insert(facts.identity);
            }
            Err(error) if is_gone(&error) => {}
            Err(_) => return None,
        }
    }
    Some(others)
}

/// The files in the repository's `blobs` folder; none where that is a link, which could lead anywhere.
fn blobs(repo: &Path) -> Vec<PathBuf> {
    let folder = WalkDir::new(repo.join("blobs"))
        .follow_root_links(false)
        .max_depth(1);
    let entries = folder.into_iter().flatten();
    entries
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Removes the folders that a deleted file leaves empty, and the branches that named its snapshot. What cannot be
/// removed does no harm.
fn tidy(entry: &Entry) {
    let snapshots = entry.repo.join("snapshots");
    let folders = entry
        .path
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != snapshots);
    for folder in folders {
        if std::fs::remove_dir(folder).is_err() {
            break;
        }
    }
    if !snapshots.join(&entry.commit).exists() {
        let refs = WalkDir::new(entry.repo.join("refs")).follow_root_links(false);
        for file in refs
            .into_iter()
            .flatten()
            .filter(|file| file.file_type().is_file())
        {
            if small_file::read(file.path()).is_ok_and(|commit| commit.trim() == entry.commit) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
    for folder in ["snapshots", "blobs", "refs"] {
        let _ = std::fs::remove_dir(entry.repo.join(folder));
    }
    let _ = std::fs::remove_dir(&entry.repo);
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if is_gone(&error) => Ok(()),
        removed => removed,
    }
}
