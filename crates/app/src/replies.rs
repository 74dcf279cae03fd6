//! Questions and replies: from the person's text to the last token in the database.

mod stream;

use std::sync::{Arc, Mutex};

use hearth_engine::{EngineError, EngineStatus};
use hearth_store::{Message, MessageRole, MessageStatus, Parent, Turn};
use tokio::sync::watch;

use crate::lock::lock;
use crate::{App, ErrorCode, ErrorReport};

/// Longest question, in bytes: a novel, and far from the protocol's limit.
const LONGEST_QUESTION: usize = 4 << 20;

/// The reply in progress.
#[derive(Clone)]
pub(crate) struct Active {
    /// `None` while what is written is measured and belongs to no chat.
    pub(crate) chat_id: Option<String>,
    pub(crate) message_id: String,
    /// What the UI has been told.
    text: Arc<Mutex<String>>,
    stop: Arc<watch::Sender<bool>>,
    /// Closed once the reply is over.
    over: watch::Receiver<()>,
}

impl Active {
    /// Asks it to end early.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// Frees the place of the reply in progress, whatever ends it.
pub(crate) struct Place {
    app: App,
    stop: Arc<watch::Sender<bool>>,
    _over: watch::Sender<()>,
}

impl Place {
    /// Turns true once the person wants an early end.
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *lock(&self.app.active) = None;
    }
}

impl App {
    /// Asks in a chat; the reply streams as events.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while another reply is in progress, [`ErrorCode::NoModel`], [`ErrorCode::InvalidInput`]
    /// for an empty question, [`ErrorCode::NotFound`], or the store's.
    pub async fn send(&self, chat: &str, text: &str) -> Result<Turn, ErrorReport> {
        self.ask(chat, Parent::Leaf, text).await
    }

    /// Asks again in other words: a sibling of the question `message`, with a reply of its own.
    ///
    /// # Errors
    /// Those of [`App::send`].
    pub async fn edit_and_resend(&self, message: &str, text: &str) -> Result<Turn, ErrorReport> {
        let question = self.store().await?.message(message).await?;
        if question.role != MessageRole::User {
            return Err(ErrorReport::new(
                ErrorCode::InvalidInput,
                "Only your own messages can be edited.",
            ));
        }
        let parent = question
            .parent_id
            .as_deref()
            .map_or(Parent::Root, Parent::Message);
        self.ask(&question.chat_id, parent, text).await
    }

    /// Answers the same question once more: a sibling of the reply `message`.
    ///
    /// # Errors
    /// Those of [`App::send`].
    pub async fn regenerate(&self, message: &str) -> Result<Message, ErrorReport> {
        let model = self.model_name()?;
        let store = self.store().await?;
        let before = store.message(message).await?;
        let (MessageRole::Assistant, Some(question)) = (before.role, before.parent_id) else {
            return Err(ErrorReport::new(
                ErrorCode::InvalidInput,
                "Only replies can be written anew.",
            ));
        };
        let place = self.take_place(Some(&before.chat_id))?;
        let reply = store.begin_reply(&question, &model).await?;
        self.answer(place, reply.clone()).await?;
        Ok(reply)
    }

    /// Ends a reply early. One that is already over is left alone.
    pub fn stop(&self, message: &str) {
        if let Some(active) = self.active_reply().filter(|active| active.message_id == message) {
            active.stop();
        }
    }

    pub(crate) fn stop_reply_in(&self, chat: &str) {
        if let Some(active) = self
            .active_reply()
            .filter(|active| active.chat_id.as_deref() == Some(chat))
        {
            active.stop();
        }
    }

    pub(crate) async fn stop_every_reply(&self) {
        if let Some(mut active) = self.active_reply() {
            active.stop();
            // An error says that the sender is gone, which is what is waited for.
            let _ = active.over.changed().await;
        }
    }

    pub(crate) fn active_reply(&self) -> Option<Active> {
        lock(&self.active).clone()
    }

    /// Puts what the UI has been told of the reply in progress into messages read from the database, which lags by
    /// one flush.
    pub(crate) fn complete_from_memory(&self, messages: &mut [Message]) {
        let Some(active) = self.active_reply() else { return };
        if let Some(reply) = messages
            .iter_mut()
            .find(|message| message.id == active.message_id)
            && reply.status == MessageStatus::Streaming
        {
            reply.content = lock(&active.text).clone();
        }
    }

    async fn ask(&self, chat: &str, parent: Parent<'_>, text: &str) -> Result<Turn, ErrorReport> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ErrorReport::new(
                ErrorCode::InvalidInput,
                "There is no question to send. Type one first.",
            ));
        }
        if text.len() > LONGEST_QUESTION {
            let message = "This message is longer than any model can read. Shorten it and send it again.";
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        let model = self.model_name()?;
        let place = self.take_place(Some(chat))?;
        let mut turn = self.store().await?.begin_turn(chat, parent, text, &model).await?;
        turn.chat = self.name_after(&turn.chat, text).await?;
        self.answer(place, turn.reply.clone()).await?;
        Ok(turn)
    }

    /// Reserves the one reply that may be in progress, so that a second click finds it taken. `None`: it is measured.
    pub(crate) fn take_place(&self, chat: Option<&str>) -> Result<Place, ErrorReport> {
        let mut active = lock(&self.active);
        if active.is_some() {
            let message = "Hearth is still answering or measuring. Wait for it, or stop it first.";
            return Err(ErrorReport::new(ErrorCode::Busy, message));
        }
        let (sender, over) = watch::channel(());
        let stop = Arc::new(watch::channel(false).0);
        *active = Some(Active {
            chat_id: chat.map(str::to_owned),
            message_id: String::new(),
            text: Arc::default(),
            stop: stop.clone(),
            over,
        });
        Ok(Place {
            app: self.clone(),
            stop,
            _over: sender,
        })
    }

    fn model_name(&self) -> Result<String, ErrorReport> {
        match self.chosen() {
            Some(model) => Ok(model.name),
            None => Err(ErrorReport::new(
                ErrorCode::NoModel,
                "No model is chosen. Choose one to get an answer.",
            )),
        }
    }

    async fn answer(&self, place: Place, reply: Message) -> Result<(), ErrorReport> {
        let store = self.store().await?;
        let history = match &reply.parent_id {
            Some(question) => store.history(question).await?,
            None => Vec::new(),
        };
        let active = {
            let mut active = lock(&self.active);
            if let Some(active) = active.as_mut() {
                active.message_id = reply.id.clone();
            }
            active.clone()
        };
        let Some(active) = active else {
            return Err(ErrorReport::new(
                ErrorCode::Internal,
                "The reply was lost before it began. Try again.",
            ));
        };
        let writer = store.reply_writer(&reply.id);
        let app = self.clone();
        tokio::spawn(async move {
            app.stream(place, active, writer, reply, history).await;
        });
        Ok(())
    }

    /// Sees to it that the chosen model is in memory. `false` when the person stopped waiting.
    pub(crate) async fn wake(&self, stopped: &mut watch::Receiver<bool>) -> Result<bool, EngineError> {
        let Some(chosen) = self.chosen() else {
            return Ok(true);
        };
        let awake = async {
            // A second load beside one that is on its way would end the first, and the question that waits for it.
            let mut loads = self.loads.subscribe();
            let _ = loads.wait_for(|loads| *loads == 0).await;
            let mut status = self.engine.status();
            let settled = status.wait_for(
                |status| !matches!(status, EngineStatus::Loading { path, .. } if self.is_of(&chosen, path)),
            );
            let there = match settled.await.as_deref() {
                Ok(EngineStatus::Ready(ready) | EngineStatus::Answering { ready, .. }) => {
                    self.is_of(&chosen, &ready.path)
                }
                _ => false,
            };
            if there {
                Ok(())
            } else {
                self.load_record(chosen.clone()).await
            }
        };
        tokio::select! {
            awake = awake => awake.map(|()| true),
            _ = stopped.wait_for(|&stop| stop) => Ok(false),
        }
    }
}
