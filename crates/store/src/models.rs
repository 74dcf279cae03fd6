//! The models that were opened before.

use std::path::{Path, PathBuf};

use crate::store::{new_id, now};
use crate::{Store, StoreError};

/// A model file that Hearth remembers. The file itself may have gone since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRecord {
    /// A UUID, version 7, or the fixed id that it was remembered with.
    pub id: String,
    /// Where the file is, with no link or `..` in it.
    pub path: PathBuf,
    /// What the person calls it.
    pub name: String,
    /// The file's size in bytes, when it was remembered.
    pub size_bytes: u64,
    /// Whether it came with Hearth.
    pub built_in: bool,
    /// When it was first remembered, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last loaded, in milliseconds since 1970.
    pub last_used_at: Option<i64>,
}

/// A model file to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// A fixed id for a model whose path may change between starts, as the built-in one's does; none for
    /// one that its path identifies.
    pub id: Option<String>,
    /// Where the file is; links are followed before it is remembered.
    pub path: PathBuf,
    /// What the person calls it.
    pub name: String,
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// Whether it came with Hearth.
    pub built_in: bool,
}

struct Row {
    id: String,
    path: String,
    name: String,
    size_bytes: i64,
    built_in: bool,
    created_at: i64,
    last_used_at: Option<i64>,
}

impl Store {
    /// The remembered models, the one used last first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, path, name, size_bytes, built_in AS "built_in: bool", created_at, last_used_at FROM models
               ORDER BY last_used_at DESC NULLS LAST, created_at DESC, id DESC"#
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error))?;
        Ok(rows.into_iter().map(ModelRecord::from).collect())
    }

    /// One remembered model.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn model(&self, id: &str) -> Result<ModelRecord, StoreError> {
        sqlx::query_as!(
            Row,
            r#"SELECT id, path, name, size_bytes, built_in AS "built_in: bool", created_at, last_used_at FROM models
               WHERE id = ?"#,
            id
        )
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error))?
        .map(ModelRecord::from)
        .ok_or_else(|| not_found(id))
    }

    /// Remembers a model, or brings what is remembered up to date: the one with the given id, else the one
    /// at the same path.
    ///
    /// # Errors
    /// [`StoreError::NotUnicode`] for a path that cannot be kept.
    pub async fn remember_model(&self, model: NewModel) -> Result<ModelRecord, StoreError> {
        let path = canonical(&model.path).map_err(|error| StoreError::from_io(&model.path, &error))?;
        let path = path
            .to_str()
            .ok_or_else(|| StoreError::NotUnicode { path: path.clone() })?;
        let size_bytes = i64::try_from(model.size_bytes).unwrap_or(i64::MAX);
        let time = now();
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        let id = match model.id {
            Some(id) => {
                // The same file may have been opened by hand before it was known by this id.
                sqlx::query!("DELETE FROM models WHERE path = ? AND id <> ?", path, id)
                    .execute(&mut *write)
                    .await
                    .map_err(fault)?;
                id
            }
            None => sqlx::query_scalar!("SELECT id FROM models WHERE path = ?", path)
                .fetch_optional(&mut *write)
                .await
                .map_err(fault)?
                .unwrap_or_else(new_id),
        };
        let row = sqlx::query_as!(
            Row,
            r#"INSERT INTO models (id, path, name, size_bytes, built_in, created_at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE
               SET path = excluded.path, name = excluded.name, size_bytes = excluded.size_bytes,
                   built_in = max(built_in, excluded.built_in)
               RETURNING id AS "id!", path AS "path!", name AS "name!", size_bytes AS "size_bytes!",
                         built_in AS "built_in!: bool", created_at AS "created_at!", last_used_at"#,
            id,
            path,
            model.name,
            size_bytes,
            model.built_in,
            time
        )
        .fetch_one(&mut *write)
        .await
        .map_err(fault)?;
        write.commit().await?;
        Ok(row.into())
    }

    /// Notes that a model is used now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn touch_model(&self, id: &str) -> Result<(), StoreError> {
        let time = now();
        let touched = sqlx::query!("UPDATE models SET last_used_at = ? WHERE id = ?", time, id)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        if touched.rows_affected() == 0 {
            return Err(not_found(id));
        }
        Ok(())
    }

    /// Forgets a model. Its file stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn forget_model(&self, id: &str) -> Result<(), StoreError> {
        let forgotten = sqlx::query!("DELETE FROM models WHERE id = ?", id)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        if forgotten.rows_affected() == 0 {
            return Err(not_found(id));
        }
        Ok(())
    }
}

impl From<Row> for ModelRecord {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            path: PathBuf::from(row.path),
            name: row.name,
            size_bytes: row.size_bytes.unsigned_abs(),
            built_in: row.built_in,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// One spelling for one file. On Windows without the `\\?\` that the system puts before it and that no
/// person would recognise.
fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    dunce::canonicalize(path).or_else(|_| std::path::absolute(path))
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound {
        kind: "model",
        id: id.to_owned(),
    }
}
