//! One Hearth at a time. SQLite would let two processes in, and the second one's start would take the
//! first one's unfinished reply for a crashed one.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::StoreError;

/// Takes the lock beside the database. It ends with [`File::unlock`], with the file's drop, and with the
/// process, however that dies.
pub(crate) fn lock(database: &Path) -> Result<File, StoreError> {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(Path::new(&name))
        .map_err(|error| StoreError::from_io(database, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse {
            path: database.to_path_buf(),
        }),
        Err(TryLockError::Error(error)) => {
            // Some network file systems have no locks. Better unlocked chats than none.
            tracing::warn!(%error, "the database cannot be locked against a second Hearth");
            Ok(file)
        }
    }
}
