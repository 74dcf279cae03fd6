//! The models on this computer: ours, the person's, and those that other apps hold.

mod delete;
mod elsewhere;
mod verify;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use hearth_engine::protocol::Quantisation;
use hearth_fit::{Shape, Verdict};
use hearth_library::Found;
use hearth_store::ModelRecord;
use serde::Serialize;
use ts_rs::TS;

use crate::discover::first_context;
use crate::lock::lock;
use crate::measured::model_key;
use crate::model_files::{Fitted, read, siblings, uqff_level, whole};
use crate::{App, AppEvent, ErrorCode, ErrorReport, Model, ModelSpeculation, QuantisedCopy};
pub use delete::DeletePreview;
pub use elsewhere::FoundModel;

/// A model on this computer.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct LibraryEntry {
    /// The model.
    pub model: Model,
    /// Its quantisation, or the one that it is given while it is loaded.
    pub quantisation: Option<String>,
    /// What it may be quantised to while it is loaded, the best first; empty for files that are taken as they are.
    pub quantisations: Vec<String>,
    /// The one of them that the person chose; `None` where it is the best that fits.
    pub chosen_quantisation: Option<String>,
    /// Parameters.
    #[ts(type = "number | null")]
    pub parameters: Option<u64>,
    /// The repository it came from.
    pub repo: Option<String>,
    /// Whether it runs here; `None` where its file cannot be read.
    pub verdict: Option<Verdict>,
    /// What was measured when it ran.
    pub measured: Option<MeasuredSpeed>,
    /// Its file belongs to the person or another app: Hearth never deletes it.
    pub imported: bool,
    /// How much of it has been checked, 0 to 1, while it is.
    pub verifying: Option<f64>,
    /// Its bytes are not what they should be.
    pub damaged: bool,
    /// How its replies are speculated.
    pub speculation: ModelSpeculation,
    /// A copy of it that starts faster; `None` for files that are taken as they are.
    pub quantised_copy: Option<QuantisedCopy>,
}

/// What was measured while a model ran here.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredSpeed {
    /// Tokens a second, writing.
    pub tokens_per_second: f64,
    /// The most memory it held, in bytes.
    #[ts(type = "number | null")]
    pub peak_bytes: Option<u64>,
}

/// A model's first file, and what the person has it quantised to.
type FittedKey = (PathBuf, Option<Quantisation>);

/// What the library knows beyond the store.
#[derive(Default)]
pub(crate) struct Shelf {
    /// How models lie in memory, read once; `None` where they cannot be read or run.
    fitted: Mutex<HashMap<FittedKey, Option<Fitted>>>,
    /// What other apps hold, as last looked.
    found: Mutex<Vec<Found>>,
    /// How far a check is, 0 to 1, by model.
    verifying: Mutex<HashMap<String, f64>>,
    /// Models whose bytes were found wrong.
    damaged: Mutex<Vec<String>>,
    /// The model whose speculation is measured, and how far that is, 0 to 1.
    measuring: Mutex<Option<(String, f64)>>,
    closing: Arc<AtomicBool>,
}

impl Shelf {
    /// How far the measurement of a model's speculation is, 0 to 1, if it runs.
    pub(crate) fn measuring(&self, id: &str) -> Option<f64> {
        let measuring = lock(&self.measuring);
        measuring
            .as_ref()
            .filter(|(of, _)| of == id)
            .map(|(_, fraction)| *fraction)
    }

    /// How models lie in memory has to be found out anew.
    pub(crate) fn forget_fitted(&self) {
        lock(&self.fitted).clear();
    }

    pub(crate) fn set_measuring(&self, measuring: Option<(String, f64)>) {
        *lock(&self.measuring) = measuring;
    }
}

impl App {
    /// The models on this computer, the last used first.
    ///
    /// # Errors
    /// The store's.
    pub async fn library(&self) -> Result<Vec<LibraryEntry>, ErrorReport> {
        let mut records = self.store().await?.models().await?;
        records.sort_by_key(|record| (record.built_in, std::cmp::Reverse(record.last_used_at)));
        let mut entries = Vec::with_capacity(records.len());
        for record in &records {
            entries.push(self.entry(record, &records).await);
        }
        Ok(entries)
    }

    /// The verdict on a model of the library at a context in tokens.
    ///
    /// # Errors
    /// What is wrong with its file, or the store's.
    pub async fn price_model(&self, id: &str, context: u64) -> Result<Verdict, ErrorReport> {
        let record = self.store().await?.model(id).await?;
        let contents = read(whole(paths(&record))).await?;
        let machine = self.machine().await;
        let card = self.card_for(&machine, Some(record.path()));
        let fitted = contents.fitted(&machine, card, chosen_quantisation(&record))?;
        Ok(self.judge(&record, &fitted.shape, context).await)
    }

    /// The verdict on a file, or on the split model that it is part of, at a context in tokens.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub async fn price_file(&self, path: PathBuf, context: u64) -> Result<Verdict, ErrorReport> {
        let contents = read(whole(siblings(&path))).await?;
        let machine = self.machine().await;
        let fitted = contents.fitted(&machine, self.card_for(&machine, Some(&path)), None)?;
        Ok(self
            .verdict_of(&fitted.shape, context, None, None, Some(&path))
            .await)
    }

    /// Sets what a model's weights are quantised to while they are read; `None` for the best that this computer's memory
    /// holds. If it is in memory, the next question reads it anew.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] for what is none of [`LibraryEntry::quantisations`], or the store's.
    pub async fn set_quantisation(&self, id: &str, quantisation: Option<&str>) -> Result<(), ErrorReport> {
        if let Some(name) = quantisation.filter(|name| Quantisation::named(name).is_none()) {
            let message = format!("No model can be shortened to {name}. Choose one from the list.");
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        let store = self.store().await?;
        store.set_quantisation(id, quantisation).await?;
        if self.chosen().is_some_and(|chosen| chosen.id == id) {
            self.engine.unload().await;
            self.choose(Some(store.model(id).await?));
        }
        self.tell_library().await;
        Ok(())
    }

    pub(crate) async fn tell_library(&self) {
        self.tell_latest(async {
            let entries = self.library().await?;
            Ok(AppEvent::Library { entries })
        })
        .await;
    }

    async fn entry(&self, record: &ModelRecord, all: &[ModelRecord]) -> LibraryEntry {
        let fitted = self.fitted(record).await;
        let shape = fitted.as_ref().map(|fitted| &fitted.shape);
        let judged = match shape {
            Some(shape) => Some(self.judge(record, shape, first_context(shape)).await),
            None => None,
        };
        let level = fitted.as_ref().and_then(|fitted| fitted.quantisation);
        let measured = self.measured(&model_key(record), Some(record.path())).await;
        let speculation = self.speculation_of(record, all).await;
        let can_be_kept = fitted.as_ref().is_some_and(|fitted| fitted.can_be_kept);
        let level_to_keep = level.filter(|_| can_be_kept);
        let quantised_copy = self.quantised_copy(record, level_to_keep, shape).await;
        LibraryEntry {
            quantisation: level
                .map(|level| level.name().to_owned())
                .or_else(|| quantisation(record)),
            quantisations: match level {
                Some(_) => Quantisation::ALL
                    .iter()
                    .map(|level| level.name().to_owned())
                    .collect(),
                None => Vec::new(),
            },
            chosen_quantisation: chosen_quantisation(record).map(|level| level.name().to_owned()),
            parameters: shape.map(parameters),
            repo: record.repo.clone(),
            verdict: judged,
            measured: measured.and_then(|measured| {
                Some(MeasuredSpeed {
                    tokens_per_second: measured.decode_tokens_per_second?,
                    peak_bytes: measured.peak_bytes,
                })
            }),
            imported: record.imported,
            verifying: lock(&self.shelf.verifying).get(&record.id).copied(),
            damaged: lock(&self.shelf.damaged).contains(&record.id),
            quantised_copy,
            speculation,
            model: record.clone().into(),
        }
    }

    pub(crate) async fn judge(&self, record: &ModelRecord, shape: &Shape, context: u64) -> Verdict {
        let draft = self.draft_of(record).await.map(|(_, shape)| shape);
        let (key, path) = (model_key(record), record.path());
        self.verdict_of(shape, context, draft.as_ref(), Some(&key), Some(path))
            .await
    }

    pub(crate) async fn shape_of(&self, record: &ModelRecord) -> Option<Shape> {
        self.fitted(record).await.map(|fitted| fitted.shape)
    }

    /// How a model of the library lies in memory; `None` where its files cannot be read or run.
    pub(crate) async fn fitted(&self, record: &ModelRecord) -> Option<Fitted> {
        let chosen = chosen_quantisation(record);
        let key = (record.path().to_path_buf(), chosen);
        if let Some(known) = lock(&self.shelf.fitted).get(&key) {
            return known.clone();
        }
        let contents = read(whole(paths(record))).await.ok()?;
        let machine = self.machine().await;
        let card = self.card_for(&machine, Some(record.path()));
        let fitted = contents.fitted(&machine, card, chosen).ok();
        lock(&self.shelf.fitted).insert(key, fitted.clone());
        fitted
    }
}

/// What the person chose that a model is quantised to.
pub(crate) fn chosen_quantisation(record: &ModelRecord) -> Option<Quantisation> {
    record.quantisation.as_deref().and_then(Quantisation::named)
}

/// Weights of all kinds; a table that is the output as well is one.
fn parameters(shape: &Shape) -> u64 {
    let weights = &shape.weights;
    let matrices: u64 = weights.matrices.iter().map(|one| one.weights).sum();
    let table = if weights.tied {
        0
    } else {
        weights.embedding_weights
    };
    matrices + table + weights.vector_weights
}

pub(crate) fn paths(record: &ModelRecord) -> Vec<PathBuf> {
    record.files.iter().map(|file| file.path.clone()).collect()
}

/// The quantisation that the file's name tells; files of other apps may not tell.
fn quantisation(record: &ModelRecord) -> Option<String> {
    if let Some(level) = uqff_level(record.path()) {
        return Some(level);
    }
    hearth_hub::quantisation(&record.path().file_stem()?.to_string_lossy())
}
