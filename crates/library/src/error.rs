//! What can go wrong with a model's files, in words for the person it happens to.

use std::io;
use std::path::PathBuf;

/// Why a model's file could not be read, trusted or deleted.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// The file could not be read.
    #[error("{} cannot be read: {source}. See that the disk it is on is connected, then try again.", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's bytes are not those that were published.
    #[error(
        "{} is damaged: its SHA-256 is {found} and should be {expected}. Delete it and download it again.",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should hash to.
        expected: String,
        /// What it hashes to.
        found: String,
    },
    /// The person stopped it.
    #[error("This was stopped before it was done. Start it again whenever you like.")]
    Cancelled,
    /// The model's files belong to the person or to another program.
    #[error(
        "Hearth uses this model where it was found and does not delete its files. Take it off the list here, or delete \
         it in the program that it belongs to."
    )]
    Imported,
    /// The file is not a downloaded model's in the folder that Hearth may delete from.
    #[error(
        "{} was not downloaded by Hearth, so it is not deleted. Delete it yourself if you are sure that nothing needs it.",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The system did not let a file go.
    #[error("{} could not be deleted: {source}. Close what uses it, then try again.", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room for a quantised copy.
    #[error(
        "The disk of {} has {} free and the quantised model takes {}. Make room, then try again.",
        folder.display(), gigabytes(*free), gigabytes(*needed)
    )]
    NoSpace {
        /// Where it was to be.
        folder: PathBuf,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1} GB", bytes as f64 / 1e9)
}
