//! What is asked of the model in memory: a reply, a count of tokens, a copy of it.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Life, Step, at, next_event, stray};
use crate::process::WorkerError;
use crate::protocol::{ChatMessage, Event, Fault, Question, Request};
use crate::supervisor::{Command, EngineError, EngineStatus, ReplyEvent};

impl Life {
    pub(super) async fn generate(
        &mut self,
        question: Question,
        events: &mpsc::UnboundedSender<ReplyEvent>,
        mut cancel: oneshot::Receiver<()>,
    ) -> Result<(), EngineError> {
        self.wake().await?;
        let Some(ready) = self.ready.clone() else {
            return Err(Fault::NoModel.into());
        };
        let id = self.next_id();
        self.tell(EngineStatus::Answering {
            ready: ready.clone(),
            tokens_per_second: None,
            speed_up: None,
        });
        let mut answered = self.ask(&Request::Generate { id, question }).await;
        let mut stuck_at = None;
        while answered.is_ok() {
            let step = tokio::select! {
                step = self.step() => step,
                // A dropped reply counts as cancelled.
                _ = &mut cancel, if stuck_at.is_none() => {
                    stuck_at = Some(Instant::now() + self.config.cancel_within);
                    answered = self.ask(&Request::Cancel { id }).await;
                    continue;
                }
                () = at(stuck_at) => {
                    let detail = "it did not stop answering when told to".to_owned();
                    answered = Err(WorkerError::Misbehaved { detail }.into());
                    continue;
                }
            };
            match step {
                Step::Event(Ok(Event::Started {
                    id: of,
                    prompt_tokens,
                })) if of == id => {
                    let _ = events.send(ReplyEvent::Started { prompt_tokens });
                }
                Step::Event(Ok(Event::Text {
                    id: of,
                    text,
                    tokens_per_second,
                    speed_up,
                    ..
                })) if of == id => {
                    self.tell(EngineStatus::Answering {
                        ready: ready.clone(),
                        tokens_per_second,
                        speed_up,
                    });
                    let _ = events.send(ReplyEvent::Text(text));
                }
                Step::Event(Ok(Event::Done { id: of, stop, stats })) if of == id => {
                    self.may_restart = true;
                    self.tell(EngineStatus::Ready(ready));
                    let _ = events.send(ReplyEvent::Done { stop, stats });
                    return Ok(());
                }
                Step::Event(event) => answered = stray(event, id),
                Step::Ended => return Err(EngineError::Replaced),
            }
        }
        match answered {
            Err(
                error @ (EngineError::Worker(_)
                | EngineError::Fault(Fault::Panicked { .. } | Fault::CardFailed { .. })),
            ) => {
                let _ = events.send(ReplyEvent::Failed(error.clone()));
                self.after_death(error).await;
                Ok(())
            }
            other => {
                self.tell(EngineStatus::Ready(ready));
                other
            }
        }
    }

    pub(super) async fn count(&mut self, messages: Vec<ChatMessage>) -> Result<usize, EngineError> {
        self.wake().await?;
        let id = self.next_id();
        self.ask(&Request::Count { id, messages }).await?;
        loop {
            match self.step().await {
                Step::Event(Ok(Event::Counted { id: of, tokens })) if of == id => return Ok(tokens),
                Step::Event(Err(error)) => {
                    self.after_death(error.clone().into()).await;
                    return Err(error.into());
                }
                Step::Event(event) => stray(event, id)?,
                Step::Ended => return Err(EngineError::Replaced),
            }
        }
    }

    /// Questions that come meanwhile are answered after it; whoever no longer waits for `done` has stopped it.
    pub(super) async fn keep(
        &mut self,
        folder: PathBuf,
        progress: &mpsc::UnboundedSender<f32>,
        done: &mut oneshot::Sender<Result<u64, EngineError>>,
    ) -> Result<u64, EngineError> {
        self.wake().await?;
        let id = self.next_id();
        self.ask(&Request::Keep { id, folder }).await?;
        let mut stopped = false;
        loop {
            let event = tokio::select! {
                event = next_event(&mut self.worker) => event,
                () = done.closed(), if !stopped => {
                    stopped = true;
                    self.ask(&Request::Cancel { id }).await?;
                    continue;
                }
                command = self.commands.recv() => match command {
                    Some(Command::IdleUnload(after)) => {
                        self.config.idle_unload = after;
                        continue;
                    }
                    Some(Command::Threads(threads)) => {
                        self.config.threads = threads;
                        continue;
                    }
                    Some(command @ (Command::Generate { .. } | Command::Count { .. } | Command::Keep { .. })) => {
                        self.waiting.push_back(command);
                        continue;
                    }
                    other => {
                        self.waiting.extend(other);
                        self.stop_worker().await;
                        return Err(EngineError::Replaced);
                    }
                },
            };
            match event {
                Ok(Event::Keeping { id: of, fraction }) if of == id => {
                    // Nobody may be looking.
                    let _ = progress.send(fraction);
                }
                Ok(Event::Kept { id: of, bytes }) if of == id => return Ok(bytes),
                Err(error) => {
                    self.after_death(error.clone().into()).await;
                    return Err(error.into());
                }
                event => stray(event, id)?,
            }
        }
    }
}
