//! The two pipes to the app.

use std::io::{BufRead, Read, Write};

use hearth_engine::protocol::{Event, Fault, LONGEST_LINE, Request};
use tokio::sync::mpsc;

/// Where events go. Cheap to clone; sending never blocks the engine.
#[derive(Clone)]
pub struct Outbox(mpsc::UnboundedSender<Event>);

impl Outbox {
    /// Queues an event for the app.
    pub fn send(&self, event: Event) {
        // The receiver lives as long as the process.
        let _ = self.0.send(event);
    }
}

/// Starts the threads that read requests and write events.
///
/// The process exits with 0 from inside the reading thread when the app closes the pipe: a load or a prompt cannot
/// be interrupted in any other way, and an app that is gone leaves nobody to answer.
pub fn open() -> (mpsc::UnboundedReceiver<Request>, Outbox) {
    let (to_app, mut events) = mpsc::unbounded_channel::<Event>();
    let outbox = Outbox(to_app);
    let (received, requests) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let mut pipe = std::io::stdout();
        while let Some(event) = events.blocking_recv() {
            let written = serde_json::to_vec(&event)
                .map_err(std::io::Error::from)
                .and_then(|mut line| {
                    line.push(b'\n');
                    pipe.write_all(&line)?;
                    pipe.flush()
                });
            if written.is_err() {
                std::process::exit(0);
            }
        }
    });
    let answers = outbox.clone();
    std::thread::spawn(move || {
        let mut pipe = std::io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            match pipe
                .by_ref()
                .take(LONGEST_LINE as u64 + 1)
                .read_until(b'\n', &mut line)
            {
                Ok(0) | Err(_) => std::process::exit(0),
                Ok(_) if line.len() > LONGEST_LINE => {
                    let detail = format!("a request of more than {LONGEST_LINE} bytes");
                    answers.send(Event::Failed {
                        id: None,
                        fault: Fault::Misunderstood { detail },
                    });
                    let _ = pipe.skip_until(b'\n');
                }
                Ok(_) => match serde_json::from_slice(&line) {
                    Ok(request) => drop(received.send(request)),
                    Err(error) => {
                        let fault = Fault::Misunderstood {
                            detail: error.to_string(),
                        };
                        answers.send(Event::Failed { id: None, fault });
                    }
                },
            }
        }
    });
    (requests, outbox)
}
