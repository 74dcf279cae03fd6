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

#[cfg(test)]
mod tests {
    use std::fs;

    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType};
    use tempfile::TempDir;

    use super::*;

    /// This build's migrations and later ones, as a later build would have them.
    fn later_build(later: &[(i64, &'static str)]) -> Migrator {
        let mut migrations: Vec<Migration> = MIGRATIONS.iter().cloned().collect();
        migrations.extend(later.iter().map(|(version, sql)| {
            Migration::new(
                *version,
                "later".into(),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        }));
        Migrator::with_migrations(migrations)
    }

    fn copies(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("-before-"))
            .collect();
        names.sort();
        names
    }

    const STEPS: [(i64, &str); 5] = [
        (101, "ALTER TABLE chats ADD COLUMN a TEXT"),
        (102, "ALTER TABLE chats ADD COLUMN b TEXT"),
        (103, "ALTER TABLE chats ADD COLUMN c TEXT"),
        (104, "ALTER TABLE chats ADD COLUMN d TEXT"),
        (105, "this is no SQL"),
    ];

    #[tokio::test]
    async fn the_database_is_copied_before_its_schema_changes() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path).await.unwrap();
        let chat = store.create_chat("About tea").await.unwrap();
        store.close().await;
        assert!(
            copies(folder.path()).is_empty(),
            "a new database and an unchanged one need no copy"
        );
        Store::open(&path).await.unwrap().close().await;
        assert!(copies(folder.path()).is_empty());

        for builds in 1..=4 {
            let store = Store::open_with(&path, &later_build(&STEPS[..builds]))
                .await
                .unwrap();
            assert_eq!(store.chats().await.unwrap(), std::slice::from_ref(&chat));
            store.close().await;
        }
        assert_eq!(
            copies(folder.path()),
            [
                "hearth-before-102.db",
                "hearth-before-103.db",
                "hearth-before-104.db"
            ],
            "the newest three"
        );

        let copy = folder.path().join("hearth-before-102.db");
        let old = Store::open_with(&copy, &later_build(&STEPS[..1])).await.unwrap();
        assert_eq!(
            old.chats().await.unwrap(),
            [chat],
            "the build that wrote it opens it"
        );
    }

    #[tokio::test]
    async fn models_of_one_file_become_sets_of_files() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hearth.db");
        let first_build = Migrator::with_migrations(MIGRATIONS.iter().take(1).cloned().collect());
        let store = Store::open_with(&path, &first_build).await.unwrap();
        let chat = store.create_chat("About tea").await.unwrap();
        sqlx::query(
            r#"INSERT INTO models (id, path, name, size_bytes, built_in, created_at, last_used_at)
               VALUES ('built-in-bard', '/opt/hearth/bard.gguf', 'Bard', 1900000, 1, 5, NULL),
                      ('picked', 'C:\Models\tea "Q4".gguf', 'tea', 4000000000, 0, 6, 7);
               INSERT INTO settings (key, value) VALUES ('lastModel', '"picked"')"#,
        )
        .execute(store.writer())
        .await
        .unwrap();
        store.close().await;

        let store = Store::open(&path).await.unwrap();
        let models = store.models().await.unwrap();
        let told: Vec<_> = models
            .iter()
            .map(|model| {
                (
                    model.id.as_str(),
                    model.path(),
                    model.size_bytes,
                    model.last_used_at,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                (
                    "picked",
                    Path::new(r#"C:\Models\tea "Q4".gguf"#),
                    4_000_000_000,
                    Some(7)
                ),
                (
                    "built-in-bard",
                    Path::new("/opt/hearth/bard.gguf"),
                    1_900_000,
                    None
                ),
            ]
        );
        let (picked, bard) = (&models[0], &models[1]);
        assert!(picked.imported && !picked.built_in && picked.created_at == 6);
        assert!(bard.built_in && !bard.imported && bard.files.len() == 1);
        assert_eq!(store.chats().await.unwrap(), [chat]);
        assert_eq!(
            store.setting::<String>("lastModel").await.unwrap().as_deref(),
            Some("picked")
        );
        store.forget_model("picked").await.unwrap();
        assert_eq!(copies(folder.path()), ["hearth-before-2.db"]);
    }

    #[tokio::test]
    async fn a_change_that_fails_changes_nothing() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("hearth.db");
        let store = Store::open(&path).await.unwrap();
        let chat = store.create_chat("About tea").await.unwrap();
        store.close().await;

        for _ in 0..2 {
            let failing = later_build(&STEPS[4..]);
            assert!(matches!(
                Store::open_with(&path, &failing).await,
                Err(StoreError::Other { .. })
            ));
        }
        let store = Store::open(&path).await.unwrap();
        assert_eq!(store.chats().await.unwrap(), [chat]);
        assert_eq!(copies(folder.path()), ["hearth-before-105.db"]);
    }

    #[tokio::test]
    async fn the_disk_is_waited_for() {
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("hearth.db")).await.unwrap();
        let mut writer = store.writer().acquire().await.unwrap();
        for (pragma, expected) in [
            ("PRAGMA synchronous", 2),
            ("PRAGMA foreign_keys", 1),
            ("PRAGMA busy_timeout", 5000),
        ] {
            let value: i64 = sqlx::query_scalar(pragma).fetch_one(&mut *writer).await.unwrap();
            assert_eq!(value, expected, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut *writer)
            .await
            .unwrap();
        assert_eq!(mode, "wal");
        let mut reader = store.read().await.unwrap();
        let refused = sqlx::query("DELETE FROM chats")
            .execute(&mut *reader)
            .await
            .unwrap_err();
        assert!(
            matches!(store.fault(refused), StoreError::ReadOnly { .. }),
            "readers do not write"
        );
    }
}
