//! The models that Hearth knows, each a set of files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::{new_id, now, some_row, whole};
use crate::{Store, StoreError};

/// A model that Hearth remembers. Its files may have gone since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRecord {
    /// A UUID, version 7, or the fixed id that it was remembered with.
    pub id: String,
    /// What the person calls it.
    pub name: String,
    /// A GGUF file, its shards in their order, or the files of a model of safetensors, weights first; never empty.
    pub files: Vec<ModelFileRecord>,
    /// What the files take together, in bytes.
    pub size_bytes: u64,
    /// The repo on the Hub that it comes from, "org/name".
    pub repo: Option<String>,
    /// The commit of that repo.
    pub revision: Option<String>,
    /// Whether it came with Hearth.
    pub built_in: bool,
    /// Whether its files are the person's own or another program's, which Hearth never deletes.
    pub imported: bool,
    /// What its weights are quantised to while they are read, in the engine's name; none for the best that fits.
    pub quantisation: Option<String>,
    /// Whether its replies are speculated.
    pub speculates: bool,
    /// The id of the smaller model that drafts for it, if one does.
    pub draft_id: Option<String>,
    /// When it was first remembered, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was last loaded, in milliseconds since 1970.
    pub last_used_at: Option<i64>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelFileRecord {
    /// Where the file is, with no `..` and no link among its folders.
    pub path: PathBuf,
    /// The file's size in bytes, when it was remembered.
    pub size_bytes: u64,
    /// What it should hash to, in lower-case hexadecimal; none where nobody has said.
    pub sha256: Option<String>,
}

impl ModelRecord {
    /// The file that is opened: the only one, or the first shard.
    pub fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
    }
}

/// A model to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModel {
    /// A fixed id for a model whose path may change between starts, as the built-in one's does; none for
    /// one that its first file identifies.
    pub id: Option<String>,
    /// What the person calls it.
    pub name: String,
    /// A GGUF file or its shards in their order. Links among the folders are followed before they are
    /// remembered; a file that is itself a link stays one, because the Hub's cache links the name that a
    /// person knows to a file that is named by its hash.
    pub files: Vec<ModelFileRecord>,
    /// The repo on the Hub that it comes from, "org/name", and the commit.
    pub origin: Option<(String, String)>,
    /// Whether it came with Hearth.
    pub built_in: bool,
    /// Whether its files are the person's own or another program's, which Hearth never deletes.
    pub imported: bool,
    /// What its weights are to be quantised to while they are read, unless the person has said something else since.
    pub quantisation: Option<String>,
}

impl Store {
    /// The remembered models, the one used last first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn models(&self) -> Result<Vec<ModelRecord>, StoreError> {
        self.find_models(self.readers(), None).await
    }

    /// One remembered model.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn model(&self, id: &str) -> Result<ModelRecord, StoreError> {
        let found = self.find_models(self.readers(), Some(id)).await?.pop();
        found.ok_or_else(|| not_found(id))
    }

    /// Remembers a model, or brings what is remembered up to date: the one with the given id, else the one
    /// that has the first file. What is known of it and not told again stays: its origin, the hashes of
    /// files of the same size, and that Hearth itself put its files there. Other models that have one of the
    /// files are forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotUnicode`] for a path that cannot be kept, [`StoreError::NoFiles`] for none.
    pub async fn remember_model(&self, model: NewModel) -> Result<ModelRecord, StoreError> {
        let mut files = Vec::with_capacity(model.files.len());
        for file in model.files {
            let path = canonical(&file.path).map_err(|error| StoreError::from_io(&file.path, &error))?;
            let text = path
                .to_str()
                .ok_or_else(|| StoreError::NotUnicode { path: path.clone() })?
                .to_owned();
            files.push((text, file));
        }
        let Some((first, _)) = files.first() else {
            return Err(StoreError::NoFiles { name: model.name });
        };
        let (repo, revision) = model.origin.unzip();
        let time = now();
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        let id = match model.id {
            Some(id) => id,
            None => sqlx::query_scalar!("SELECT model_id FROM model_files WHERE path = ?", first)
                .fetch_optional(&mut *write)
                .await
                .map_err(fault)?
                .unwrap_or_else(new_id),
        };
        let known = self.find_models(&mut *write, Some(&id)).await?.pop();
        sqlx::query!(
            "INSERT INTO models (id, name, built_in, imported, repo, revision, quantisation, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE
             SET name = excluded.name, built_in = max(built_in, excluded.built_in),
                 imported = min(imported, excluded.imported),
                 repo = coalesce(excluded.repo, repo), revision = coalesce(excluded.revision, revision),
                 quantisation = coalesce(quantisation, excluded.quantisation)",
            id,
            model.name,
            model.built_in,
            model.imported,
            repo,
            revision,
            model.quantisation,
            time
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        sqlx::query!("DELETE FROM model_files WHERE model_id = ?", id)
            .execute(&mut *write)
            .await
            .map_err(fault)?;
        for (ordinal, (path, file)) in (0_i64..).zip(files) {
            let sha256 = file.sha256.or_else(|| {
                let mut files = known.iter().flat_map(|known| &known.files);
                let same =
                    files.find(|old| old.path == Path::new(&path) && old.size_bytes == file.size_bytes);
                same.and_then(|old| old.sha256.clone())
            });
            let file = ModelFileRecord { sha256, ..file };
            insert_file(&mut write, &id, ordinal, &path, &file)
                .await
                .map_err(fault)?;
        }
        let remembered = self.find_models(&mut *write, Some(&id)).await?.pop();
        write.commit().await?;
        remembered.ok_or_else(|| not_found(&id))
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
        some_row(touched.rows_affected(), "model", id)
    }

    /// Sets what a model's weights are quantised to while they are read; none for the best that fits.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn set_quantisation(&self, id: &str, quantisation: Option<&str>) -> Result<(), StoreError> {
        let set = sqlx::query!(
            "UPDATE models SET quantisation = ? WHERE id = ?",
            quantisation,
            id
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        some_row(set.rows_affected(), "model", id)
    }

    /// Forgets a model. Its files stay.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn forget_model(&self, id: &str) -> Result<(), StoreError> {
        let forgotten = sqlx::query!("DELETE FROM models WHERE id = ?", id)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        some_row(forgotten.rows_affected(), "model", id)
    }

    /// One model or all.
    async fn find_models<'c>(
        &self,
        connection: impl SqliteExecutor<'c>,
        id: Option<&str>,
    ) -> Result<Vec<ModelRecord>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT m.id, m.name, m.repo, m.revision, m.built_in AS "built_in: bool",
                      m.imported AS "imported: bool", m.quantisation, m.speculates AS "speculates: bool", m.draft_id,
                      m.created_at, m.last_used_at,
                      (SELECT json_group_array(json_object(
                           'path', f.path, 'sizeBytes', f.size_bytes, 'sha256', f.sha256
                       ) ORDER BY f.ordinal)
                       FROM model_files f WHERE f.model_id = m.id) AS "files!: Json<Vec<ModelFileRecord>>"
               FROM models m WHERE ?1 IS NULL OR m.id = ?1
               ORDER BY m.last_used_at DESC NULLS LAST, m.created_at DESC, m.id DESC"#,
            id
        )
        .fetch_all(connection)
        .await
        .map_err(|error| self.fault(error))?;
        let records = rows.into_iter().map(|row| ModelRecord {
            id: row.id,
            name: row.name,
            size_bytes: row
                .files
                .iter()
                .fold(0, |sum, file| file.size_bytes.saturating_add(sum)),
            files: row.files.0,
            repo: row.repo,
            revision: row.revision,
            built_in: row.built_in,
            imported: row.imported,
            quantisation: row.quantisation,
            speculates: row.speculates,
            draft_id: row.draft_id,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        });
        Ok(records.collect())
    }
}

/// Gives a file to a model. The model that had it before is forgotten: it would lack a file.
async fn insert_file(
    connection: &mut SqliteConnection,
    model: &str,
    ordinal: i64,
    path: &str,
    file: &ModelFileRecord,
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM models WHERE id IN (SELECT model_id FROM model_files WHERE path = ?) AND id <> ?",
        path,
        model
    )
    .execute(&mut *connection)
    .await?;
    let size_bytes = whole(file.size_bytes);
    sqlx::query!(
        "INSERT INTO model_files (model_id, ordinal, path, size_bytes, sha256) VALUES (?, ?, ?, ?, ?)",
        model,
        ordinal,
        path,
        size_bytes,
        file.sha256
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// One spelling for one file. On Windows without the `\\?\` that the system puts before it and that no
/// person would recognise.
fn canonical(path: &Path) -> std::io::Result<PathBuf> {
    if let (true, Some(folder), Some(name)) = (path.is_symlink(), path.parent(), path.file_name()) {
        let folder = if folder == Path::new("") {
            Path::new(".")
        } else {
            folder
        };
        return dunce::canonicalize(folder).map(|folder| folder.join(name));
    }
    dunce::canonicalize(path).or_else(|_| std::path::absolute(path))
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound {
        kind: "model",
        id: id.to_owned(),
    }
}
