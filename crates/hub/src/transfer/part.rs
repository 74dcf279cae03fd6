//! A file that is not whole yet: `blobs/<hash>.hearth-part`.
//!
//! The ending is our own: huggingface_hub opens its `<hash>.incomplete` to start it over, and would take our bytes
//! with it. The file is locked while it is open, has its final length from the start, and its space is reserved.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs4::FileExt as _;

use super::TransferError;
use super::error::about;

const ENDING: &str = ".hearth-part";

/// Where the unfinished bytes of a blob are.
pub(crate) fn path_of(blob: &Path) -> PathBuf {
    let mut name = blob.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
}

/// An open, locked part file.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    path: PathBuf,
    /// Bytes that it had when it was opened: what is beyond was never written.
    pub(crate) length: u64,
}

impl Part {
    /// Opens the part file of a blob and locks it; makes it where `create` says so. None where there is none.
    /// Its folder must exist.
    pub(crate) fn open(blob: &Path, create: bool) -> Result<Option<Self>, TransferError> {
        let path = path_of(blob);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(false)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound && !create => return Ok(None),
            Err(error) => return Err(TransferError::from_io(&path, &error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(TransferError::InUse { path }),
            Err(TryLockError::Error(error)) => {
                // Some network file systems have no locks. Better an unlocked download than none.
                tracing::warn!(%error, "the part file cannot be locked against a second Hearth");
            }
        }
        let length = file.metadata().map_err(about(&path))?.len();
        let part = Self { file, path, length };
        // Whoever held the lock before may have finished: then this is a file without a name.
        if part.is_in_place() {
            Ok(Some(part))
        } else {
            Self::open(blob, create)
        }
    }

    /// Reserves the space of a file of `size` bytes.
    pub(crate) fn reserve(&self, size: u64) -> Result<(), TransferError> {
        let reserved = match self.file.allocate(size) {
            // A file system that cannot reserve (FAT, ext3, some network ones): the length has to do.
            Err(error) if cannot_reserve(&error) => Ok(()),
            other => other,
        };
        // Also cuts off what an earlier, longer version of the file left.
        reserved
            .and_then(|()| self.file.set_len(size))
            .map_err(about(&self.path))
    }

    /// Bytes of the disk that it holds already.
    pub(crate) fn reserved(&self) -> Result<u64, TransferError> {
        self.file.allocated_size().map_err(about(&self.path))
    }

    /// Writes bytes at their place.
    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), TransferError> {
        write_at(&self.file, bytes, offset).map_err(about(&self.path))
    }

    /// Reads bytes that were written before; zero at the end of the file.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, TransferError> {
        loop {
            match read_at(&self.file, buffer, offset) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map_err(about(&self.path)),
            }
        }
    }

    /// What to say where bytes that were written are not there any more.
    pub(crate) fn shrunk(&self) -> TransferError {
        TransferError::Disk {
            path: self.path.clone(),
            detail: "another program made it shorter".to_owned(),
        }
    }

    /// Returns once every byte written so far is on the disk.
    pub(crate) fn sync(&self) -> Result<(), TransferError> {
        self.file.sync_data().map_err(about(&self.path))?;
        if self.is_in_place() {
            Ok(())
        } else {
            Err(TransferError::FolderGone {
                path: self.path.clone(),
            })
        }
    }

    /// Gives the whole file its final name, also after a power cut.
    pub(crate) fn rename(&self, to: &Path) -> Result<(), TransferError> {
        self.file.sync_all().map_err(about(&self.path))?;
        if !self.is_in_place() {
            return Err(TransferError::FolderGone {
                path: self.path.clone(),
            });
        }
        fs::rename(&self.path, to).map_err(about(to))
    }

    /// Takes it off the disk.
    pub(crate) fn delete(&self) -> Result<(), TransferError> {
        fs::remove_file(&self.path).map_err(about(&self.path))
    }

    /// Whether the open file is still what its path names: its folder may have been removed.
    #[cfg(unix)]
    fn is_in_place(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        match (self.file.metadata(), fs::metadata(&self.path)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            _ => false,
        }
    }

    /// Windows keeps an open file's folder from being removed; a disk can still be pulled out.
    #[cfg(not(unix))]
    fn is_in_place(&self) -> bool {
        self.path.exists()
    }
}

fn cannot_reserve(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => {
                bytes = bytes.get(count..).unwrap_or_default();
                offset += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_file_belongs_to_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join("abc");
        let part = Part::open(&blob, true).unwrap().unwrap();
        assert!(matches!(
            Part::open(&blob, true),
            Err(TransferError::InUse { .. })
        ));
        drop(part);
        assert!(Part::open(&blob, false).unwrap().is_some());
    }

    #[test]
    fn space_is_reserved_and_bytes_keep_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join("abc");
        assert!(Part::open(&blob, false).unwrap().is_none());
        let part = Part::open(&blob, true).unwrap().unwrap();
        part.reserve(3_000_000).unwrap();
        assert!(part.reserved().unwrap() >= 3_000_000);
        part.write(b"end", 2_999_997).unwrap();
        part.rename(&blob).unwrap();
        let bytes = fs::read(&blob).unwrap();
        assert_eq!((bytes.len(), &bytes[2_999_997..]), (3_000_000, &b"end"[..]));
        assert!(!path_of(&blob).exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_removed_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        let part = Part::open(&blobs.join("abc"), true).unwrap().unwrap();
        fs::remove_dir_all(&blobs).unwrap();
        part.write(b"lost", 0).unwrap();
        assert!(matches!(part.sync(), Err(TransferError::FolderGone { .. })));
    }
}
