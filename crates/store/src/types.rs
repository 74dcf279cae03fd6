//! What the rest of Hearth, and its window, see of a chat.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A conversation as the list of chats shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// A UUID, version 7.
    pub id: String,
    /// What the list shows; may be empty.
    pub title: String,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub created_at: i64,
    /// When something was last said in it, in milliseconds since 1970.
    #[ts(type = "number")]
    pub updated_at: i64,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(rename_all = "camelCase")]
pub enum MessageRole {
    /// Instructions that stand above the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// How far a message got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(rename_all = "camelCase")]
pub enum MessageStatus {
    /// Being written now.
    Streaming,
    /// Whole.
    Complete,
    /// Cut short by the person.
    Stopped,
    /// Cut short by a crash of the engine or of the app.
    Interrupted,
    /// Cut short by an error, which [`Message::error`] tells.
    Error,
}

/// One message, with what is needed to show the other versions at its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// A UUID, version 7.
    pub id: String,
    /// The chat it belongs to.
    pub chat_id: String,
    /// The message it follows; none for the first of a chat.
    pub parent_id: Option<String>,
    /// Who speaks.
    pub role: MessageRole,
    /// How far it got.
    pub status: MessageStatus,
    /// The text, Markdown.
    pub content: String,
    /// A sentence for the person, where the reply failed.
    pub error: Option<String>,
    /// The display name of the model that wrote it, as it was then; none where the person wrote it.
    pub model: Option<String>,
    /// Measured while it was written; none until it has ended.
    pub stats: Option<ReplyStats>,
    /// The ids of all versions at this place, this one included, oldest first.
    pub siblings: Vec<String>,
    /// Milliseconds since 1970.
    #[ts(type = "number")]
    pub created_at: i64,
}

/// What writing a reply took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ReplyStats {
    /// Tokens of the prompt, the history included.
    pub prompt_tokens: u32,
    /// Of those, how many were still in memory from before.
    #[serde(default)]
    pub cached_tokens: u32,
    /// Tokens of the reply.
    pub reply_tokens: u32,
    /// Speed of reading the rest of the prompt, in tokens per second.
    pub prompt_tokens_per_second: f64,
    /// Speed of writing the reply, in tokens per second.
    pub tokens_per_second: f64,
    /// What came of drafting tokens; `None` where none were drafted.
    #[serde(default)]
    pub speculation: Option<Speculation>,
    /// Why it ended.
    pub stop: StopReason,
}

/// What came of drafting the tokens of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Speculation {
    /// Tokens drafted.
    pub drafted: u32,
    /// Of those, how many were what the model itself chose.
    pub accepted: u32,
    /// Passes of the model that the reply took.
    pub passes: u32,
    /// Speed of writing as a multiple of the speed without drafts, measured; `None` where that was not.
    pub speed_up: Option<f64>,
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The model had said what it had to say.
    End,
    /// The context was full, or the length asked for was reached.
    Length,
    /// A stop string came up.
    StopString,
    /// The person stopped it.
    Cancelled,
}

/// A question and the reply to it, as begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// The chat, with its new time of activity.
    pub chat: Chat,
    /// What the person said, whole.
    pub user: Message,
    /// The reply, still empty and streaming.
    pub reply: Message,
}
