//! A file's SHA-256, and whether it is the one that was published.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

use crate::LibraryError;

/// Bytes read at a time: between two, progress is told and a wish to stop is seen.
const PIECE: usize = 1 << 20;

/// The SHA-256 of a file, in lower-case hexadecimal. `progress` is told the bytes hashed so far and in all, after
/// every MB; when `cancel` turns true, it ends within one.
///
/// # Errors
/// [`LibraryError::Read`], [`LibraryError::Cancelled`].
pub fn sha256(
    path: &Path,
    mut progress: impl FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<String, LibraryError> {
    let unreadable = |source| LibraryError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let total = file.metadata().map_err(unreadable)?.len();
    let mut piece = vec![0; PIECE];
    let mut hasher = Sha256::new();
    let mut done: u64 = 0;
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(LibraryError::Cancelled);
        }
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        // What is read never exceeds the buffer.
        hasher.update(piece.get(..read).unwrap_or_default());
        done = done.saturating_add(read as u64);
        progress(done, total.max(done));
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// Whether a file is the one that was published: hashes to `expected`, hexadecimal in either case.
///
/// # Errors
/// [`LibraryError::Damaged`] where it does not, and those of [`sha256`].
pub fn verify(
    path: &Path,
    expected: &str,
    progress: impl FnMut(u64, u64),
    cancel: &AtomicBool,
) -> Result<(), LibraryError> {
    let found = sha256(path, progress, cancel)?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(LibraryError::Damaged {
        path: path.to_path_buf(),
        expected: expected.to_owned(),
        found,
    })
}
