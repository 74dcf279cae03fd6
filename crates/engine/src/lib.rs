//! The engine as the rest of Hearth sees it: a protocol spoken with a worker process, and the supervisor that
//! starts, watches, restarts and stops that process.
//!
//! The worker holds the weights, so a panic, an out-of-memory kill or a driver abort costs one reply and never
//! the app. See `docs/ARCHITECTURE.md`, "The engine is a process".

mod lines;
mod measure;
mod model_file;
mod process;
pub mod protocol;
mod supervisor;
pub mod support;
mod workers;

pub use measure::measure;
pub use process::WorkerError;
pub use protocol::{Chosen, Question};
pub use supervisor::{Engine, EngineConfig, EngineError, EngineStatus, Ready, Reply, ReplyEvent};
pub use workers::{Backend, Candidate, Card, PassedOver};
