//! Drives the real worker over its protocol, as the app does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use hearth_engine::EngineConfig;
use hearth_engine::protocol::{ChatMessage, Event, Request, RequestId, Role, Sampling};

use super::memory::PeakMemory;
use super::{Plan, Session, Wanted, peer};

/// Starts a worker, loads the model and answers each prompt.
pub fn measure(config: &EngineConfig, plan: &Plan) -> Result<Session> {
    let mut worker = Worker::start(config)?;
    let mut memory = PeakMemory::of(worker.child.id());
    let id = worker.ask(|id| Request::Load {
        id,
        files: vec![plan.model.to_owned()],
        context: Some(plan.context),
    })?;
    let load_milliseconds = loop {
        match worker.event()? {
            Event::Loaded { id: of, model } if of == id => break model.load_milliseconds as f64,
            _ => memory.look(),
        }
    };
    let mut replies = Vec::new();
    for wanted in plan.replies {
        let prompt = worker.prompt_of(wanted)?;
        let sampling = Sampling {
            temperature: 0.0,
            ..Sampling::default()
        };
        let max_tokens = Some(wanted.reply_tokens);
        let id = worker.ask(|id| Request::Generate {
            id,
            messages: prompt,
            sampling,
            max_tokens,
            stop: Vec::new(),
        })?;
        replies.push(loop {
            match worker.event()? {
                Event::Done { id: of, stats, .. } if of == id => break stats,
                Event::Started { .. } => memory.look(),
                _ => {}
            }
        });
        memory.look();
    }
    Ok(Session {
        load_milliseconds,
        replies,
        peak_memory: memory.bytes(),
    })
}

/// A worker process, killed when dropped.
struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: RequestId,
}

impl Worker {
    fn start(config: &EngineConfig) -> Result<Self> {
        let threads = config.threads.to_string();
        let mut child = Command::new(&config.worker)
            // What the app's supervisor sets.
            .env("HF_HOME", &config.home)
            .env("HF_HUB_OFFLINE", "1")
            .env("RAYON_NUM_THREADS", &threads)
            .env("CANDLE_NUM_THREADS", &threads)
            .env("HEARTH_WORKER_LOG", "error")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", config.worker.display()))?;
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

    fn ask(&mut self, request: impl FnOnce(RequestId) -> Request) -> Result<RequestId> {
        self.last_id += 1;
        let mut line = serde_json::to_vec(&request(self.last_id))?;
        line.push(b'\n');
        self.input.write_all(&line).context("the worker has gone")?;
        Ok(self.last_id)
    }

    fn event(&mut self) -> Result<Event> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the worker ended ({})", self.child.wait()?);
        }
        match serde_json::from_str(&line).with_context(|| format!("the worker said {line:?}"))? {
            Event::Failed { fault, .. } => bail!("the worker refused: {fault}"),
            event => Ok(event),
        }
    }

    /// The longest chat of one message that is no longer than `wanted`, in whole words.
    fn prompt_of(&mut self, wanted: &Wanted) -> Result<Vec<ChatMessage>> {
        let text = peer::text(wanted.prompt_tokens);
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let chat = |count: usize| {
            vec![ChatMessage {
                role: Role::User,
                content: words[..count].concat(),
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
            if tokens <= wanted.prompt_tokens {
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
