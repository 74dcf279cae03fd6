//! The open database: one connection that writes, a few that read.

use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection};

use crate::StoreError;

/// How long a statement waits for a lock that another program holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

/// The chats, models, downloads and settings of one person. Clones share the same connections.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
    lock: File,
}

impl Store {
    /// Connects to a database that has been looked at, or makes it.
    pub(crate) async fn connect(path: &Path, lock: File) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT);
        // A connection that lives as long as the store: a new one would cost and gain nothing.
        let pool = SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None);
        let writer = pool
            .clone()
            .max_connections(1)
            .connect_with(
                options
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .foreign_keys(true)
                    .optimize_on_close(true, None),
            )
            .await
            .map_err(|error| StoreError::from_sqlx(path, &error))?;
        let readers = pool
            .max_connections(READERS)
            .connect_lazy_with(options.read_only(true));
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_path_buf(),
                writer,
                readers,
                lock,
            }),
        })
    }

    /// Writes what SQLite still holds in its log into the database file and lets go of it. Every clone is
    /// closed with it.
    pub async fn close(&self) {
        // The writer last: the last connection to close is the one that empties the log.
        self.shared.readers.close().await;
        self.shared.writer.close().await;
        if let Err(error) = self.shared.lock.unlock() {
            tracing::warn!(%error, "the lock beside the database was not released");
        }
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.shared.readers
    }

    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.shared.writer
    }

    pub(crate) fn fault(&self, error: sqlx::Error) -> StoreError {
        StoreError::from_sqlx(self.path(), &error)
    }

    /// A connection for reading.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers().acquire().await.map_err(|error| self.fault(error))
    }

    /// Begins a transaction that writes. It is undone unless [`Write::commit`] ends it.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        let connection = self.writer().acquire().await.map_err(|error| self.fault(error))?;
        let mut write = Write {
            connection: Some(connection),
            path: self.shared.path.clone(),
        };
        // Not a deferred one: a lock is refused at once or never, and not halfway through.
        sqlx::query("BEGIN IMMEDIATE")
            .execute(&mut *write)
            .await
            .map_err(|error| self.fault(error))?;
        Ok(write)
    }
}

/// A transaction on the one connection that writes.
///
/// Not sqlx's own, which loses count when SQLite itself has undone a transaction, as it does on a full
/// disk, and then never lets that connection begin another.
pub(crate) struct Write {
    connection: Option<PoolConnection<Sqlite>>,
    path: PathBuf,
}

impl Write {
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        sqlx::query("COMMIT")
            .execute(&mut *self)
            .await
            .map_err(|error| StoreError::from_sqlx(&self.path, &error))?;
        self.connection = None;
        Ok(())
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    #[expect(
        clippy::expect_used,
        reason = "only commit takes the connection, and it consumes the transaction"
    )]
    fn deref(&self) -> &SqliteConnection {
        self.connection
            .as_deref()
            .expect("the connection is there until the end")
    }
}

impl DerefMut for Write {
    #[expect(
        clippy::expect_used,
        reason = "only commit takes the connection, and it consumes the transaction"
    )]
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection
            .as_deref_mut()
            .expect("the connection is there until the end")
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        // Closing undoes the transaction whatever state it is in; the pool opens another connection.
        if let Some(connection) = &mut self.connection {
            connection.close_on_drop();
        }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// An error where a statement has found no row: there is no `kind` of this id.
pub(crate) fn some_row(affected: u64, kind: &'static str, id: &str) -> Result<(), StoreError> {
    if affected == 0 {
        return Err(StoreError::NotFound {
            kind,
            id: id.to_owned(),
        });
    }
    Ok(())
}

/// An id that sorts by the time of its making.
pub(crate) fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A size or count as SQLite holds it, whose integers are signed. No file comes near the 8 EiB at which
/// this would be wrong.
pub(crate) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
