//! The store, on real files.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod chats;
mod kill;
mod measurements;
mod models;
mod opening;
mod pages;
mod queries;
mod read_only;
mod replies;
mod settings;
mod speculation;
mod transfers;
mod tree;
mod tree_properties;

use std::path::{Path, PathBuf};

use hearth_store::{Chat, Message, MessageStatus, Parent, Store, Turn};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;

/// A store in a folder of its own, which goes when this does.
struct Home {
    folder: TempDir,
    store: Store,
}

impl Home {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Store::open(&folder.path().join("hearth.db")).await.unwrap();
        Self { folder, store }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("hearth.db")
    }

    /// A store with a chat in it, whose first question waits for its reply.
    async fn with_question() -> (Self, Turn) {
        let home = Self::new().await;
        let chat = home.chat().await;
        let turn = home.begin(&chat, "Which leaves?").await;
        (home, turn)
    }

    /// Quits and starts again.
    async fn restart(self) -> Self {
        self.store.close().await;
        let store = Store::open(&self.database()).await.unwrap();
        Self {
            folder: self.folder,
            store,
        }
    }

    async fn chat(&self) -> Chat {
        self.store.create_chat("About tea").await.unwrap()
    }

    /// A question at the end of the chat and an empty reply.
    async fn begin(&self, chat: &Chat, question: &str) -> Turn {
        self.store
            .begin_turn(&chat.id, Parent::Leaf, question, "Bard")
            .await
            .unwrap()
    }

    /// A question at the end of the chat and its whole reply.
    async fn ask(&self, chat: &Chat, question: &str, answer: &str) -> Turn {
        let turn = self.begin(chat, question).await;
        let reply = self.answer(&turn.reply, answer).await;
        Turn { reply, ..turn }
    }

    async fn answer(&self, reply: &Message, text: &str) -> Message {
        let mut writer = self.store.reply_writer(&reply.id);
        writer.push(text);
        writer.finish(MessageStatus::Complete, None, None).await.unwrap()
    }
}

/// Another program's view of the file.
async fn connect(database: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(database))
        .await
        .unwrap()
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}
