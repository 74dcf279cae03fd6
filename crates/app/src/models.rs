//! Models the person has opened, and the one inside the app.

use std::path::{Path, PathBuf};

use hearth_engine::protocol::DEFAULT_CONTEXT;
use hearth_engine::{Chosen, EngineError};
use hearth_fit::{Label, Verdict};
use hearth_gguf::plain_name;
use hearth_store::{ModelFileRecord, ModelRecord, NewModel};
use serde::Serialize;
use ts_rs::TS;

use crate::library::paths;
use crate::model_files::{Contents, read, siblings, whole};
use crate::{App, AppEvent, ErrorCode, ErrorReport};

/// The id of the model that ships inside Hearth, wherever that is installed.
const BUILT_IN: &str = "built-in-bard";
const LAST_MODEL: &str = "lastModel";

/// A model file as the UI shows it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// How the UI names it.
    pub id: String,
    /// The name inside the file, or the file's own.
    pub name: String,
    /// File name.
    pub file_name: String,
    /// The folder it lies in.
    pub folder: String,
    /// Bytes of its files.
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// It ships inside Hearth.
    pub built_in: bool,
    /// One of its files is not at its place any more.
    pub missing: bool,
    /// When it last answered, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub last_used_at: Option<i64>,
}

impl From<ModelRecord> for Model {
    fn from(record: ModelRecord) -> Self {
        let lossy = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        Self {
            file_name: lossy(record.path().file_name()),
            folder: lossy(record.path().parent().map(Path::as_os_str)),
            missing: !record.files.iter().all(|file| file.path.exists()),
            id: record.id,
            name: record.name,
            size_bytes: record.size_bytes,
            built_in: record.built_in,
            last_used_at: record.last_used_at,
        }
    }
}

impl App {
    /// The models, the last used first, the built-in one last.
    ///
    /// # Errors
    /// The store's.
    pub async fn models(&self) -> Result<Vec<Model>, ErrorReport> {
        let records = self.store().await?.models().await?;
        let mut models: Vec<_> = records.into_iter().map(Model::from).collect();
        models.sort_by_key(|model| (model.built_in, std::cmp::Reverse(model.last_used_at)));
        Ok(models)
    }

    /// Remembers the model that the file at `path`, which the person picked, is of.
    ///
    /// # Errors
    /// What is wrong with the file's header, or the store's.
    pub async fn remember_model(&self, path: PathBuf) -> Result<Model, ErrorReport> {
        let record = self.remember(path, None).await?;
        self.tell_models().await;
        self.tell_library().await;
        Ok(record.into())
    }

    /// Loads a model in place of the one before; returns at once, the engine's state tells the rest.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn load_model(&self, id: &str) -> Result<(), ErrorReport> {
        let store = self.store().await?;
        let record = store.model(id).await?;
        store.set_setting(LAST_MODEL, &record.id).await?;
        self.choose(Some(record.clone()));
        let app = self.clone();
        self.loads.send_modify(|loads| *loads += 1);
        tokio::spawn(async move {
            // Its outcome is in the engine's state.
            drop(app.load_record(record).await);
            app.loads.send_modify(|loads| *loads -= 1);
        });
        Ok(())
    }

    /// Takes the model out of memory; the next question loads it again.
    pub async fn unload_model(&self) {
        self.engine.unload().await;
    }

    /// Takes a model off the list. The file stays.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] for the built-in model, or the store's.
    pub async fn forget_model(&self, id: &str) -> Result<(), ErrorReport> {
        if id == BUILT_IN {
            let message = "The built-in model is part of Hearth and stays on the list.";
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        if self.chosen().is_some_and(|chosen| chosen.id == id) {
            self.engine.unload().await;
            self.choose(None);
        }
        let store = self.store().await?;
        store.forget_model(id).await?;
        self.drop_quantised(id).await?;
        if let Some(chosen) = self
            .chosen()
            .filter(|chosen| chosen.draft_id.as_deref() == Some(id))
        {
            self.engine.unload().await;
            self.choose(store.model(&chosen.id).await.ok());
        }
        self.tell_models().await;
        self.tell_library().await;
        Ok(())
    }

    /// Loads a model and notes when.
    pub(crate) async fn load_record(&self, record: ModelRecord) -> Result<(), EngineError> {
        let verdict = self.verdict_to_load(&record).await;
        self.expect_on_card(verdict.as_ref());
        let level = self.fitted(&record).await.and_then(|fitted| fitted.quantisation);
        let mut chosen = Chosen {
            files: whole(self.files_at(&record, level).await),
            draft: self
                .draft_of(&record)
                .await
                .map_or_else(Vec::new, |(draft, _)| whole(paths(&draft))),
            context: match &verdict {
                Some(verdict) => usize::try_from(verdict.context).ok(),
                None => self.wanted_context().await,
            },
            card_layers: verdict.as_ref().and_then(card_layers),
            quantisation: level,
        };
        let own = paths(&record);
        let is_copy = chosen.files.first() != own.first();
        let loaded = match self.engine.load(chosen.clone()).await {
            Err(EngineError::Fault(fault)) if is_copy => {
                tracing::warn!(%fault, "a quantised copy did not load");
                let _ = self.drop_quantised(&record.id).await;
                chosen.files = own;
                self.engine.load(chosen).await?
            }
            loaded => loaded?,
        };
        self.keep_load(&record, &loaded).await;
        if let Ok(store) = self.store().await {
            // A list that could not be updated is no reason to say that the model did not load.
            let _ = store.touch_model(&record.id).await;
            self.tell_models().await;
        }
        Ok(())
    }

    /// The verdict on a model at the context that it is to be loaded with: what Settings ask for, but no more than fits
    /// beside what is open now, nor than the engine runs the model in as it was trained. A model that does not fit at all is
    /// loaded all the same: who does that has read the verdict. `None` where its files cannot be read.
    async fn verdict_to_load(&self, record: &ModelRecord) -> Option<Verdict> {
        let shape = self.shape_of(record).await?;
        let wanted = self.wanted_context().await.unwrap_or(DEFAULT_CONTEXT);
        let verdict = self.judge(record, &shape, wanted as u64).await;
        match (verdict.label, verdict.largest_context) {
            (Label::TooBig, Some(largest)) => Some(self.judge(record, &shape, largest).await),
            _ => Some(verdict),
        }
    }

    async fn wanted_context(&self) -> Option<usize> {
        self.settings().await.ok().and_then(|settings| settings.context)
    }

    /// Puts the built-in model on the list, at the place where this installation has it, and chooses the model that
    /// was used last.
    pub(crate) async fn open_models(&self) -> Result<(), ErrorReport> {
        if self.config.built_in_model.exists() {
            self.remember(self.config.built_in_model.clone(), Some(BUILT_IN))
                .await?;
        }
        let store = self.store().await?;
        if let Some(last) = store.setting::<String>(LAST_MODEL).await? {
            self.choose(store.model(&last).await.ok());
        }
        Ok(())
    }

    async fn remember(&self, path: PathBuf, id: Option<&str>) -> Result<ModelRecord, ErrorReport> {
        let files = siblings(&path);
        let name = match read(whole(files.clone())).await? {
            Contents::Gguf(header) => match header.text("general.name").map(str::trim) {
                Some(name) if id.is_some() && !name.is_empty() => capitalised(name),
                // Files of one model differ in quantisation, which only the file's name tells.
                _ => plain_name(&path),
            },
            Contents::Safetensors(_) => folder_name(&path),
        };
        let file = |path: PathBuf| ModelFileRecord {
            size_bytes: std::fs::metadata(&path).map_or(0, |file| file.len()),
            path,
            sha256: None,
        };
        let new = NewModel {
            id: id.map(str::to_owned),
            name,
            files: files.into_iter().map(file).collect(),
            origin: None,
            quantisation: None,
            built_in: id.is_some(),
            imported: id.is_none(),
        };
        Ok(self.store().await?.remember_model(new).await?)
    }

    pub(crate) async fn tell_models(&self) {
        self.tell_latest(async {
            let models = self.models().await?;
            Ok(AppEvent::Models { models })
        })
        .await;
    }
}

/// How many layers a graphics card is given; `None`: all.
fn card_layers(verdict: &Verdict) -> Option<usize> {
    match &verdict.card {
        Some(share) if share.is_whole() => None,
        Some(share) => usize::try_from(share.layers).ok(),
        None => Some(0),
    }
}

/// The name of the folder that a model of safetensors lies in, or of its repository in the Hub's cache, where folders are named
/// after commits: `models--Qwen--Qwen3-4B/snapshots/…`.
fn folder_name(path: &Path) -> String {
    let name = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let folder = path.parent();
    let above = folder.and_then(Path::parent);
    if name(above) != "snapshots" {
        return name(folder);
    }
    let repo = name(above.and_then(Path::parent));
    repo.rsplit("--").next().unwrap_or(&repo).to_owned()
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
