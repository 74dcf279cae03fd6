//! Whether a model's bytes are still what was published.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hearth_library::LibraryError;
use hearth_store::ModelRecord;

use crate::lock::lock;
use crate::{App, ErrorCode, ErrorReport};

/// An eye follows four times a second.
const TELL_EVERY: Duration = Duration::from_millis(250);

impl App {
    /// Hashes a model's files and compares. Returns at once; progress and outcome are told as library events.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] where nobody has said what the files should be, or the store's.
    pub async fn verify_model(&self, id: &str) -> Result<(), ErrorReport> {
        let record = self.store().await?.model(id).await?;
        if record.files.iter().all(|file| file.sha256.is_none()) {
            let message = format!(
                "Nobody has published what {} should be, so it cannot be checked. Only downloaded models can.",
                record.name
            );
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        if lock(&self.shelf.verifying)
            .insert(record.id.clone(), 0.0)
            .is_some()
        {
            return Ok(());
        }
        let app = self.clone();
        tokio::spawn(async move { app.verify(record).await });
        self.tell_library().await;
        Ok(())
    }

    /// Ends checks that run.
    pub(crate) fn close_library(&self) {
        self.shelf.closing.store(true, Ordering::Relaxed);
    }

    async fn verify(&self, record: ModelRecord) {
        let total: u64 = record.size_bytes.max(1);
        let mut before = 0;
        let mut sound = true;
        for file in record.files.clone() {
            let Some(expected) = file.sha256 else { continue };
            let (app, id, closing) = (self.clone(), record.id.clone(), self.shelf.closing.clone());
            let runtime = tokio::runtime::Handle::current();
            let checked = tokio::task::spawn_blocking(move || {
                let mut told = Instant::now();
                let progress = |done: u64, _: u64| {
                    if told.elapsed() >= TELL_EVERY {
                        told = Instant::now();
                        let fraction = (before + done) as f64 / total as f64;
                        lock(&app.shelf.verifying).insert(id.clone(), fraction);
                        let app = app.clone();
                        runtime.spawn(async move { app.tell_library().await });
                    }
                };
                hearth_library::verify(&file.path, &expected, progress, &closing)
            });
            match checked.await {
                Ok(Ok(_)) => {}
                Ok(Err(LibraryError::Cancelled)) | Err(_) => break,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a model was checked");
                    sound = false;
                }
            }
            before += file.size_bytes;
        }
        lock(&self.shelf.verifying).remove(&record.id);
        {
            let mut damaged = lock(&self.shelf.damaged);
            damaged.retain(|id| *id != record.id);
            if !sound {
                damaged.push(record.id.clone());
            }
        }
        self.tell_library().await;
    }
}
