//! The queue of downloads, and how far each file of each has got.

use sqlx::SqliteExecutor;
use sqlx::types::Json;

use crate::store::{new_id, now, some_row, whole};
use crate::{
    NewTransfer, Segment, Store, StoreError, TransferCause, TransferFailure, TransferFile, TransferRecord,
    TransferState,
};

impl Store {
    /// Puts a download at the end of the queue.
    ///
    /// # Errors
    /// Where the database cannot be written, which includes a `sha256` that is none.
    pub async fn add_transfer(&self, new: NewTransfer) -> Result<TransferRecord, StoreError> {
        let id = new_id();
        let time = now();
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        sqlx::query!(
            "INSERT INTO transfers (id, repo, revision, name, variant, state, position, created_at)
             SELECT ?, ?, ?, ?, ?, 'queued', coalesce(max(position), 0) + 1, ? FROM transfers",
            id,
            new.repo,
            new.revision,
            new.name,
            new.variant,
            time
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        for (ordinal, file) in (0_i64..).zip(&new.files) {
            let size_bytes = whole(file.size_bytes);
            sqlx::query!(
                "INSERT INTO transfer_files (transfer_id, ordinal, path, size_bytes, sha256, etag)
                 VALUES (?, ?, ?, ?, ?, ?)",
                id,
                ordinal,
                file.path,
                size_bytes,
                file.sha256,
                file.etag
            )
            .execute(&mut *write)
            .await
            .map_err(fault)?;
        }
        let added = self.find_transfers(&mut *write, Some(&id)).await?.pop();
        write.commit().await?;
        added.ok_or_else(|| not_found(&id))
    }

    /// All downloads, in the order of the queue.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn transfers(&self) -> Result<Vec<TransferRecord>, StoreError> {
        self.find_transfers(self.readers(), None).await
    }

    /// One download.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn transfer(&self, id: &str) -> Result<TransferRecord, StoreError> {
        let found = self.find_transfers(self.readers(), Some(id)).await?.pop();
        found.ok_or_else(|| not_found(id))
    }

    /// Notes what a download is doing. `failure` is kept with [`TransferState::Failed`] alone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn set_transfer_state(
        &self,
        id: &str,
        state: TransferState,
        failure: Option<&TransferFailure>,
    ) -> Result<(), StoreError> {
        let failure = failure.filter(|_| state == TransferState::Failed);
        let error = failure.map(|failure| failure.sentence.as_str());
        let cause = failure.map(|failure| failure.cause);
        let set = sqlx::query!(
            "UPDATE transfers SET state = ?, error = ?, cause = ? WHERE id = ?",
            state,
            error,
            cause,
            id
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        some_row(set.rows_affected(), "download", id)
    }

    /// Makes a download one of another variant that has the same files.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn set_transfer_variant(&self, id: &str, variant: &str) -> Result<(), StoreError> {
        let set = sqlx::query!("UPDATE transfers SET variant = ? WHERE id = ?", variant, id)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        some_row(set.rows_affected(), "download", id)
    }

    /// Notes how far an incomplete file has got, in place of what was noted before. To be called once the
    /// bytes are synced, never earlier.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such file, or it is complete: whoever fetches it has
    /// nothing left to do.
    pub async fn save_segments(
        &self,
        id: &str,
        ordinal: u32,
        segments: &[Segment],
    ) -> Result<(), StoreError> {
        let segments = Json(segments);
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        let incomplete = sqlx::query_scalar!(
            "SELECT 1 FROM transfer_files WHERE transfer_id = ? AND ordinal = ? AND NOT complete",
            id,
            ordinal
        )
        .fetch_optional(&mut *write)
        .await
        .map_err(fault)?;
        if incomplete.is_none() {
            return Err(not_found(id));
        }
        sqlx::query!(
            "DELETE FROM transfer_segments WHERE transfer_id = ? AND file = ?",
            id,
            ordinal
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        sqlx::query!(
            "INSERT INTO transfer_segments (transfer_id, file, start_byte, end_byte, done_bytes)
             SELECT ?, ?, value ->> 'start', value ->> 'end', value ->> 'done' FROM json_each(?)",
            id,
            ordinal,
            segments
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        write.commit().await
    }

    /// Notes that a file is whole and in its place. Its segments are forgotten.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such file.
    pub async fn complete_transfer_file(&self, id: &str, ordinal: u32) -> Result<(), StoreError> {
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        let completed = sqlx::query!(
            "UPDATE transfer_files SET complete = TRUE WHERE transfer_id = ? AND ordinal = ?",
            id,
            ordinal
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        some_row(completed.rows_affected(), "download", id)?;
        sqlx::query!(
            "DELETE FROM transfer_segments WHERE transfer_id = ? AND file = ?",
            id,
            ordinal
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        write.commit().await
    }

    /// Moves a download in the queue: right before another one, or to the end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where either is not there.
    pub async fn move_transfer(&self, id: &str, before: Option<&str>) -> Result<(), StoreError> {
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        let position = match before {
            Some(before) => sqlx::query_scalar!("SELECT position FROM transfers WHERE id = ?", before)
                .fetch_optional(&mut *write)
                .await
                .map_err(fault)?
                .ok_or_else(|| not_found(before))?,
            None => sqlx::query_scalar!(
                r#"SELECT coalesce(max(position), 0) + 1 AS "position!: i64" FROM transfers"#
            )
            .fetch_one(&mut *write)
            .await
            .map_err(fault)?,
        };
        sqlx::query!(
            "UPDATE transfers SET position = position + 1 WHERE position >= ?",
            position
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        let moved = sqlx::query!("UPDATE transfers SET position = ? WHERE id = ?", position, id)
            .execute(&mut *write)
            .await
            .map_err(fault)?;
        some_row(moved.rows_affected(), "download", id)?;
        write.commit().await
    }

    /// Takes a download out of the queue. Files stay where they are.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where none has this id.
    pub async fn remove_transfer(&self, id: &str) -> Result<(), StoreError> {
        let removed = sqlx::query!("DELETE FROM transfers WHERE id = ?", id)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        some_row(removed.rows_affected(), "download", id)
    }

    /// One download or all. One statement, so that what it tells was true at one moment.
    async fn find_transfers<'c>(
        &self,
        connection: impl SqliteExecutor<'c>,
        id: Option<&str>,
    ) -> Result<Vec<TransferRecord>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT t.id, t.repo, t.revision, t.name, t.variant, t.state AS "state: TransferState", t.error,
                      t.cause AS "cause: TransferCause", t.position, t.created_at,
                      (SELECT json_group_array(json_object(
                           'ordinal', f.ordinal, 'path', f.path, 'sizeBytes', f.size_bytes, 'sha256', f.sha256,
                           'etag', f.etag, 'complete', json(iif(f.complete, 'true', 'false')),
                           'segments', json((
                               SELECT json_group_array(json_object(
                                   'start', s.start_byte, 'end', s.end_byte, 'done', s.done_bytes
                               ) ORDER BY s.start_byte)
                               FROM transfer_segments s WHERE s.transfer_id = t.id AND s.file = f.ordinal
                           ))
                       ) ORDER BY f.ordinal)
                       FROM transfer_files f WHERE f.transfer_id = t.id) AS "files!: Json<Vec<TransferFile>>"
               FROM transfers t WHERE ?1 IS NULL OR t.id = ?1 ORDER BY t.position, t.id"#,
            id
        )
        .fetch_all(connection)
        .await
        .map_err(|error| self.fault(error))?;
        let records = rows.into_iter().map(|row| TransferRecord {
            id: row.id,
            repo: row.repo,
            revision: row.revision,
            name: row.name,
            variant: row.variant,
            state: row.state,
            failure: row
                .cause
                .zip(row.error)
                .map(|(cause, sentence)| TransferFailure { cause, sentence }),
            position: row.position,
            created_at: row.created_at,
            files: row.files.0,
        });
        Ok(records.collect())
    }
}

fn not_found(id: &str) -> StoreError {
    StoreError::NotFound {
        kind: "download",
        id: id.to_owned(),
    }
}
