//! What this computer can do, as a worker of its own measures it.

use crate::process::{Worker, WorkerError};
use crate::protocol::{Event, Request, Speeds};
use crate::{EngineConfig, EngineError};

/// Measures in a process that ends with it; takes some seconds and every core. Dropped, it is cancelled.
///
/// # Errors
/// The worker's, or its death.
pub async fn measure(config: &EngineConfig) -> Result<Speeds, EngineError> {
    // The processor's: the speeds are those of the main memory and its kernels.
    let candidate = config.workers.last().ok_or_else(WorkerError::none)?;
    let mut worker = Worker::start(config, candidate, config.threads).await?;
    worker.send(&Request::Measure { id: 1 }).await?;
    loop {
        match worker.next_event().await? {
            Event::Measured { speeds, .. } => {
                worker.stop().await;
                return Ok(speeds);
            }
            Event::Failed { fault, .. } => return Err(fault.into()),
            _ => {}
        }
    }
}
