//! A reply as it is written: to the database, to the UI, to its end.

use std::time::Duration;

use hearth_engine::protocol::{self, ChatMessage, Role};
use hearth_engine::{EngineError, Question, ReplyEvent};
use hearth_store::{Message, MessageRole, MessageStatus, ReplyStats, ReplyWriter, Speculation, StopReason};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Active, Place};
use crate::lock::lock;
use crate::{App, AppEvent, thought};

/// Text goes to the UI 25 times a second at most: each message costs the webview more than the token in it.
const TEXT_EVERY: Duration = Duration::from_millis(40);

impl App {
    pub(super) async fn stream(
        &self,
        place: Place,
        active: Active,
        mut writer: ReplyWriter,
        reply: Message,
        history: Vec<Message>,
    ) {
        self.tell_chats().await;
        let mut stopped = active.stop.subscribe();
        let mut untold = Untold {
            app: self,
            active: &active,
            chat_id: &reply.chat_id,
            length: 0,
            text: String::new(),
        };
        let mut ticks = interval_at(Instant::now() + TEXT_EVERY, TEXT_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let end = match self.wake(&mut stopped).await {
            Err(error) => End::failed(&error, true),
            Ok(false) => End::stopped(),
            Ok(true) => {
                let question = Question {
                    messages: spoken(history),
                    speculate: self.chosen().is_none_or(|chosen| chosen.speculates),
                    think: self.settings().await.is_ok_and(|settings| settings.think),
                    ..Question::default()
                };
                let mut events = self.engine.generate(question);
                let mut told = false;
                loop {
                    tokio::select! {
                        event = events.next() => match event {
                            Some(ReplyEvent::Started { .. }) => {}
                            Some(ReplyEvent::Text(text)) => {
                                writer.push(&text);
                                untold.text.push_str(&text);
                            }
                            Some(ReplyEvent::Done { stop, stats }) => {
                                self.keep_reply(stats);
                                break End::done(stop, stats);
                            }
                            Some(ReplyEvent::Failed(error)) => break End::failed(&error, untold.nothing_yet()),
                            None => break End::failed(&EngineError::Replaced, untold.nothing_yet()),
                        },
                        _ = ticks.tick() => untold.tell(),
                        // What was said before the engine hears of it still arrives.
                        _ = stopped.wait_for(|&stop| stop), if !told => {
                            told = true;
                            events.cancel();
                        }
                    }
                }
            }
        };
        untold.tell();
        let message = match writer.finish(end.status, end.error.clone(), end.stats).await {
            Ok(message) => message,
            Err(error) => {
                let content = lock(&active.text).clone();
                let error = Some(format!("This reply could not be saved. {error}"));
                Message {
                    content,
                    status: MessageStatus::Error,
                    error,
                    ..reply
                }
            }
        };
        drop(place);
        self.tell(AppEvent::ReplyDone {
            chat_id: message.chat_id.clone(),
            message,
        });
        self.tell_engine();
        self.tell_chats().await;
    }
}

/// Text that the UI has not been told.
struct Untold<'a> {
    app: &'a App,
    active: &'a Active,
    chat_id: &'a str,
    /// UTF-16 units that it has been told.
    length: usize,
    text: String,
}

impl Untold<'_> {
    fn tell(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        lock(&self.active.text).push_str(&text);
        let offset = self.length;
        self.length += text.encode_utf16().count();
        self.app.tell(AppEvent::ReplyText {
            chat_id: self.chat_id.to_owned(),
            message_id: self.active.message_id.clone(),
            offset,
            text,
        });
    }

    fn nothing_yet(&self) -> bool {
        self.length == 0 && self.text.is_empty()
    }
}

/// How a reply ended.
struct End {
    status: MessageStatus,
    error: Option<String>,
    stats: Option<ReplyStats>,
}

impl End {
    fn done(stop: protocol::StopReason, stats: protocol::ReplyStats) -> Self {
        let (status, stop) = match stop {
            protocol::StopReason::Cancelled => (MessageStatus::Stopped, StopReason::Cancelled),
            protocol::StopReason::End => (MessageStatus::Complete, StopReason::End),
            protocol::StopReason::Length => (MessageStatus::Complete, StopReason::Length),
            protocol::StopReason::StopString => (MessageStatus::Complete, StopReason::StopString),
        };
        let speculation = (stats.speculation.drafted > 0).then(|| Speculation {
            drafted: as_u32(stats.speculation.drafted),
            accepted: as_u32(stats.speculation.accepted),
            passes: as_u32(stats.speculation.passes),
            speed_up: stats.speed_up(),
        });
        let stats = ReplyStats {
            prompt_tokens: as_u32(stats.prompt_tokens),
            cached_tokens: as_u32(stats.cached_tokens),
            reply_tokens: as_u32(stats.reply_tokens),
            prompt_tokens_per_second: stats.prompt_tokens_per_second(),
            tokens_per_second: stats.decode_tokens_per_second(),
            speculation,
            stop,
        };
        Self {
            status,
            error: None,
            stats: Some(stats),
        }
    }

    fn failed(error: &EngineError, nothing_yet: bool) -> Self {
        let status = if nothing_yet {
            MessageStatus::Error
        } else {
            MessageStatus::Interrupted
        };
        Self {
            status,
            error: Some(error.to_string()),
            stats: None,
        }
    }

    fn stopped() -> Self {
        Self {
            status: MessageStatus::Stopped,
            error: None,
            stats: None,
        }
    }
}

fn as_u32(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// The chat as the engine is given it: replies without what was thought before them, and those of which nothing else came not
/// at all.
fn spoken(history: Vec<Message>) -> Vec<ChatMessage> {
    let said = history.into_iter().map(|message| match message.role {
        MessageRole::System => (Role::System, message.content),
        MessageRole::User => (Role::User, message.content),
        MessageRole::Assistant => (Role::Assistant, thought::answer(&message.content).to_owned()),
    });
    said.filter(|(_, content)| !content.is_empty())
        .map(|(role, content)| ChatMessage { role, content })
        .collect()
}
