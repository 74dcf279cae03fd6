//! A running worker process: its pipes, its last words, its end.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use crate::lines::{Line, next_line};
use crate::protocol::{Event, LONGEST_LINE, PROTOCOL_VERSION, Request};
use crate::supervisor::EngineConfig;
use crate::workers::Candidate;

/// What a worker may take to end once its pipe is closed.
const EXIT_WITHIN: Duration = Duration::from_secs(2);
/// Events that a worker may be ahead; then its pipe fills and it waits.
const EVENTS: usize = 256;

/// Why a worker process is of no use any more. The text is for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// The program is not there or may not be run.
    #[error("The engine could not be started: {detail}. Install Hearth again.")]
    NotStarted {
        /// The system's words.
        detail: String,
    },
    /// The program is from another release of Hearth.
    #[error(
        "The engine speaks version {found} of the protocol and this app version {PROTOCOL_VERSION}. Install Hearth again."
    )]
    OtherVersion {
        /// What the worker said.
        found: u32,
    },
    /// The process ended by itself or was killed.
    #[error("The engine stopped: {status}.{}", last_words.as_ref().map(|words| format!(" Its last words: {words}")).unwrap_or_default())]
    Died {
        /// The exit status or signal, in words.
        status: String,
        /// The last thing it said on standard error.
        last_words: Option<String>,
    },
    /// The process is there and silent, or says what is not the protocol.
    #[error("The engine stopped making sense: {detail}. Hearth has ended it.")]
    Misbehaved {
        /// What it did.
        detail: String,
    },
}

impl WorkerError {
    /// Nobody said where a worker is.
    pub(crate) fn none() -> Self {
        Self::NotStarted {
            detail: "there is no worker".to_owned(),
        }
    }
}

/// A worker that has said hello. Dropped, it is killed.
pub(crate) struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    events: mpsc::Receiver<Event>,
    line_too_long: Arc<AtomicBool>,
    last_words: Arc<Mutex<Option<String>>>,
    /// What computes, as the worker said.
    pub(crate) backend: String,
}

impl Worker {
    /// Starts the program and waits for its hello.
    pub(crate) async fn start(
        config: &EngineConfig,
        candidate: &Candidate,
        threads: usize,
    ) -> Result<Self, WorkerError> {
        let mut child = command(candidate, &config.home, threads)
            .spawn()
            .map_err(|error| WorkerError::NotStarted {
                detail: format!("{} ({error})", candidate.program.display()),
            })?;
        let (Some(input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::NotStarted {
                detail: "its pipes are missing".to_owned(),
            });
        };
        let last_words = Arc::new(Mutex::new(None));
        tokio::spawn(keep_last_words(BufReader::new(errors), last_words.clone()));
        let (sender, events) = mpsc::channel(EVENTS);
        let line_too_long = Arc::new(AtomicBool::new(false));
        tokio::spawn(read_events(BufReader::new(output), sender, line_too_long.clone()));
        let backend = String::new();
        let mut worker = Self {
            child,
            input: Some(input),
            events,
            line_too_long,
            last_words,
            backend,
        };
        match tokio::time::timeout(config.hello_within, worker.next_event()).await {
            Ok(Ok(Event::Hello {
                protocol,
                backend,
                engine,
                cpu_features,
            })) => {
                if protocol != PROTOCOL_VERSION {
                    return Err(WorkerError::OtherVersion { found: protocol });
                }
                tracing::info!(%engine, %backend, ?cpu_features, "worker started");
                worker.backend = backend;
                Ok(worker)
            }
            Ok(Ok(other)) => Err(WorkerError::Misbehaved {
                detail: format!("it began with {}", summary(&other)),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let seconds = config.hello_within.as_secs();
                Err(WorkerError::Misbehaved {
                    detail: format!("it said nothing for {seconds} seconds"),
                })
            }
        }
    }

    /// Sends one request.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<(), WorkerError> {
        let mut line = serde_json::to_vec(request).map_err(|error| WorkerError::Misbehaved {
            detail: error.to_string(),
        })?;
        line.push(b'\n');
        let sent = match &mut self.input {
            Some(input) => input.write_all(&line).await.is_ok() && input.flush().await.is_ok(),
            None => false,
        };
        if sent { Ok(()) } else { Err(self.death().await) }
    }

    /// The next event. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next_event(&mut self) -> Result<Event, WorkerError> {
        match self.events.recv().await {
            Some(event) => Ok(event),
            None => Err(self.death().await),
        }
    }

    /// Ends the process: asks first, so that it can let go of devices, then kills it.
    pub(crate) async fn stop(mut self) {
        drop(self.input.take());
        if tokio::time::timeout(EXIT_WITHIN, self.child.wait())
            .await
            .is_err()
        {
            let _ = self.child.kill().await;
        }
    }

    /// How the process ended, once its pipes are closed.
    async fn death(&mut self) -> WorkerError {
        if self.line_too_long.load(Ordering::Relaxed) {
            let _ = self.child.kill().await;
            let detail = format!("it wrote a line of more than {} MB", LONGEST_LINE >> 20);
            return WorkerError::Misbehaved { detail };
        }
        drop(self.input.take());
        let status = match tokio::time::timeout(EXIT_WITHIN, self.child.wait()).await {
            Ok(Ok(status)) => in_words(status),
            _ => {
                let _ = self.child.kill().await;
                "it closed its pipe without ending".to_owned()
            }
        };
        let last_words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        WorkerError::Died { status, last_words }
    }
}

fn command(worker: &Candidate, home: &Path, threads: usize) -> Command {
    let mut command = Command::new(&worker.program);
    if let Some(id) = worker.card.as_ref().and_then(|card| card.id.as_ref()) {
        // The worker takes the first card it sees.
        command.env("CUDA_VISIBLE_DEVICES", id);
    }
    // mistral.rs makes folders under HF_HOME and would read a token there; both thread pools take every logical core
    // unless told.
    command.env("HF_HOME", home).env("HF_HUB_OFFLINE", "1");
    command
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env("CANDLE_NUM_THREADS", threads.to_string());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(windows)]
    {
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    command
}

/// Lines that are not the protocol's are logged and passed over: a library inside the worker may print.
async fn read_events(
    mut output: BufReader<ChildStdout>,
    events: mpsc::Sender<Event>,
    line_too_long: Arc<AtomicBool>,
) {
    loop {
        match next_line(&mut output, LONGEST_LINE).await {
            Ok(Line::Whole(line)) => match serde_json::from_slice(&line) {
                Ok(event) => {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
                Err(_) => {
                    let start = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
                    tracing::warn!(
                        line = start,
                        "the worker printed a line that is not the protocol's"
                    );
                }
            },
            Ok(Line::TooLong) => return line_too_long.store(true, Ordering::Relaxed),
            Ok(Line::End) | Err(_) => return,
        }
    }
}

async fn keep_last_words(mut errors: BufReader<ChildStderr>, last_words: Arc<Mutex<Option<String>>>) {
    while let Ok(Line::Whole(line)) = next_line(&mut errors, LONGEST_LINE).await {
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() {
            tracing::info!(target: "hearth_worker", "{line}");
            *last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        }
    }
}

/// An exit status as a person would say it.
fn in_words(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        match status.signal() {
            Some(9) => {
                return "it was killed (signal 9), most likely because the computer ran out of memory"
                    .to_owned();
            }
            Some(signal) => return format!("it was ended by signal {signal}"),
            None => {}
        }
    }
    match status.code() {
        Some(code) => format!("it ended with exit status {code}"),
        None => "it ended without an exit status".to_owned(),
    }
}

fn summary(event: &Event) -> String {
    format!("{event:?}").chars().take(80).collect()
}
