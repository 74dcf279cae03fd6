//! Loading a model: into which of the workers, and what speaks against the others.

use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::{Life, Step, stray};
use crate::process::{Worker, WorkerError};
use crate::protocol::{Chosen, Event, LoadedModel, Request};
use crate::supervisor::{EngineError, EngineStatus, Ready};
use crate::workers::{Candidate, PassedOver};

impl Life {
    pub(super) fn use_workers(&mut self, workers: Vec<Candidate>) {
        self.config.workers = workers;
        self.passed_over.send_replace(Vec::new());
    }

    pub(super) async fn load(
        &mut self,
        chosen: Chosen,
        after: Option<EngineError>,
    ) -> Result<LoadedModel, EngineError> {
        // Only the end of a process surely gives its memory back.
        self.stop_worker().await;
        let path = chosen.path();
        self.chosen = Some(chosen.clone());
        self.tell(EngineStatus::Loading {
            path: path.clone(),
            fraction: 0.0,
            after: after.clone(),
        });
        let loaded = self.load_on_the_best(&chosen, after).await;
        match &loaded {
            Ok(model) => {
                let worker = self.worker.as_ref();
                let card = (self.candidate.as_ref()).and_then(|candidate| candidate.card.as_ref());
                let ready = Ready {
                    backend: worker.map(|worker| worker.backend.clone()).unwrap_or_default(),
                    card: card.map(|card| card.name.clone()),
                    notice: if card.is_none() {
                        self.notice(&chosen)
                    } else {
                        None
                    },
                    path,
                    model: model.clone(),
                };
                self.ready = Some(ready.clone());
                self.used = Instant::now();
                self.tell(EngineStatus::Ready(ready));
            }
            Err(error) => {
                self.stop_worker().await;
                self.tell(EngineStatus::Failed {
                    path,
                    error: error.clone(),
                });
            }
        }
        loaded
    }

    /// Loads into the first worker that can. One that does not start, or whose graphics card fails, is passed over and
    /// remembered; what is wrong with the model is wrong with it everywhere. The last worker's errors stand.
    async fn load_on_the_best(
        &mut self,
        chosen: &Chosen,
        after: Option<EngineError>,
    ) -> Result<LoadedModel, EngineError> {
        let path = chosen.path();
        let mut workers = self.config.workers.clone();
        let last = workers.pop().ok_or_else(WorkerError::none)?;
        let no_layers = chosen.card_layers == Some(0);
        workers.retain(|worker| {
            let without_room = no_layers && worker.card.is_some();
            !without_room && !self.is_passed_over(worker, &path)
        });
        for worker in workers {
            let loaded = self.load_into(&worker, chosen, after.clone()).await;
            let Err(error) = &loaded else { return loaded };
            let Some(passed) = PassedOver::of(&worker, &path, error) else {
                return loaded;
            };
            self.stop_worker().await;
            self.pass_over(passed);
        }
        self.load_into(&last, chosen, after).await
    }

    fn is_passed_over(&self, worker: &Candidate, model: &Path) -> bool {
        let passed_over = self.passed_over.borrow();
        passed_over.iter().any(|passed| passed.concerns(worker, model))
    }

    pub(super) fn pass_over(&self, passed: PassedOver) {
        let worker = passed.candidate.backend.name();
        tracing::warn!(worker, passed.reason, "a worker is passed over");
        self.passed_over.send_modify(|all| all.push(passed));
    }

    /// Why this model is not on the graphics card, where it could not be.
    fn notice(&self, chosen: &Chosen) -> Option<String> {
        let workers = &self.config.workers;
        if chosen.card_layers == Some(0) {
            let card = workers.iter().find_map(|worker| worker.card.as_ref())?;
            return Some(format!(
                "The graphics card {} has no room for this model; answering on the processor.",
                card.name
            ));
        }
        let model = &*chosen.path();
        let passed_over = self.passed_over.borrow();
        let mut passed =
            (passed_over.iter()).filter(|passed| workers.iter().any(|worker| passed.concerns(worker, model)));
        passed.find_map(PassedOver::notice)
    }

    async fn load_into(
        &mut self,
        candidate: &Candidate,
        chosen: &Chosen,
        after: Option<EngineError>,
    ) -> Result<LoadedModel, EngineError> {
        let id = self.next_id();
        let threads = threads_for(&chosen.files, self.config.threads);
        let worker = Worker::start(&self.config, candidate, threads).await?;
        self.candidate = Some(candidate.clone());
        let worker = self.worker.insert(worker);
        worker
            .send(&Request::Load {
                id,
                chosen: chosen.clone(),
            })
            .await?;
        loop {
            match self.step().await {
                Step::Event(Ok(Event::Loading { id: of, fraction })) if of == id => {
                    let after = after.clone();
                    self.tell(EngineStatus::Loading {
                        path: chosen.path(),
                        fraction,
                        after,
                    });
                }
                Step::Event(Ok(Event::Loaded { id: of, model })) if of == id => return Ok(model),
                Step::Event(event) => stray(event, id)?,
                Step::Ended => return Err(EngineError::Replaced),
            }
        }
    }
}

/// One thread for a model so small that a layer is done before a second thread has heard of it. candle's threads wait
/// by spinning, so on a busy computer each handover costs a time slice: with all cores taken, the built-in model decodes
/// 500 tokens/s on one thread and 4 on two.
fn threads_for(files: &[PathBuf], threads: usize) -> usize {
    const SMALL_BYTES: u64 = 64 << 20;
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|file| file.len() < SMALL_BYTES);
    if let [only] = files
        && small(only)
    {
        1
    } else {
        threads
    }
}
