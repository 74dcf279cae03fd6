//! What can go wrong with a download, in words for the person it happens to.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hearth_store::{StoreError, TransferCause, TransferFailure};

use crate::HubError;

/// Why a download stopped. Whatever had arrived is kept, unless the text says otherwise, and a retry goes on there.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The Hub did not give what was asked.
    #[error("{0} {advice}", advice = .0.advice())]
    Hub(#[from] HubError),
    /// The database that keeps the queue.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The download has no file.
    #[error("{repo} names no file to download. Choose a version that has files.")]
    NoFiles {
        /// The repository.
        repo: String,
    },
    /// The Hub names no checksum, so nobody could say whether the file is right.
    #[error("The Hub names no checksum for {path}, so it could not be verified. Choose another file.")]
    NoChecksum {
        /// The file.
        path: String,
    },
    /// Not enough room, found before anything is fetched.
    #[error(
        "{} needs {} of free space and has {}. Free {} or choose a smaller version, then retry.",
        folder.display(), gigabytes(*needed), gigabytes(*free), gigabytes(needed.saturating_sub(*free))
    )]
    NoSpace {
        /// Where the files go.
        folder: PathBuf,
        /// Bytes that are still to be reserved, and 5 % more.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The disk filled up while the download ran.
    #[error(
        "The disk that holds {} is full. What was downloaded is kept; free some space, then retry.", path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// The file system cannot hold a file of this size.
    #[error(
        "The disk that holds {} cannot hold so large a file. Move the models folder to a disk with a newer file \
         system (exFAT, NTFS, APFS or ext4), then retry.", path.display()
    )]
    FileTooLarge {
        /// What was being written.
        path: PathBuf,
    },
    /// The folder may not be written.
    #[error("{} may not be written. Make it writable, then retry; what was downloaded is kept.", path.display())]
    ReadOnly {
        /// What was being written.
        path: PathBuf,
    },
    /// The folder was removed, or its disk, while the download ran or between two runs of it.
    #[error(
        "{} is not there any more. Put it back or connect its disk, then retry; or cancel the download.", path.display()
    )]
    FolderGone {
        /// The folder or file that was there before.
        path: PathBuf,
    },
    /// Another process downloads the same file.
    #[error(
        "{} is being downloaded by another program, perhaps a second Hearth. Wait for it, then retry.", path.display()
    )]
    InUse {
        /// The unfinished file.
        path: PathBuf,
    },
    /// Any other fault of the disk, in the words of the system.
    #[error("{} could not be used: {detail}. Check the disk, then retry.", path.display())]
    Disk {
        /// What was being read or written.
        path: PathBuf,
        /// What the system said.
        detail: String,
    },
    /// Every byte arrived and their hash is not the promised one. The bytes are set aside.
    #[error(
        "{path} arrived damaged: its checksum is not the one that the Hub names. It was set aside; retry to \
         download it anew."
    )]
    Damaged {
        /// The file.
        path: String,
        /// The promised hash.
        expected: String,
        /// The hash of what came.
        found: String,
    },
    /// The server's file is not the one that was listed.
    #[error(
        "{path} on the server is not the file that was listed ({detail}). Open the model's page again to see what is \
         there now, then download anew."
    )]
    Changed {
        /// The file.
        path: String,
        /// What differs.
        detail: String,
    },
    /// The queue has been shut down.
    #[error("Hearth is closing, and takes no more orders for downloads. Open it again.")]
    Closed,
    /// The connection broke, again and again.
    #[error(
        "The download of {path} broke off ({detail}). What arrived is kept; check the connection, then retry."
    )]
    Interrupted {
        /// The file.
        path: String,
        /// What happened the last time.
        detail: String,
    },
}

impl TransferError {
    /// What kind of thing it is.
    pub fn cause(&self) -> TransferCause {
        match self {
            Self::Hub(error) => error.cause(),
            Self::Interrupted { .. } => TransferCause::Offline,
            Self::NoSpace { .. } | Self::DiskFull { .. } => TransferCause::DiskFull,
            Self::Store(StoreError::Full { .. }) => TransferCause::DiskFull,
            Self::FolderGone { .. } | Self::ReadOnly { .. } => TransferCause::FolderGone,
            Self::Changed { .. } => TransferCause::RepoGone,
            Self::Damaged { .. } => TransferCause::Damaged,
            _ => TransferCause::Other,
        }
    }

    /// As the store keeps it.
    pub(crate) fn failure(&self) -> TransferFailure {
        TransferFailure {
            cause: self.cause(),
            sentence: self.to_string(),
        }
    }

    /// An error that the system reported about a file or folder of the cache.
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_path_buf();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            ErrorKind::FileTooLarge => Self::FileTooLarge { path },
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::StaleNetworkFileHandle => {
                Self::FolderGone { path }
            }
            _ => Self::Disk {
                path,
                detail: error.to_string(),
            },
        }
    }
}

/// Turns a system's error into one that names the path.
pub(crate) fn about(path: &Path) -> impl Fn(io::Error) -> TransferError + '_ {
    move |error| TransferError::from_io(path, &error)
}

/// What one try of one connection came to, when not to bytes.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Trying again cannot help.
    Final(TransferError),
    /// Trying again may help, after the time that the server asked for.
    Passing {
        error: TransferError,
        wait: Option<Duration>,
    },
    /// The address has expired or does not give the file any more; a new one may.
    StaleAddress(TransferError),
    /// The server gives the whole file whatever part is asked for.
    NoRanges,
}

/// Rounded up: who frees what is asked for has freed enough.
fn gigabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 {
        format!("{:.0} MB", megabytes.ceil())
    } else {
        format!("{:.1} GB", (megabytes / 100.0).ceil() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_is_told_in_numbers() {
        let error = TransferError::NoSpace {
            folder: "/models".into(),
            needed: 5_250_000_000,
            free: 750_000_000,
        };
        assert_eq!(
            error.to_string(),
            "/models needs 5.3 GB of free space and has 750 MB. Free 4.5 GB or choose a smaller version, then retry."
        );
    }

    #[test]
    fn the_system_s_reasons_are_told_apart() {
        let told = |kind: ErrorKind| TransferError::from_io(Path::new("/models"), &kind.into());
        assert!(matches!(
            told(ErrorKind::StorageFull),
            TransferError::DiskFull { .. }
        ));
        assert!(matches!(
            told(ErrorKind::ReadOnlyFilesystem),
            TransferError::ReadOnly { .. }
        ));
        assert!(matches!(
            told(ErrorKind::NotFound),
            TransferError::FolderGone { .. }
        ));
        assert!(matches!(told(ErrorKind::InvalidData), TransferError::Disk { .. }));
    }
}
