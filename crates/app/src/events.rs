//! What the app tells the UI unasked.

use hearth_store::{Chat, Message};
use serde::Serialize;
use tokio::sync::broadcast;
use ts_rs::TS;

use crate::{Download, EngineState, LibraryEntry, Model, ThisComputer};

/// Something has changed.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum AppEvent {
    /// The engine's state.
    Engine {
        /// As it is now.
        engine: EngineState,
    },
    /// A reply has grown.
    ReplyText {
        /// Its chat.
        chat_id: String,
        /// The reply.
        message_id: String,
        /// UTF-16 units of the reply before this piece: a listener that has more skips, one that has less reads the
        /// chat anew.
        #[ts(type = "number")]
        offset: usize,
        /// What to append.
        text: String,
    },
    /// A reply has ended.
    ReplyDone {
        /// Its chat.
        chat_id: String,
        /// The whole reply.
        message: Message,
    },
    /// The list of chats.
    Chats {
        /// As it is now.
        chats: Vec<Chat>,
    },
    /// The list of models.
    Models {
        /// As it is now.
        models: Vec<Model>,
    },
    /// This computer: it is being measured, or was.
    Computer {
        /// As it is now.
        computer: Box<ThisComputer>,
    },
    /// The downloads.
    Downloads {
        /// As they are now, in the order of the queue.
        downloads: Vec<Download>,
    },
    /// The library.
    Library {
        /// As it is now.
        entries: Vec<LibraryEntry>,
    },
}

/// Events from the moment it was made. A listener that falls far behind loses the oldest; offsets tell.
pub struct Subscription(pub(crate) broadcast::Receiver<AppEvent>);

impl Subscription {
    /// The next event; `None` once the app is gone.
    pub async fn next(&mut self) -> Option<AppEvent> {
        loop {
            match self.0.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
