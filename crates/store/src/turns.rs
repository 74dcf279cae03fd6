//! Growing the tree: a question with its reply, another reply, another branch.

use sqlx::SqliteConnection;

use crate::messages::{active_leaf, path_to};
use crate::store::{Write, new_id, now};
use crate::{Chat, Message, MessageRole, MessageStatus, Store, StoreError, Turn};

/// Where a question goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent<'a> {
    /// At the start of the chat, as another version of its first question where there is one.
    Root,
    /// At the end of the branch that the person sees.
    Leaf,
    /// After this reply, as another version of what followed it where something did.
    Message(&'a str),
}

impl Store {
    /// Writes down a question and an empty reply to it, which is then the end of the branch that the person
    /// sees. Either both are there or neither. An edited question is a turn with the same parent.
    ///
    /// `model` is the display name of the model that is to reply.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a chat or parent that is not there, [`StoreError::WrongRole`] for a
    /// parent that is itself a question.
    pub async fn begin_turn(
        &self,
        chat_id: &str,
        parent: Parent<'_>,
        text: &str,
        model: &str,
    ) -> Result<Turn, StoreError> {
        let mut write = self.write().await?;
        let leaf = active_leaf(&mut write, chat_id)
            .await
            .map_err(|error| self.fault(error))?
            .ok_or_else(|| StoreError::chat_not_found(chat_id))?;
        let parent = match parent {
            Parent::Root => None,
            Parent::Leaf => leaf,
            Parent::Message(id) => {
                let place = self.place(&mut write, id).await?;
                if place.chat_id != chat_id {
                    return Err(StoreError::message_not_found(id));
                }
                if place.role == MessageRole::User {
                    return Err(StoreError::WrongRole {
                        id: id.to_owned(),
                        expected: MessageRole::Assistant,
                    });
                }
                Some(place.seq)
            }
        };
        let user = NewMessage {
            role: MessageRole::User,
            status: MessageStatus::Complete,
            content: text,
            model: None,
        };
        let user = self.insert(&mut write, chat_id, parent, user).await?;
        let reply = self
            .insert(&mut write, chat_id, Some(user), NewMessage::reply(model))
            .await?;
        let chat = self.show(&mut write, chat_id, reply).await?;
        let turn = Turn {
            chat,
            user: self.message_at(&mut write, user).await?,
            reply: self.message_at(&mut write, reply).await?,
        };
        write.commit().await?;
        Ok(turn)
    }

    /// Writes down another, empty reply to a question, which is then the end of the branch that the person
    /// sees. `model` is the display name of the model that is to reply.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a question that is not there, [`StoreError::WrongRole`] for a message
    /// that is none.
    pub async fn begin_reply(&self, user_message_id: &str, model: &str) -> Result<Message, StoreError> {
        let mut write = self.write().await?;
        let place = self.place(&mut write, user_message_id).await?;
        if place.chat_deleted {
            return Err(StoreError::chat_not_found(&place.chat_id));
        }
        if place.role != MessageRole::User {
            return Err(StoreError::WrongRole {
                id: user_message_id.to_owned(),
                expected: MessageRole::User,
            });
        }
        let reply = self
            .insert(
                &mut write,
                &place.chat_id,
                Some(place.seq),
                NewMessage::reply(model),
            )
            .await?;
        self.show(&mut write, &place.chat_id, reply).await?;
        let message = self.message_at(&mut write, reply).await?;
        write.commit().await?;
        Ok(message)
    }

    /// Shows the branch through a message, down to what was said last below it, and returns that branch.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such message, or its chat is deleted.
    pub async fn choose_branch(&self, message_id: &str) -> Result<Vec<Message>, StoreError> {
        let mut write = self.write().await?;
        let place = self.place(&mut write, message_id).await?;
        if place.chat_deleted {
            return Err(StoreError::chat_not_found(&place.chat_id));
        }
        let fault = |error| self.fault(error);
        // The greatest seq below a message is a leaf: its children would have greater ones. CROSS, because
        // SQLite's planner would otherwise go through the whole chat once for each message.
        let leaf = sqlx::query_scalar!(
            r#"WITH RECURSIVE down (seq) AS (
                   SELECT ?1
                   UNION ALL
                   SELECT m.seq FROM down CROSS JOIN messages m ON m.chat_id = ?2 AND m.parent = down.seq
               )
               SELECT max(seq) AS "seq!: i64" FROM down"#,
            place.seq,
            place.chat_id
        )
        .fetch_one(&mut *write)
        .await
        .map_err(fault)?;
        sqlx::query!(
            "UPDATE chats SET active_leaf = ? WHERE id = ?",
            leaf,
            place.chat_id
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        let branch = path_to(&mut write, leaf, i64::MAX).await.map_err(fault)?;
        write.commit().await?;
        Ok(branch)
    }

    /// Adds a message after `parent`, behind the versions that are there already. Returns its seq.
    async fn insert(
        &self,
        connection: &mut SqliteConnection,
        chat_id: &str,
        parent: Option<i64>,
        message: NewMessage<'_>,
    ) -> Result<i64, StoreError> {
        let id = new_id();
        let time = now();
        let inserted = sqlx::query!(
            "INSERT INTO messages (id, chat_id, parent, ordinal, role, status, content, model, created_at)
             SELECT ?1, ?2, ?3, count(*), ?4, ?5, ?6, ?7, ?8 FROM messages WHERE chat_id = ?2 AND parent IS ?3",
            id,
            chat_id,
            parent,
            message.role,
            message.status,
            message.content,
            message.model,
            time
        )
        .execute(connection)
        .await
        .map_err(|error| self.fault(error))?;
        Ok(inserted.last_insert_rowid())
    }

    /// Makes `leaf` the end of the branch that the person sees, as an activity of now.
    async fn show(&self, write: &mut Write, chat_id: &str, leaf: i64) -> Result<Chat, StoreError> {
        let time = now();
        sqlx::query_as!(
            Chat,
            r#"UPDATE chats SET active_leaf = ?, updated_at = ? WHERE id = ?
               RETURNING id AS "id!", title AS "title!", created_at AS "created_at!", updated_at AS "updated_at!""#,
            leaf,
            time,
            chat_id
        )
        .fetch_one(&mut **write)
        .await
        .map_err(|error| self.fault(error))
    }
}

struct NewMessage<'a> {
    role: MessageRole,
    status: MessageStatus,
    content: &'a str,
    model: Option<&'a str>,
}

impl<'a> NewMessage<'a> {
    fn reply(model: &'a str) -> Self {
        Self {
            role: MessageRole::Assistant,
            status: MessageStatus::Streaming,
            content: "",
            model: Some(model),
        }
    }
}
