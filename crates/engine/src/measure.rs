//! What this computer can do, as a worker of its own measures it.

use crate::process::Worker;
use crate::protocol::{Event, Request, Speeds};
use crate::{EngineConfig, EngineError};

/// Measures in a process that ends with it; takes some seconds and every core. Dropped, it is cancelled.
///
/// # Errors
/// The worker's, or its death.
pub async fn measure(config: &EngineConfig) -> Result<Speeds, EngineError> {
    let mut worker = Worker::start(config, config.threads).await?;
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
