//! The real worker, driven over its protocol as the app does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use hearth_engine::EngineConfig;
use hearth_engine::protocol::{ChatMessage, Event, Request, RequestId, Role};

const SENTENCE: &str = "The quick brown fox jumps over the lazy dog. ";

/// A text of at least this many tokens: every word has one or more.
pub fn text(tokens: usize) -> String {
    SENTENCE.repeat(tokens / SENTENCE.split_whitespace().count() + 1)
}

/// A worker process, killed when dropped.
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: RequestId,
}

impl Worker {
    /// Starts the process and waits for its hello.
    pub fn start(config: &EngineConfig) -> Result<Self> {
        let threads = config.threads.to_string();
        let program = &config.workers.last().context("no worker is named")?.program;
        let mut child = Command::new(program)
            // What the app's supervisor sets.
            .env("HF_HOME", &config.home)
            .env("HF_HUB_OFFLINE", "1")
            .env("RAYON_NUM_THREADS", &threads)
            .env("CANDLE_NUM_THREADS", &threads)
            .env("HEARTH_WORKER_LOG", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the worker has no pipes");
        };
        let mut worker = Self {
            child,
            input,
            output: BufReader::new(output),
            last_id: 0,
        };
        match worker.event()? {
            Event::Hello { .. } => Ok(worker),
            other => bail!("the worker began with {other:?}"),
        }
    }

    /// Sends a request and returns its id.
    pub fn ask(&mut self, request: impl FnOnce(RequestId) -> Request) -> Result<RequestId> {
        self.last_id += 1;
        let mut line = serde_json::to_vec(&request(self.last_id))?;
        line.push(b'\n');
        self.input.write_all(&line).context("the worker has gone")?;
        Ok(self.last_id)
    }

    /// The next event; a failure is an error.
    pub fn event(&mut self) -> Result<Event> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the worker ended ({})", self.child.wait()?);
        }
        match serde_json::from_str(&line).with_context(|| format!("the worker said {line:?}"))? {
            Event::Failed { fault, .. } => bail!("the worker refused: {fault}"),
            event => Ok(event),
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The longest chat of one message that has no more than `most` tokens, in whole words. Chats of different lengths
    /// begin differently, so that nothing of one is known from another.
    pub fn prompt_of(&mut self, most: usize) -> Result<Vec<ChatMessage>> {
        let text = text(most);
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let chat = |count: usize| {
            vec![ChatMessage {
                role: Role::User,
                content: format!("{most}: {}", words[..count].concat()),
            }]
        };
        let (mut fits, mut too_long) = (1, words.len());
        while too_long - fits > 1 {
            let middle = fits.midpoint(too_long);
            let id = self.ask(|id| Request::Count {
                id,
                messages: chat(middle),
            })?;
            let tokens = loop {
                if let Event::Counted { id: of, tokens } = self.event()?
                    && of == id
                {
                    break tokens;
                }
            };
            if tokens <= most {
                fits = middle
            } else {
                too_long = middle
            }
        }
        Ok(chat(fits))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The next turn needs the memory and the cores, so it waits until the process is gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
