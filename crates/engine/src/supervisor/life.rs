//! The task that owns the worker process.

use std::collections::VecDeque;
use std::future::pending;
use std::path::{Path, PathBuf};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::{Command, EngineConfig, EngineError, EngineStatus, Ready, ReplyEvent};
use crate::process::{Worker, WorkerError};
use crate::protocol::{ChatMessage, Chosen, Event, Fault, LoadedModel, Question, Request, RequestId};
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

    fn use_workers(&mut self, workers: Vec<Candidate>) {
        self.config.workers = workers;
        self.passed_over.send_replace(Vec::new());
    }

    async fn load(&mut self, chosen: Chosen, after: Option<EngineError>) -> Result<LoadedModel, EngineError> {
        // Only the end of a process surely gives its memory back.
        self.stop_worker().await;
        let path = chosen.path();
        self.chosen = Some(chosen.clone());
        self.tell(EngineStatus::Loading {
            path: path.clone(),
            fraction: 0.0,
            after: after.clone(),
        });
        let loaded = self.load_on_the_best(&chosen, after).await;
        match &loaded {
            Ok(model) => {
                let worker = self.worker.as_ref();
                let card = (self.candidate.as_ref()).and_then(|candidate| candidate.card.as_ref());
                let ready = Ready {
                    backend: worker.map(|worker| worker.backend.clone()).unwrap_or_default(),
                    card: card.map(|card| card.name.clone()),
                    notice: if card.is_none() {
                        self.notice(&chosen)
                    } else {
                        None
                    },
                    path,
                    model: model.clone(),
                };
                self.ready = Some(ready.clone());
                self.used = Instant::now();
                self.tell(EngineStatus::Ready(ready));
            }
            Err(error) => {
                self.stop_worker().await;
                self.tell(EngineStatus::Failed {
                    path,
                    error: error.clone(),
                });
            }
        }
        loaded
    }

    /// Loads into the first worker that can. One that does not start, or whose graphics card fails, is passed over and
    /// remembered; what is wrong with the model is wrong with it everywhere. The last worker's errors stand.
    async fn load_on_the_best(
        &mut self,
        chosen: &Chosen,
        after: Option<EngineError>,
    ) -> Result<LoadedModel, EngineError> {
        let path = chosen.path();
        let mut workers = self.config.workers.clone();
        let last = workers.pop().ok_or_else(WorkerError::none)?;
        let no_layers = chosen.card_layers == Some(0);
        workers.retain(|worker| {
            let without_room = no_layers && worker.card.is_some();
            !without_room && !self.is_passed_over(worker, &path)
        });
        for worker in workers {
            let loaded = self.load_into(&worker, chosen, after.clone()).await;
            let Err(error) = &loaded else { return loaded };
            let Some(passed) = PassedOver::of(&worker, &path, error) else {
                return loaded;
            };
            self.stop_worker().await;
            self.pass_over(passed);
        }
        self.load_into(&last, chosen, after).await
    }

    fn is_passed_over(&self, worker: &Candidate, model: &Path) -> bool {
        let passed_over = self.passed_over.borrow();
        passed_over.iter().any(|passed| passed.concerns(worker, model))
    }

    fn pass_over(&self, passed: PassedOver) {
        let worker = passed.candidate.backend.name();
        tracing::warn!(worker, passed.reason, "a worker is passed over");
        self.passed_over.send_modify(|all| all.push(passed));
    }

    /// Why this model is not on the graphics card, where it could not be.
    fn notice(&self, chosen: &Chosen) -> Option<String> {
        let workers = &self.config.workers;
        if chosen.card_layers == Some(0) {
            let card = workers.iter().find_map(|worker| worker.card.as_ref())?;
            return Some(format!(
                "The graphics card {} has no room for this model; answering on the processor.",
                card.name
            ));
        }
        let model = &*chosen.path();
        let passed_over = self.passed_over.borrow();
        let mut passed =
            (passed_over.iter()).filter(|passed| workers.iter().any(|worker| passed.concerns(worker, model)));
        passed.find_map(PassedOver::notice)
    }

    async fn load_into(
        &mut self,
        candidate: &Candidate,
        chosen: &Chosen,
        after: Option<EngineError>,
    ) -> Result<LoadedModel, EngineError> {
        let id = self.next_id();
        let threads = threads_for(&chosen.files, self.config.threads);
        let worker = Worker::start(&self.config, candidate, threads).await?;
        self.candidate = Some(candidate.clone());
        let worker = self.worker.insert(worker);
        worker
            .send(&Request::Load {
                id,
                chosen: chosen.clone(),
            })
            .await?;
        loop {
            match self.step().await {
                Step::Event(Ok(Event::Loading { id: of, fraction })) if of == id => {
                    let after = after.clone();
                    self.tell(EngineStatus::Loading {
                        path: chosen.path(),
                        fraction,
                        after,
                    });
                }
                Step::Event(Ok(Event::Loaded { id: of, model })) if of == id => return Ok(model),
                Step::Event(event) => stray(event, id)?,
                Step::Ended => return Err(EngineError::Replaced),
            }
        }
    }

    async fn generate(
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

    async fn count(&mut self, messages: Vec<ChatMessage>) -> Result<usize, EngineError> {
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
    async fn keep(
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

/// One thread for a model so small that a layer is done before a second thread has heard of it. candle's threads wait
/// by spinning, so on a busy computer each handover costs a time slice: with all cores taken, the built-in model decodes
/// 500 tokens/s on one thread and 4 on two.
fn threads_for(files: &[PathBuf], threads: usize) -> usize {
    const SMALL_BYTES: u64 = 64 << 20;
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() < SMALL_BYTES);
    if let [only] = files
        && small(only)
    {
        1
    } else {
        threads
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
