//! Reading the tree of messages: one, a branch, the way to a reply.

use sqlx::SqliteConnection;
use sqlx::types::Json;

use crate::{Message, MessageRole, MessageStatus, ReplyStats, Store, StoreError};

/// A message's place in the tree.
pub(crate) struct Place {
    pub(crate) seq: i64,
    pub(crate) chat_id: String,
    pub(crate) role: MessageRole,
    pub(crate) chat_deleted: bool,
}

struct Row {
    id: String,
    chat_id: String,
    parent_id: Option<String>,
    role: MessageRole,
    status: MessageStatus,
    content: String,
    error: Option<String>,
    model: Option<String>,
    stats: Option<String>,
    siblings: Json<Vec<String>>,
    created_at: i64,
}

impl Store {
    /// The branch of a chat that the person sees, first message first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such chat, or it is deleted.
    pub async fn branch(&self, chat_id: &str) -> Result<Vec<Message>, StoreError> {
        let mut connection = self.read().await?;
        let leaf = active_leaf(&mut connection, chat_id)
            .await
            .map_err(|error| self.fault(error))?
            .ok_or_else(|| StoreError::chat_not_found(chat_id))?;
        match leaf {
            Some(leaf) => path_to(&mut connection, leaf, i64::MAX)
                .await
                .map_err(|error| self.fault(error)),
            None => Ok(Vec::new()),
        }
    }

    /// What was said up to a message, the message included, first message first: what a model is given.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such message.
    pub async fn history(&self, message_id: &str) -> Result<Vec<Message>, StoreError> {
        let mut connection = self.read().await?;
        let place = self.place(&mut connection, message_id).await?;
        path_to(&mut connection, place.seq, i64::MAX)
            .await
            .map_err(|error| self.fault(error))
    }

    /// One message.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such message.
    pub async fn message(&self, id: &str) -> Result<Message, StoreError> {
        let mut connection = self.read().await?;
        let place = self.place(&mut connection, id).await?;
        self.message_at(&mut connection, place.seq).await
    }

    pub(crate) async fn message_at(
        &self,
        connection: &mut SqliteConnection,
        seq: i64,
    ) -> Result<Message, StoreError> {
        path_to(connection, seq, 1)
            .await
            .map_err(|error| self.fault(error))?
            .pop()
            .ok_or_else(|| StoreError::message_not_found(&seq.to_string()))
    }

    pub(crate) async fn place(
        &self,
        connection: &mut SqliteConnection,
        message_id: &str,
    ) -> Result<Place, StoreError> {
        sqlx::query_as!(
            Place,
            r#"SELECT m.seq, m.chat_id, m.role AS "role: MessageRole",
                      c.deleted_at IS NOT NULL AS "chat_deleted!: bool"
               FROM messages m JOIN chats c ON c.id = m.chat_id WHERE m.id = ?"#,
            message_id
        )
        .fetch_optional(connection)
        .await
        .map_err(|error| self.fault(error))?
        .ok_or_else(|| StoreError::message_not_found(message_id))
    }
}

/// The end of the branch that the person sees; none in an empty chat. The outer none: there is no such
/// chat, or it is deleted.
pub(crate) async fn active_leaf(
    connection: &mut SqliteConnection,
    chat_id: &str,
) -> sqlx::Result<Option<Option<i64>>> {
    sqlx::query_scalar!(
        "SELECT active_leaf FROM chats WHERE id = ? AND deleted_at IS NULL",
        chat_id
    )
    .fetch_optional(connection)
    .await
}

/// At most `levels` messages that end with `leaf`, each the parent of the next.
pub(crate) async fn path_to(
    connection: &mut SqliteConnection,
    leaf: i64,
    levels: i64,
) -> sqlx::Result<Vec<Message>> {
    // A parent's seq is smaller than its child's, so seq is also the order of the branch.
    let rows = sqlx::query_as!(
        Row,
        r#"WITH RECURSIVE up (seq, level) AS (
               SELECT ?1, 1
               UNION ALL
               SELECT m.parent, up.level + 1 FROM up JOIN messages m ON m.seq = up.seq
               WHERE m.parent IS NOT NULL AND up.level < ?2
           )
           SELECT m.id, m.chat_id, p.id AS "parent_id?", m.role AS "role: MessageRole",
                  m.status AS "status: MessageStatus", m.content, m.error, m.model, m.stats,
                  (SELECT json_group_array(s.id ORDER BY s.ordinal) FROM messages s
                   WHERE s.chat_id = m.chat_id AND s.parent IS m.parent) AS "siblings!: Json<Vec<String>>",
                  m.created_at
           FROM up JOIN messages m ON m.seq = up.seq LEFT JOIN messages p ON p.seq = m.parent
           ORDER BY m.seq"#,
        leaf,
        levels
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Message::from).collect())
}

impl From<Row> for Message {
    fn from(row: Row) -> Self {
        let stats = row.stats.and_then(|text| parse_stats(&row.id, &text));
        Self {
            id: row.id,
            chat_id: row.chat_id,
            parent_id: row.parent_id,
            role: row.role,
            status: row.status,
            content: row.content,
            error: row.error,
            model: row.model,
            stats,
            siblings: row.siblings.0,
            created_at: row.created_at,
        }
    }
}

/// Numbers that another version wrote in another shape are no reason not to open a chat.
fn parse_stats(message: &str, text: &str) -> Option<ReplyStats> {
    serde_json::from_str(text)
        .inspect_err(|error| tracing::warn!(message, %error, "the reply's numbers cannot be read"))
        .ok()
}
