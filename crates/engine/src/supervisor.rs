//! Starts the worker, watches it, restarts it once, stops it.
//!
//! One task owns the process; everyone else holds an [`Engine`], which sends it commands, and watches its
//! [`EngineStatus`].

mod life;

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::process::WorkerError;
use crate::protocol::{ChatMessage, Chosen, Fault, LoadedModel, Question, ReplyStats, StopReason};
use crate::workers::{Candidate, PassedOver};

/// What the supervisor needs to know.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The workers, in the order in which they are tried. The last is the processor's, which runs on every computer.
    pub workers: Vec<Candidate>,
    /// A folder of the app's own that the engine may write to.
    pub home: PathBuf,
    /// Threads that compute. Twice as many as there are physical cores is slower than as many.
    pub threads: usize,
    /// Unload the model after this long without a question; `None`: never.
    pub idle_unload: Option<Duration>,
    /// What a worker may take to say hello: milliseconds as a rule, many seconds when a virus scanner holds it.
    pub hello_within: Duration,
    /// What a worker may take to end a reply that was cancelled before it counts as stuck.
    pub cancel_within: Duration,
}

impl EngineConfig {
    /// The plain processor's worker alone, as many threads as there are physical cores, no idle unload, and some patience.
    pub fn new(worker: PathBuf, home: PathBuf) -> Self {
        Self {
            workers: vec![Candidate::processor(worker)],
            home,
            threads: num_cpus::get_physical(),
            idle_unload: None,
            hello_within: Duration::from_secs(30),
            cancel_within: Duration::from_secs(10),
        }
    }
}

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineStatus {
    /// No model, no process.
    Empty,
    /// Weights are being read.
    Loading {
        /// The model's first file.
        path: PathBuf,
        /// 0 to 1.
        fraction: f32,
        /// The death that made this load necessary, when it is the one restart.
        after: Option<EngineError>,
    },
    /// Waiting for a question.
    Ready(Ready),
    /// Answering one.
    Answering {
        /// The model.
        ready: Ready,
        /// Decode speed in tokens/s; `None` while the prompt is read.
        tokens_per_second: Option<f32>,
        /// That speed as a multiple of the speed without drafts; `None` while nothing was drafted.
        speed_up: Option<f32>,
    },
    /// The model was unloaded because nobody asked; the next question loads it again.
    Asleep {
        /// The model's first file.
        path: PathBuf,
    },
    /// The model is not there, and why.
    Failed {
        /// The model's first file.
        path: PathBuf,
        /// What happened.
        error: EngineError,
    },
}

/// A model that is in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// Its first file.
    pub path: PathBuf,
    /// What computes.
    pub backend: String,
    /// The graphics card on which; `None`: the processor.
    pub card: Option<String>,
    /// Why it is not the graphics card, in a sentence, where it could not be.
    pub notice: Option<String>,
    /// What the worker said of it.
    pub model: LoadedModel,
}

/// Why the engine could not do it. The text is for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The worker refused or failed, and lives.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The worker is gone.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The model was unloaded, or another one loaded, before this was done.
    #[error("Another model was chosen before this was done.")]
    Replaced,
}

/// One step of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyEvent {
    /// The prompt fits and is being read.
    Started {
        /// Its tokens.
        prompt_tokens: usize,
    },
    /// More text.
    Text(String),
    /// The end.
    Done {
        /// Why.
        stop: StopReason,
        /// What it took.
        stats: ReplyStats,
    },
    /// The end, too early.
    Failed(EngineError),
}

/// A reply in progress. Dropped, it is cancelled.
#[derive(Debug)]
pub struct Reply {
    events: mpsc::UnboundedReceiver<ReplyEvent>,
    cancel: Option<oneshot::Sender<()>>,
}

impl Reply {
    /// The next step; `None` after [`ReplyEvent::Done`] or [`ReplyEvent::Failed`].
    pub async fn next(&mut self) -> Option<ReplyEvent> {
        self.events.recv().await
    }

    /// Asks for an early end. The reply still ends in [`ReplyEvent::Done`].
    pub fn cancel(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            let _ = cancel.send(());
        }
    }
}

enum Command {
    Load {
        chosen: Chosen,
        done: oneshot::Sender<Result<LoadedModel, EngineError>>,
    },
    Generate {
        question: Question,
        events: mpsc::UnboundedSender<ReplyEvent>,
        cancel: oneshot::Receiver<()>,
    },
    Count {
        messages: Vec<ChatMessage>,
        done: oneshot::Sender<Result<usize, EngineError>>,
    },
    Keep {
        folder: PathBuf,
        progress: mpsc::UnboundedSender<f32>,
        done: oneshot::Sender<Result<u64, EngineError>>,
    },
    Unload {
        done: oneshot::Sender<()>,
    },
    IdleUnload(Option<Duration>),
    Threads(usize),
    Workers(Vec<Candidate>),
}

/// The engine. Cheap to clone. The worker ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<EngineStatus>,
    passed_over: watch::Receiver<Vec<PassedOver>>,
}

impl Engine {
    /// Prepares the supervisor; no process starts before a model is loaded. Needs a tokio runtime.
    pub fn new(config: EngineConfig) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        let (told, status) = watch::channel(EngineStatus::Empty);
        let (passing, passed_over) = watch::channel(Vec::new());
        tokio::spawn(life::live(config, received, told, passing));
        Self {
            commands,
            status,
            passed_over,
        }
    }

    /// What the engine is doing, now and from now on.
    pub fn status(&self) -> watch::Receiver<EngineStatus> {
        self.status.clone()
    }

    /// The workers that were tried in vain.
    pub fn passed_over(&self) -> Vec<PassedOver> {
        self.passed_over.borrow().clone()
    }

    /// Loads a model into a fresh process, in place of the model before it.
    ///
    /// # Errors
    /// What the worker found wrong with the files, or how it died of them; the status says the same.
    pub async fn load(&self, chosen: Chosen) -> Result<LoadedModel, EngineError> {
        let (done, loaded) = oneshot::channel();
        self.command(Command::Load { chosen, done });
        loaded.await.unwrap_or(Err(EngineError::Replaced))
    }

    /// Starts a reply. A sleeping model is loaded first. Errors arrive as [`ReplyEvent::Failed`].
    pub fn generate(&self, question: Question) -> Reply {
        let (events, received) = mpsc::unbounded_channel();
        let (cancel, cancelled) = oneshot::channel();
        self.command(Command::Generate {
            question,
            events,
            cancel: cancelled,
        });
        Reply {
            events: received,
            cancel: Some(cancel),
        }
    }

    /// Counts a chat's tokens with the loaded model's template.
    ///
    /// # Errors
    /// [`Fault::NoModel`], [`Fault::Busy`], [`Fault::BadTemplate`], or the worker's death.
    pub async fn count(&self, messages: Vec<ChatMessage>) -> Result<usize, EngineError> {
        let (done, counted) = oneshot::channel();
        self.command(Command::Count { messages, done });
        counted.await.unwrap_or(Err(EngineError::Replaced))
    }

    /// Writes the model that is in memory as UQFF into `folder`, which comes to be when it is whole, and says its bytes. `progress` is
    /// told how far that is, 0 to 1. Questions wait meanwhile. Dropped, it is stopped and nothing is left.
    ///
    /// # Errors
    /// [`Fault::NotKept`], [`Fault::NoModel`], [`Fault::Busy`], or the worker's death.
    pub async fn keep(
        &self,
        folder: PathBuf,
        progress: mpsc::UnboundedSender<f32>,
    ) -> Result<u64, EngineError> {
        let (done, kept) = oneshot::channel();
        self.command(Command::Keep {
            folder,
            progress,
            done,
        });
        kept.await.unwrap_or(Err(EngineError::Replaced))
    }

    /// Ends the process, and with it the model; a reply in progress is cancelled.
    pub async fn unload(&self) {
        let (done, unloaded) = oneshot::channel();
        self.command(Command::Unload { done });
        let _ = unloaded.await;
    }

    /// Sets how long a model may go unused before it is unloaded.
    pub fn set_idle_unload(&self, after: Option<Duration>) {
        self.command(Command::IdleUnload(after));
    }

    /// Sets how many threads compute, from the next load on.
    pub fn set_threads(&self, threads: usize) {
        self.command(Command::Threads(threads));
    }

    /// Sets which workers are tried, and in which order, from the next load on. Those that were tried in vain are tried again.
    pub fn set_workers(&self, workers: Vec<Candidate>) {
        self.command(Command::Workers(workers));
    }

    fn command(&self, command: Command) {
        // The receiver lives as long as any `Engine`; a dropped command answers through its closed channel.
        let _ = self.commands.send(command);
    }
}
