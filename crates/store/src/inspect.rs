//! Looks at a database before anything may be written to it.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::StoreError;
use crate::error::sqlite_code;

/// "Hrth", as the first migration sets it.
const APPLICATION_ID: i64 = 0x4872_7468;

/// A crash while the file was in rollback-journal mode, which it is only until WAL is switched on: a
/// connection that may not write cannot undo the half-done change.
const SQLITE_READONLY_ROLLBACK: i32 = 776;

/// What was found at the database's path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file, or one in which no chat was ever kept.
    Nothing,
    /// Our database, at this version of the schema.
    Database(i64),
}

/// Refuses what is damaged, not ours, or newer than `migrator` knows.
pub(crate) async fn inspect(path: &Path, migrator: &Migrator) -> Result<Found, StoreError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => return Ok(Found::Nothing),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(StoreError::from_io(path, &error)),
    }
    let mut looked = look(path, migrator, true).await;
    if matches!(&looked, Err(Fault::Sqlx(error)) if sqlite_code(error) == Some(SQLITE_READONLY_ROLLBACK)) {
        looked = look(path, migrator, false).await;
    }
    looked.map_err(|fault| match fault {
        Fault::Sqlx(error) => StoreError::from_sqlx(path, &error),
        Fault::Damaged(detail) => StoreError::Corrupt {
            path: path.to_path_buf(),
            detail,
        },
        Fault::Newer => StoreError::Newer {
            path: path.to_path_buf(),
        },
    })
}

enum Fault {
    Sqlx(sqlx::Error),
    Damaged(String),
    Newer,
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

async fn look(path: &Path, migrator: &Migrator, read_only: bool) -> Result<Found, Fault> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(read_only)
        .busy_timeout(Duration::from_secs(5));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let found = look_through(&mut connection, migrator).await;
    connection.close().await?;
    found
}

async fn look_through(connection: &mut SqliteConnection, migrator: &Migrator) -> Result<Found, Fault> {
    let application_id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    if application_id != APPLICATION_ID {
        // A first start that was killed before its one transaction leaves sqlx's table and nothing else.
        let foreign: i64 =
            sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations'")
                .fetch_one(&mut *connection)
                .await?;
        return if application_id == 0 && foreign == 0 {
            Ok(Found::Nothing)
        } else {
            Err(Fault::Damaged(
                "the file is another program's database".to_owned(),
            ))
        };
    }
    let applied: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(&mut *connection)
        .await?;
    if applied.iter().any(|version| !migrator.version_exists(*version)) {
        return Err(Fault::Newer);
    }
    let check: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *connection)
        .await?;
    if check != "ok" {
        return Err(Fault::Damaged(check));
    }
    match applied.last() {
        Some(version) => Ok(Found::Database(*version)),
        None => Err(Fault::Damaged(
            "the record of its schema's version is missing".to_owned(),
        )),
    }
}
