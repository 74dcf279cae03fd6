//! The list of chats.

use std::time::Duration;

use crate::store::{new_id, now};
use crate::{Chat, Store, StoreError};

impl Store {
    /// The chats that are not deleted, the one with the newest activity first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn chats(&self) -> Result<Vec<Chat>, StoreError> {
        sqlx::query_as!(
            Chat,
            "SELECT id, title, created_at, updated_at FROM chats WHERE deleted_at IS NULL
             ORDER BY updated_at DESC, id DESC"
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error))
    }

    /// Begins an empty chat.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn create_chat(&self, title: &str) -> Result<Chat, StoreError> {
        let time = now();
        let chat = Chat {
            id: new_id(),
            title: title.to_owned(),
            created_at: time,
            updated_at: time,
        };
        sqlx::query!(
            "INSERT INTO chats (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)",
            chat.id,
            chat.title,
            chat.created_at,
            chat.updated_at
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        Ok(chat)
    }

    /// One chat.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a deleted one.
    pub async fn chat(&self, id: &str) -> Result<Chat, StoreError> {
        sqlx::query_as!(
            Chat,
            "SELECT id, title, created_at, updated_at FROM chats WHERE id = ? AND deleted_at IS NULL",
            id
        )
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error))?
        .ok_or_else(|| StoreError::chat_not_found(id))
    }

    /// Gives a chat another title. It keeps its place in the list: naming is no activity.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a deleted one.
    pub async fn rename_chat(&self, id: &str, title: &str) -> Result<Chat, StoreError> {
        sqlx::query_as!(
            Chat,
            r#"UPDATE chats SET title = ? WHERE id = ? AND deleted_at IS NULL
               RETURNING id AS "id!", title AS "title!", created_at AS "created_at!", updated_at AS "updated_at!""#,
            title,
            id
        )
        .fetch_optional(self.writer())
        .await
        .map_err(|error| self.fault(error))?
        .ok_or_else(|| StoreError::chat_not_found(id))
    }

    /// Takes a chat out of the list. Until it is purged, [`Store::restore_chat`] brings it back.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for one that is deleted already.
    pub async fn delete_chat(&self, id: &str) -> Result<(), StoreError> {
        let time = now();
        let deleted = sqlx::query!(
            "UPDATE chats SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL",
            time,
            id
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::chat_not_found(id));
        }
        Ok(())
    }

    /// Undoes [`Store::delete_chat`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`] once it is purged.
    pub async fn restore_chat(&self, id: &str) -> Result<Chat, StoreError> {
        sqlx::query_as!(
            Chat,
            r#"UPDATE chats SET deleted_at = NULL WHERE id = ?
               RETURNING id AS "id!", title AS "title!", created_at AS "created_at!", updated_at AS "updated_at!""#,
            id
        )
        .fetch_optional(self.writer())
        .await
        .map_err(|error| self.fault(error))?
        .ok_or_else(|| StoreError::chat_not_found(id))
    }

    /// Removes for good, with all messages, the chats that were deleted at least `older_than` ago, and says
    /// how many.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn purge_deleted_chats(&self, older_than: Duration) -> Result<u64, StoreError> {
        let before = now().saturating_sub(i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX));
        let purged = sqlx::query!("DELETE FROM chats WHERE deleted_at <= ?", before)
            .execute(self.writer())
            .await
            .map_err(|error| self.fault(error))?;
        Ok(purged.rows_affected())
    }
}
