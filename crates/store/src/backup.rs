//! A copy of the database before its schema changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sqlx::SqliteConnection;

use crate::StoreError;

/// How many copies are kept.
const KEPT: usize = 3;

/// Writes `NAME-before-VERSION.db` beside the database and removes the oldest copies beyond [`KEPT`].
pub(crate) async fn back_up(
    connection: &mut SqliteConnection,
    database: &Path,
    version: i64,
) -> Result<PathBuf, StoreError> {
    let prefix = copy_prefix(database);
    let copy = database.with_file_name(format!("{prefix}{version}.db"));
    let unfinished = copy.with_extension("db.part");
    let io = |error: &std::io::Error| StoreError::from_io(database, error);
    if unfinished.exists() {
        fs::remove_file(&unfinished).map_err(|error| io(&error))?;
    }
    let target = unfinished.to_str().ok_or_else(|| StoreError::NotUnicode {
        path: unfinished.clone(),
    })?;
    sqlx::query("VACUUM INTO ?")
        .bind(target)
        .execute(connection)
        .await
        .map_err(|error| StoreError::from_sqlx(database, &error))?;
    // SQLite writes the copy without waiting for the disk.
    fs::OpenOptions::new()
        .write(true)
        .open(&unfinished)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&unfinished, &copy))
        .map_err(|error| io(&error))?;
    if let Err(error) = remove_old_copies(database, &prefix) {
        tracing::warn!(%error, "old copies of the database were not removed");
    }
    Ok(copy)
}

fn copy_prefix(database: &Path) -> String {
    let stem = database.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}-before-")
}

fn remove_old_copies(database: &Path, prefix: &str) -> std::io::Result<()> {
    let folder = database.parent().unwrap_or(Path::new("."));
    let mut copies: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(".db") {
            copies.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    copies.sort();
    for (_, path) in copies.iter().rev().skip(KEPT) {
        fs::remove_file(path)?;
    }
    Ok(())
}
