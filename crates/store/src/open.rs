//! Opens the database: looks first, copies before changing, and finds what a crash left unfinished.

use std::path::Path;

use sqlx::migrate::{MigrateError, Migrator};

use crate::inspect::{Found, inspect};
use crate::{Store, StoreError, backup, lock};

static MIGRATIONS: Migrator = sqlx::migrate!();

impl Store {
    /// Opens the database at `path`, making it and its folder where they are missing. Replies that a crash
    /// cut short are marked [`Interrupted`](crate::MessageStatus::Interrupted).
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Newer`], [`StoreError::Corrupt`], [`StoreError::ReadOnly`] and
    /// [`StoreError::Full`] leave the file as it was; [`Store::set_aside`] makes way for a new one.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &MIGRATIONS).await
    }

    async fn open_with(path: &Path, migrator: &Migrator) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(|error| StoreError::from_io(path, &error))?;
        }
        let lock = lock::lock(path)?;
        let found = inspect(path, migrator).await?;
        let store = Self::connect(path, lock).await?;
        let prepared = store.prepare(found, migrator).await;
        if prepared.is_err() {
            store.close().await;
        }
        prepared.map(|()| store)
    }

    async fn prepare(&self, found: Found, migrator: &Migrator) -> Result<(), StoreError> {
        let mut connection = self.writer().acquire().await.map_err(|error| self.fault(error))?;
        if let Found::Database(version) = found
            && let Some(next) = migrator.iter().find(|migration| migration.version > version)
        {
            let copy = backup::back_up(&mut connection, self.path(), next.version).await?;
            tracing::info!(copy = %copy.display(), "the database was copied before its schema changes");
        }
        migrator
            .run_direct(None, &mut *connection, false)
            .await
            .map_err(|error| self.migration_fault(error))?;
        drop(connection);
        self.sweep_interrupted().await
    }

    fn migration_fault(&self, error: MigrateError) -> StoreError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => self.fault(error),
            error => StoreError::Other {
                path: self.path().to_path_buf(),
                detail: error.to_string(),
            },
        }
    }

    /// Nothing can be streaming when the database has only just been opened.
    async fn sweep_interrupted(&self) -> Result<(), StoreError> {
        // In a transaction even if there is nothing to do, so that a read-only file is found out here and
        // not with the first question.
        let mut write = self.write().await?;
        let swept = sqlx::query!("UPDATE messages SET status = 'interrupted' WHERE status = 'streaming'")
            .execute(&mut *write)
            .await
            .map_err(|error| self.fault(error))?
            .rows_affected();
        if swept > 0 {
            tracing::warn!(replies = swept, "replies were cut short when Hearth last ended");
        }
        write.commit().await
    }
}
