//! Saves a reply while it is being generated.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::store::now;
use crate::{Message, MessageStatus, ReplyStats, Store, StoreError};

/// How long pushed text waits at most before it is on its way to the disk.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(250);

/// Takes the text of one reply as it comes and adds it to the database every [`FLUSH_INTERVAL`].
///
/// What cannot be saved, on a full disk say, is kept and tried again with the next flush and with
/// [`finish`](Self::finish). Dropped unfinished, the writer saves what it has if it can and leaves the
/// reply streaming, to be found interrupted at the next start.
#[derive(Debug)]
pub struct ReplyWriter {
    reply_id: String,
    commands: mpsc::UnboundedSender<Command>,
}

#[derive(Debug)]
enum Command {
    Text(String),
    Finish {
        ending: Ending,
        done: oneshot::Sender<Result<Message, StoreError>>,
    },
}

#[derive(Debug)]
struct Ending {
    status: MessageStatus,
    error: Option<String>,
    stats: Option<ReplyStats>,
}

impl Store {
    /// Begins to save the text of a reply that [`Store::begin_turn`] or [`Store::begin_reply`] began. Must
    /// be called on a tokio runtime.
    pub fn reply_writer(&self, reply_id: &str) -> ReplyWriter {
        let (commands, received) = mpsc::unbounded_channel();
        let saver = Saver {
            store: self.clone(),
            reply_id: reply_id.to_owned(),
            unsaved: String::new(),
        };
        tokio::spawn(saver.run(received));
        ReplyWriter {
            reply_id: reply_id.to_owned(),
            commands,
        }
    }
}

impl ReplyWriter {
    /// Adds text to the end of the reply. Returns at once. After a finish that succeeded it does nothing.
    pub fn push(&self, text: &str) {
        // The receiver ends only with a finished reply, or one that is no longer there.
        let _ = self.commands.send(Command::Text(text.to_owned()));
    }

    /// Saves what is left and how the reply ended, and returns the reply as saved.
    ///
    /// # Errors
    /// After any error but [`StoreError::NotFound`] the text is still held, and `finish` may be called again.
    /// [`StoreError::NotFound`]: the reply is gone, or has been finished before.
    pub async fn finish(
        &mut self,
        status: MessageStatus,
        error: Option<String>,
        stats: Option<ReplyStats>,
    ) -> Result<Message, StoreError> {
        let gone = || StoreError::NotFound {
            kind: "reply",
            id: self.reply_id.clone(),
        };
        let (done, answer) = oneshot::channel();
        self.commands
            .send(Command::Finish {
                ending: Ending { status, error, stats },
                done,
            })
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Saver {
    store: Store,
    reply_id: String,
    unsaved: String,
}

impl Saver {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut ticks = interval_at(Instant::now() + FLUSH_INTERVAL, FLUSH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Text(text)) => self.unsaved.push_str(&text),
                    Some(Command::Finish { ending, done }) => {
                        let finished = self.finish(ending).await;
                        let over = matches!(&finished, Ok(_) | Err(StoreError::NotFound { .. }));
                        // Nobody waits for it any more: the reply is saved all the same.
                        let _ = done.send(finished);
                        if over {
                            return;
                        }
                    }
                    None => {
                        if let Err(error) = self.flush().await {
                            tracing::warn!(%error, reply = self.reply_id, "the end of a reply was not saved");
                        }
                        return;
                    }
                },
                _ = ticks.tick() => match self.flush().await {
                    Ok(()) => failing = false,
                    Err(StoreError::NotFound { .. }) => return,
                    Err(error) => {
                        if !failing {
                            tracing::warn!(%error, reply = self.reply_id, "a reply cannot be saved for now");
                        }
                        failing = true;
                    }
                },
            }
        }
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        tracing::trace!(bytes = self.unsaved.len(), "saving");
        let saved = sqlx::query!(
            "UPDATE messages SET content = content || ? WHERE id = ? AND status = 'streaming'",
            self.unsaved,
            self.reply_id
        )
        .execute(self.store.writer())
        .await
        .map_err(|error| self.store.fault(error))?;
        if saved.rows_affected() == 0 {
            return Err(self.gone());
        }
        tracing::trace!(bytes = self.unsaved.len(), "saved");
        self.unsaved.clear();
        Ok(())
    }

    async fn finish(&mut self, ending: Ending) -> Result<Message, StoreError> {
        let fault = |error| self.store.fault(error);
        let stats = ending.stats.map(sqlx::types::Json);
        let time = now();
        let mut write = self.store.write().await?;
        let finished = sqlx::query!(
            "UPDATE messages SET content = content || ?, status = ?, error = ?, stats = ?
             WHERE id = ? AND status = 'streaming'",
            self.unsaved,
            ending.status,
            ending.error,
            stats,
            self.reply_id
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        if finished.rows_affected() == 0 {
            return Err(self.gone());
        }
        let place = self.store.place(&mut write, &self.reply_id).await?;
        sqlx::query!(
            "UPDATE chats SET updated_at = ? WHERE id = ?",
            time,
            place.chat_id
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        let message = self.store.message_at(&mut write, place.seq).await?;
        write.commit().await?;
        self.unsaved.clear();
        Ok(message)
    }

    fn gone(&self) -> StoreError {
        StoreError::NotFound {
            kind: "reply",
            id: self.reply_id.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::{Parent, Turn};

    /// Lets the database grow by this many pages more, as a disk does that is nearly full.
    async fn leave_room_for(store: &Store, pages: i64) {
        let mut writer = store.writer().acquire().await.unwrap();
        let used: i64 = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(&mut *writer)
            .await
            .unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", used + pages));
        sqlx::query(limit).execute(&mut *writer).await.unwrap();
    }

    async fn begin(folder: &TempDir) -> (Store, Turn) {
        let store = Store::open(&folder.path().join("hearth.db")).await.unwrap();
        let chat = store.create_chat("About tea").await.unwrap();
        let turn = store
            .begin_turn(&chat.id, Parent::Leaf, "Which leaves?", "Bard")
            .await
            .unwrap();
        (store, turn)
    }

    #[tokio::test]
    async fn a_full_disk_loses_no_text_and_the_reply_goes_on_when_there_is_room() {
        let folder = TempDir::new().unwrap();
        let (store, turn) = begin(&folder).await;
        let long = "green ".repeat(20_000);
        let mut saver = Saver {
            store: store.clone(),
            reply_id: turn.reply.id.clone(),
            unsaved: long.clone(),
        };

        leave_room_for(&store, 0).await;
        assert!(matches!(saver.flush().await, Err(StoreError::Full { .. })));
        assert_eq!(saver.unsaved, long);

        leave_room_for(&store, 1000).await;
        saver.flush().await.unwrap();
        assert!(saver.unsaved.is_empty());
        assert_eq!(store.message(&turn.reply.id).await.unwrap().content, long);
    }

    #[tokio::test]
    async fn a_reply_that_could_not_be_finished_can_be_finished_later() {
        let folder = TempDir::new().unwrap();
        let (store, turn) = begin(&folder).await;
        let long = "green ".repeat(20_000);
        leave_room_for(&store, 0).await;
        let mut writer = store.reply_writer(&turn.reply.id);
        writer.push(&long);
        let full = writer
            .finish(MessageStatus::Complete, None, None)
            .await
            .unwrap_err();
        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        assert_eq!(
            store.message(&turn.reply.id).await.unwrap().content,
            "",
            "not half of it either"
        );

        // The connection that failed was closed, and its limit with it: the new one has room.
        let finished = writer.finish(MessageStatus::Complete, None, None).await.unwrap();
        assert_eq!(
            (finished.content, finished.status),
            (long, MessageStatus::Complete)
        );
    }

    #[tokio::test]
    async fn a_question_that_finds_the_disk_full_can_be_asked_again() {
        let folder = TempDir::new().unwrap();
        let (store, turn) = begin(&folder).await;
        let long = "why? ".repeat(20_000);
        leave_room_for(&store, 0).await;
        let full = store
            .begin_turn(&turn.chat.id, Parent::Root, &long, "Bard")
            .await
            .unwrap_err();
        assert!(matches!(full, StoreError::Full { .. }), "{full}");
        assert_eq!(
            store.branch(&turn.chat.id).await.unwrap(),
            [turn.user, turn.reply]
        );

        store
            .begin_turn(&turn.chat.id, Parent::Root, &long, "Bard")
            .await
            .unwrap();
    }
}
