//! The task that owns the worker process.

mod load;
mod requests;

use std::collections::VecDeque;
use std::future::pending;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Command, EngineConfig, EngineError, EngineStatus, Ready, ReplyEvent};
use crate::process::{Worker, WorkerError};
use crate::protocol::{Chosen, Event, Fault, Request, RequestId};
use crate::workers::{Candidate, PassedOver};

/// Serves commands until the last [`super::Engine`] is dropped.
pub(super) async fn live(
    config: EngineConfig,
    commands: mpsc::UnboundedReceiver<Command>,
    status: watch::Sender<EngineStatus>,
    passed_over: watch::Sender<Vec<PassedOver>>,
) {
    let mut life = Life {
        config,
        commands,
        status,
        passed_over,
        waiting: VecDeque::new(),
        worker: None,
        candidate: None,
        ready: None,
        chosen: None,
        may_restart: true,
        last_id: 0,
        used: Instant::now(),
    };
    while life.serve().await {}
    life.stop_worker().await;
}

struct Life {
    config: EngineConfig,
    commands: mpsc::UnboundedReceiver<Command>,
    status: watch::Sender<EngineStatus>,
    /// Workers that were tried in vain.
    passed_over: watch::Sender<Vec<PassedOver>>,
    /// Commands that ended what was going on and are to be served next.
    waiting: VecDeque<Command>,
    worker: Option<Worker>,
    /// Which of the workers that is.
    candidate: Option<Candidate>,
    /// The model in the worker's memory.
    ready: Option<Ready>,
    /// The model the person wants, in memory or not.
    chosen: Option<Chosen>,
    /// A death is answered with a restart if something went well since the one before.
    may_restart: bool,
    last_id: RequestId,
    /// When the model was last of use.
    used: Instant,
}

/// What comes next while the worker is at work.
enum Step {
    Event(Result<Event, WorkerError>),
    /// A command has come that ends this work, or the app is gone.
    Ended,
}

impl Life {
    /// Serves one command, death or idle timeout. `false` once the app is gone.
    async fn serve(&mut self) -> bool {
        if let Some(command) = self.waiting.pop_front() {
            self.obey(command).await;
            return true;
        }
        let sleep_at = self
            .config
            .idle_unload
            .filter(|_| self.ready.is_some())
            .map(|after| self.used + after);
        tokio::select! {
            command = self.commands.recv() => match command {
                Some(command) => self.obey(command).await,
                None => return false,
            },
            event = next_event(&mut self.worker) => match event {
                Ok(event) => tracing::warn!(?event, "the worker spoke unasked"),
                Err(error) => self.after_death(error.into()).await,
            },
            () = at(sleep_at) => self.fall_asleep().await,
        }
        true
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Load { chosen, done } => {
                self.may_restart = true;
                let _ = done.send(self.load(chosen, None).await);
            }
            Command::Generate {
                question,
                events,
                cancel,
            } => {
                if let Err(error) = self.generate(question, &events, cancel).await {
                    let _ = events.send(ReplyEvent::Failed(error));
                }
                self.used = Instant::now();
            }
            Command::Count { messages, done } => {
                let _ = done.send(self.count(messages).await);
            }
            Command::Keep {
                folder,
                progress,
                mut done,
            } => {
                let kept = self.keep(folder, &progress, &mut done).await;
                let _ = done.send(kept);
                self.used = Instant::now();
            }
            Command::Unload { done } => {
                self.stop_worker().await;
                self.chosen = None;
                self.tell(EngineStatus::Empty);
                let _ = done.send(());
            }
            Command::IdleUnload(after) => self.config.idle_unload = after,
            Command::Threads(threads) => self.config.threads = threads,
            Command::Workers(workers) => self.use_workers(workers),
        }
    }

    /// Loads the chosen model if it is not in memory.
    async fn wake(&mut self) -> Result<(), EngineError> {
        match (&self.ready, self.chosen.clone()) {
            (None, Some(chosen)) => self.load(chosen, None).await.map(drop),
            (None, None) => Err(Fault::NoModel.into()),
            (Some(_), _) => Ok(()),
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<(), EngineError> {
        match &mut self.worker {
            Some(worker) => Ok(worker.send(request).await?),
            None => Err(Fault::NoModel.into()),
        }
    }

    /// Waits for the worker's next event, answering meanwhile what can be answered.
    async fn step(&mut self) -> Step {
        loop {
            let command = tokio::select! {
                event = next_event(&mut self.worker) => return Step::Event(event),
                command = self.commands.recv() => command,
            };
            match command {
                None => return Step::Ended,
                Some(command @ (Command::Load { .. } | Command::Unload { .. })) => {
                    self.waiting.push_back(command);
                    self.stop_worker().await;
                    return Step::Ended;
                }
                Some(Command::Generate { events, .. }) => {
                    let _ = events.send(ReplyEvent::Failed(Fault::Busy.into()));
                }
                Some(Command::Count { done, .. }) => drop(done.send(Err(Fault::Busy.into()))),
                Some(Command::Keep { done, .. }) => drop(done.send(Err(Fault::Busy.into()))),
                Some(Command::IdleUnload(after)) => self.config.idle_unload = after,
                Some(Command::Threads(threads)) => self.config.threads = threads,
                Some(Command::Workers(workers)) => self.use_workers(workers),
            }
        }
    }

    /// Restarts the worker with its model if that has not just been tried: then the next worker, where a graphics card may be
    /// what it died of.
    async fn after_death(&mut self, error: EngineError) {
        tracing::error!(%error, "the worker is gone");
        let had_model = self.ready.is_some();
        self.stop_worker().await;
        let Some(chosen) = self.chosen.clone() else {
            return;
        };
        let on_card = self.candidate.take().filter(|worker| worker.card.is_some());
        let passed = match on_card {
            Some(worker) if had_model && !self.may_restart => PassedOver::of(&worker, &chosen.path(), &error),
            _ => None,
        };
        let may_move = passed.is_some();
        if let Some(passed) = passed {
            self.pass_over(passed);
        }
        if had_model && (self.may_restart || may_move) {
            self.may_restart = false;
            // Its outcome is in the status.
            let _ = self.load(chosen, Some(error)).await;
        } else if had_model {
            let path = chosen.path();
            self.tell(EngineStatus::Failed { path, error });
        }
    }

    async fn fall_asleep(&mut self) {
        self.stop_worker().await;
        if let Some(chosen) = &self.chosen {
            let path = chosen.path();
            self.tell(EngineStatus::Asleep { path });
        }
    }

    async fn stop_worker(&mut self) {
        self.ready = None;
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }

    fn tell(&self, status: EngineStatus) {
        self.status.send_replace(status);
    }

    fn next_id(&mut self) -> RequestId {
        self.last_id += 1;
        self.last_id
    }
}

/// What to make of an event that is not one of those expected: a failure of this request or of the worker ends it,
/// anything else is the tail of a request before.
fn stray(event: Result<Event, WorkerError>, id: RequestId) -> Result<(), EngineError> {
    match event? {
        Event::Failed { id: of, fault } if of.is_none_or(|of| of == id) => Err(fault.into()),
        _ => Ok(()),
    }
}

async fn next_event(worker: &mut Option<Worker>) -> Result<Event, WorkerError> {
    match worker {
        Some(worker) => worker.next_event().await,
        None => pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
