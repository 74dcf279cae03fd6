//! Where the finished bytes go: `blobs/<hash>`, seen through `snapshots/<commit>/<path>`.
//!
//! Each step can be done again after a kill between any two: a blob without its link is found by its name and
//! verified, a link that is there is left. Where the system has no links (Windows without developer mode, exFAT) the
//! file itself is moved into the snapshot, as huggingface_hub does it, and is never there twice.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::TransferError;
use super::digest::Checksum;
use super::error::about;
use super::part::{self, Part};
use crate::{Commit, HubCache, RepoId, RepoPath, Revision};

/// Read at a time when a file is hashed.
pub(crate) const BLOCK: usize = 1 << 20;

/// The places of one file in the cache.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The folder of the repository.
    repo: PathBuf,
    /// The folder of the repository's bytes.
    pub(crate) blobs: PathBuf,
    /// The bytes under their hash.
    pub(crate) blob: PathBuf,
    /// The file under its own name.
    pub(crate) file: PathBuf,
    /// From the file's folder to the blob.
    link: PathBuf,
}

impl Place {
    /// Works out the places of one file.
    pub(crate) fn of(
        cache: &HubCache,
        repo: &RepoId,
        commit: &Commit,
        path: &RepoPath,
        checksum: &Checksum,
    ) -> Self {
        let blobs = cache.blobs(repo);
        let up = 1 + path.parts().count();
        let mut link: PathBuf = std::iter::repeat_n("..", up).collect();
        link.extend(["blobs", checksum.name()]);
        Self {
            blob: blobs.join(checksum.name()),
            blobs,
            repo: cache.repo(repo),
            file: cache.snapshot_file(repo, commit, path),
            link,
        }
    }

    /// Makes the folder of the bytes.
    pub(crate) fn make_folder(&self) -> Result<(), TransferError> {
        fs::create_dir_all(&self.blobs).map_err(about(&self.blobs))
    }

    /// Whether the file is already there, under either name, and is right. Reads all of it.
    pub(crate) fn has(
        &self,
        size: u64,
        checksum: &Checksum,
        stop: &CancellationToken,
    ) -> Result<bool, TransferError> {
        for path in [&self.blob, &self.file] {
            let right_size = fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == size);
            if right_size && hash(path, size, checksum, stop)?.as_deref() == Some(checksum.name()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives a whole, verified part file its place.
    pub(crate) fn finish(&self, part: &Part) -> Result<(), TransferError> {
        part.rename(&self.blob)?;
        sync_folders(&self.blobs, &self.repo)?;
        self.show()
    }

    /// Makes the file visible under its own name, where it is not yet.
    pub(crate) fn show(&self) -> Result<(), TransferError> {
        if !self.blob.is_file() || same_file(&self.blob, &self.file) {
            return Ok(());
        }
        let Some(folder) = self.file.parent() else {
            return Ok(());
        };
        fs::create_dir_all(folder).map_err(about(folder))?;
        // Under another name first: a file that is already there is replaced in one step.
        let fresh = part::path_of(&self.file);
        remove_if_there(&fresh)?;
        let shown = match link(&self.link, &fresh) {
            Ok(()) => fs::rename(&fresh, &self.file),
            Err(error) if error.kind() == ErrorKind::StorageFull => Err(error),
            Err(error) => {
                tracing::debug!(%error, "no links here; the file itself is moved");
                fs::rename(&self.blob, &self.file)
            }
        };
        shown.map_err(about(&self.file))?;
        sync_folders(folder, &self.repo)
    }

    /// Sets bytes aside that are not what they should be, in place of any that were set aside before.
    pub(crate) fn quarantine(&self, part: &Part) -> Result<(), TransferError> {
        self.forget_quarantine()?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut name = self.blob.as_os_str().to_owned();
        name.push(format!("{DAMAGED}{}", since_1970.as_millis()));
        part.rename(Path::new(&name))?;
        sync_folders(&self.blobs, &self.repo)
    }

    /// Deletes what was set aside.
    pub(crate) fn forget_quarantine(&self) -> Result<(), TransferError> {
        let Some(own) = self
            .blob
            .file_name()
            .map(|name| format!("{}{DAMAGED}", name.to_string_lossy()))
        else {
            return Ok(());
        };
        let entries = match fs::read_dir(&self.blobs) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(about(&self.blobs))?,
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&own) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }
}

const DAMAGED: &str = ".damaged-";

/// Notes which commit `main` is, where nothing is noted: huggingface_hub asks there when it is offline. What another
/// tool noted is left, because the files that it found then may be at that commit alone.
pub(crate) fn note_main(cache: &HubCache, repo: &RepoId, commit: &Commit) -> Result<(), TransferError> {
    let path = cache.reference(repo, &Revision::main());
    if path.exists() {
        return Ok(());
    }
    let Some(folder) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(about(folder))?;
    let fresh = part::path_of(&path);
    fs::write(&fresh, commit.as_str()).map_err(about(&fresh))?;
    fs::rename(&fresh, &path).map_err(about(&path))?;
    sync_folders(folder, &cache.repo(repo))
}

/// Hashes a file; None where it was told to stop.
fn hash(
    path: &Path,
    size: u64,
    checksum: &Checksum,
    stop: &CancellationToken,
) -> Result<Option<String>, TransferError> {
    let mut file = File::open(path).map_err(about(path))?;
    let mut hasher = checksum.hasher(size);
    let mut block = vec![0; BLOCK];
    while !stop.is_cancelled() {
        match file.read(&mut block) {
            Ok(0) => return Ok(Some(hasher.finish())),
            Ok(count) => hasher.update(&block[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(TransferError::from_io(path, &error)),
        }
    }
    Ok(None)
}

fn remove_if_there(path: &Path) -> Result<(), TransferError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(TransferError::from_io(path, &error)),
        _ => Ok(()),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::canonicalize(one), fs::canonicalize(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(windows)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, at)
}

/// A new name in a folder is only sure to be there after a power cut once the folder is synced, and so with the
/// folder's own name, up to the repository's.
#[cfg(unix)]
fn sync_folders(innermost: &Path, repo: &Path) -> Result<(), TransferError> {
    for folder in innermost
        .ancestors()
        .take_while(|folder| folder.starts_with(repo))
    {
        match File::open(folder).and_then(|folder| folder.sync_all()) {
            // Some network file systems cannot sync a folder.
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {}
            other => other.map_err(about(folder))?,
        }
    }
    Ok(())
}

/// Windows writes names through a journal and has no way to sync a folder.
#[cfg(not(unix))]
fn sync_folders(_innermost: &Path, _repo: &Path) -> Result<(), TransferError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    fn place(root: &Path) -> (Place, Checksum) {
        let checksum = Checksum::Sha256(SHA256.to_owned());
        let place = Place::of(
            &HubCache::at(root),
            &RepoId::parse("org/name").unwrap(),
            &Commit::parse(&"c".repeat(40)).unwrap(),
            &RepoPath::parse("Q4_K_M/model.gguf").unwrap(),
            &checksum,
        );
        place.make_folder().unwrap();
        (place, checksum)
    }

    fn part(place: &Place, bytes: &[u8]) -> Part {
        let part = Part::open(&place.blob, true).unwrap().unwrap();
        part.write(bytes, 0).unwrap();
        part
    }

    fn right(place: &Place, checksum: &Checksum) -> bool {
        place.has(6, checksum, &CancellationToken::new()).unwrap()
    }

    #[test]
    fn a_finished_file_is_found_under_its_own_name() {
        let root = tempfile::tempdir().unwrap();
        let (place, checksum) = place(root.path());
        assert!(!right(&place, &checksum));
        place.finish(&part(&place, b"hello\n")).unwrap();
        assert!(right(&place, &checksum));
        assert_eq!(fs::read(&place.file).unwrap(), b"hello\n");
        place.show().unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), b"hello\n");
    }

    #[cfg(unix)]
    #[test]
    fn the_link_is_relative_so_the_cache_can_be_moved() {
        let root = tempfile::tempdir().unwrap();
        let (place, _checksum) = place(root.path());
        place.finish(&part(&place, b"hello\n")).unwrap();
        let link = fs::read_link(&place.file).unwrap();
        assert_eq!(link, Path::new("../../../blobs").join(SHA256));
    }

    #[test]
    fn a_kill_between_the_rename_and_the_link_is_made_good() {
        let root = tempfile::tempdir().unwrap();
        let (place, checksum) = place(root.path());
        part(&place, b"hello\n").rename(&place.blob).unwrap();
        assert!(right(&place, &checksum));
        place.show().unwrap();
        assert_eq!(fs::read(&place.file).unwrap(), b"hello\n");
    }

    #[test]
    fn a_blob_with_other_bytes_than_its_name_says_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let (place, checksum) = place(root.path());
        fs::write(&place.blob, b"hullo\n").unwrap();
        assert!(!right(&place, &checksum));
        place.finish(&part(&place, b"hello\n")).unwrap();
        assert!(right(&place, &checksum));
    }

    #[test]
    fn one_damaged_file_is_kept_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        let (place, _checksum) = place(root.path());
        for bytes in [b"first!", b"second"] {
            place.quarantine(&part(&place, bytes)).unwrap();
        }
        let kept: Vec<_> = fs::read_dir(&place.blobs)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert_eq!(fs::read(&kept[0]).unwrap(), b"second");
    }

    #[test]
    fn what_another_tool_noted_of_main_is_left() {
        let root = tempfile::tempdir().unwrap();
        let (cache, repo) = (HubCache::at(root.path()), RepoId::parse("org/name").unwrap());
        for commit in ["a", "b"] {
            note_main(&cache, &repo, &Commit::parse(&commit.repeat(40)).unwrap()).unwrap();
        }
        let noted = fs::read_to_string(cache.reference(&repo, &Revision::main())).unwrap();
        assert_eq!(noted, "a".repeat(40));
    }
}
