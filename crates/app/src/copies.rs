//! Keeping a model that is quantised while it is read the way that it lies in memory, so that it starts faster.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hearth_engine::EngineStatus;
use hearth_engine::protocol::Quantisation;
use hearth_fit::Shape;
use hearth_library::{Copied, Copies};
use hearth_store::ModelRecord;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use ts_rs::TS;

use crate::library::paths;
use crate::lock::lock;
use crate::{App, ErrorCode, ErrorReport};

/// A quantised copy of a model: one that could be kept, is being written, or is here.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum QuantisedCopy {
    /// It could be kept.
    Offered {
        /// Bytes that it would take.
        #[ts(type = "number")]
        bytes: u64,
    },
    /// It is being written, or the model is loaded for it.
    Keeping {
        /// 0 to 1.
        fraction: f32,
    },
    /// It is here.
    Kept {
        /// Bytes that it takes.
        #[ts(type = "number")]
        bytes: u64,
        /// What it is quantised to.
        quantisation: String,
        /// The model is loaded from it: it is quantised to what the model is to be.
        used: bool,
    },
}

/// The copies that are being written.
#[derive(Default)]
pub(crate) struct Keeping {
    /// How far each is, 0 to 1, by model, and what stops it when it is dropped.
    running: Mutex<HashMap<String, (f32, oneshot::Sender<()>)>>,
}

impl Keeping {
    fn fraction(&self, model: &str) -> Option<f32> {
        lock(&self.running).get(model).map(|(fraction, _)| *fraction)
    }
}

impl App {
    /// Keeps a model quantised, which is loaded for it: bytes of the copy; `None` where it was stopped. Progress is told as library
    /// events.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] for a model whose files are taken as they are, [`ErrorCode::Busy`] while a reply is written,
    /// [`ErrorCode::DiskFull`], what the engine failed on, or the store's.
    pub async fn keep_quantised(&self, id: &str) -> Result<Option<u64>, ErrorReport> {
        let copying = self.begin_copy(id).await?;
        self.copy(copying).await
    }

    /// Stops keeping a model, or removes its copy.
    ///
    /// # Errors
    /// When the system does not let it go.
    pub async fn drop_quantised(&self, id: &str) -> Result<(), ErrorReport> {
        // Dropped, what stops it tells it.
        if lock(&self.keeping.running).remove(id).is_none() {
            let copies = self.copies();
            if copies.holds(id, &self.engine_path()) {
                // The next question loads it from its own files.
                self.engine.unload().await;
            }
            let model = id.to_owned();
            blocking(move || copies.remove(&model)).await??;
        }
        self.tell_library().await;
        Ok(())
    }

    /// The files to load a model from that is to be quantised to `level`: its own, or those of a copy.
    pub(crate) async fn files_at(&self, record: &ModelRecord, level: Option<Quantisation>) -> Vec<PathBuf> {
        let own = paths(record);
        let Some(level) = level else { return own };
        match self.copied(record).await {
            Some(copied) if copied.level == level.name() => copied.files,
            _ => own,
        }
    }

    /// Whether the engine's model that begins with this file is this one, from its own files or from its copy.
    pub(crate) fn is_of(&self, record: &ModelRecord, path: &Path) -> bool {
        path == record.path() || self.copies().holds(&record.id, path)
    }

    /// What the library says of a model's copy; `None` for models whose files are taken as they are.
    pub(crate) async fn quantised_copy(
        &self,
        record: &ModelRecord,
        level: Option<Quantisation>,
        shape: Option<&Shape>,
    ) -> Option<QuantisedCopy> {
        let (level, shape) = (level?, shape?);
        if let Some(fraction) = self.keeping.fraction(&record.id) {
            return Some(QuantisedCopy::Keeping { fraction });
        }
        Some(match self.copied(record).await {
            Some(copied) => QuantisedCopy::Kept {
                bytes: copied.bytes,
                used: copied.level == level.name(),
                quantisation: copied.level,
            },
            None => QuantisedCopy::Offered {
                bytes: copy_bytes(shape),
            },
        })
    }

    /// Removes what was left of copies that were not finished, and copies of models that are no longer on the list.
    pub(crate) async fn sweep_copies(&self) -> Result<(), ErrorReport> {
        let models = self.store().await?.models().await?;
        let ids: Vec<String> = models.into_iter().map(|model| model.id).collect();
        let copies = self.copies();
        blocking(move || copies.sweep(&ids)).await
    }

    async fn copied(&self, record: &ModelRecord) -> Option<Copied> {
        let (copies, model, sources) = (self.copies(), record.id.clone(), paths(record));
        blocking(move || copies.find(&model, &sources))
            .await
            .ok()
            .flatten()
    }

    /// The first file of the model that is in memory; empty where none is.
    fn engine_path(&self) -> PathBuf {
        match &*self.engine.status().borrow() {
            EngineStatus::Ready(ready) | EngineStatus::Answering { ready, .. } => ready.path.clone(),
            _ => PathBuf::new(),
        }
    }

    fn copies(&self) -> Copies {
        Copies::new(self.config.data.join("quantised"))
    }

    async fn begin_copy(&self, id: &str) -> Result<Copying, ErrorReport> {
        let record = self.store().await?.model(id).await?;
        let fitted = self.fitted(&record).await;
        let Some((level, shape)) = fitted.and_then(|fitted| Some((fitted.quantisation?, fitted.shape)))
        else {
            let message = format!(
                "{} is loaded as its files are; there is nothing to keep.",
                record.name
            );
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        };
        let busy = matches!(*self.engine.status().borrow(), EngineStatus::Answering { .. });
        if busy || self.keeping.fraction(id).is_some() {
            let message = "The engine is busy with another request. Wait for it, or stop it.";
            return Err(ErrorReport::new(ErrorCode::Busy, message));
        }
        let (copies, model) = (self.copies(), record.id.clone());
        let bytes = copy_bytes(&shape);
        blocking(move || copies.make_room(&model, bytes)).await??;
        let (stop, stopped) = oneshot::channel();
        lock(&self.keeping.running).insert(record.id.clone(), (0.0, stop));
        self.tell_library().await;
        Ok(Copying {
            record,
            level,
            stopped,
        })
    }

    async fn copy(&self, copying: Copying) -> Result<Option<u64>, ErrorReport> {
        let Copying {
            record,
            level,
            stopped,
        } = copying;
        let (progress, mut fractions) = mpsc::unbounded_channel();
        let place = self.copies().place(&record.id, level.name(), &paths(&record));
        let work = async {
            // Only what was read from its own files was quantised while it was read.
            if self.engine_path() != record.path() {
                self.choose(Some(record.clone()));
                self.load_record(record.clone()).await?;
            }
            self.engine.keep(place, progress).await
        };
        tokio::pin!(work);
        tokio::pin!(stopped);
        let kept = loop {
            tokio::select! {
                kept = &mut work => break kept.map(Some),
                // Dropped, the work is stopped.
                _ = &mut stopped => break Ok(None),
                Some(fraction) = fractions.recv() => {
                    if let Some((told, _)) = lock(&self.keeping.running).get_mut(&record.id)
                        && fraction - *told >= 0.01
                    {
                        *told = fraction;
                    } else {
                        continue;
                    }
                    self.tell_library().await;
                }
            }
        };
        lock(&self.keeping.running).remove(&record.id);
        self.tell_library().await;
        Ok(kept?)
    }
}

/// A copy that is about to be written.
struct Copying {
    record: ModelRecord,
    level: Quantisation,
    stopped: oneshot::Receiver<()>,
}

/// Bytes of a model's copy: its matrices as they are in memory, all else in 16 bits.
fn copy_bytes(shape: &Shape) -> u64 {
    let weights = &shape.weights;
    let matrices = weights.matrices.iter().map(|one| one.bytes);
    let plain = weights.embedding_weights.saturating_add(weights.vector_weights);
    matrices.fold(plain.saturating_mul(2), u64::saturating_add)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ErrorReport> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ErrorReport::new(ErrorCode::Internal, error.to_string()))
}
