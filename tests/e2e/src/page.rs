//! What a person sees in the window at one moment.

use serde::Deserialize;

/// Reads a [`Page`] in the window.
pub(crate) const READ: &str = include_str!("page.js");
/// Begins to record in the window.
pub(crate) const RECORD: &str = include_str!("recorder.js");

/// The window's content.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The chats are open.
    pub ready: bool,
    /// The name on the model's button.
    pub model: String,
    /// The engine's state, as the UI's code names it: "ready", "asleep"…
    pub engine: String,
    /// The same in the words that the window shows.
    pub engine_words: String,
    /// The page in place of the chats, when they could not be opened.
    pub store_fault: Option<Alert>,
    /// What is wrong with the engine or its model.
    pub trouble: Option<Alert>,
    /// Why a picked file was refused.
    pub pick_failure: Option<Alert>,
    /// Titles in the sidebar, from the top.
    pub chats: Vec<String>,
    /// The title of the chat in view.
    pub open_chat: Option<String>,
    /// The messages in view.
    pub messages: Vec<Message>,
    /// What is typed and not sent.
    pub draft: String,
    /// The short messages at the foot.
    pub notices: Vec<String>,
}

/// One message of the thread.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id.
    pub id: String,
    /// "user" or "assistant".
    pub role: String,
    /// "streaming", "complete", "stopped", "interrupted" or "error".
    pub status: String,
    /// Its text, as rendered.
    pub text: String,
    /// How a reply ended, where it did not end well.
    pub note: Option<String>,
    /// "2/2" where it has siblings.
    pub version: Option<String>,
}

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Alert {
    /// The error's code; empty where the UI shows none.
    pub code: String,
    /// What the person reads.
    pub text: String,
}

/// What passed in a window since it opened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Seen {
    /// The texts that streaming replies had, one after the other.
    pub texts: Vec<String>,
    /// The faults of the engine that were named.
    pub troubles: Vec<String>,
}

impl Page {
    /// The last reply.
    pub fn reply(&self) -> Option<&Message> {
        self.messages.iter().rfind(|message| message.role == "assistant")
    }

    /// Whether the last reply has this status.
    pub fn reply_is(&self, status: &str) -> bool {
        self.reply().is_some_and(|reply| reply.status == status)
    }
}
