//! Puts a database that cannot be used out of the way, whole, so that the app can start with a new one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::store::now;
use crate::{Store, StoreError, lock};

impl Store {
    /// Moves the database at `path`, and the files SQLite keeps with it, to `NAME-damaged-TIME.db` beside
    /// it (milliseconds since 1970), and tells where. Nothing is deleted.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while a [`Store`] holds it, [`StoreError::ReadOnly`] where the folder is.
    pub async fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
        let _lock = lock::lock(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let aside = path.with_file_name(format!("{stem}-damaged-{}.db", now()));
        // The database last: a new one must never find the old one's -wal and take it for its own.
        for suffix in ["-wal", "-shm", ""] {
            let from = with_suffix(path, suffix);
            match tokio::fs::rename(&from, with_suffix(&aside, suffix)).await {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::from_io(path, &error)),
            }
        }
        Ok(aside)
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
