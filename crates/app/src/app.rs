//! The app as a whole: what it holds, how it starts.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearth_engine::{Engine, EngineConfig, EngineStatus};
use hearth_machine::Machine;
use hearth_store::{Chat, ModelRecord, Store};
use serde::Serialize;
use tokio::sync::{RwLock, broadcast, watch};
use ts_rs::TS;

use crate::computer::Computer;
use crate::copies::Keeping;
use crate::devices::Devices;
use crate::discover::OpenRepos;
use crate::library::Shelf;
use crate::lock::lock;
use crate::online::Online;
use crate::replies::Active;
use crate::{AppEvent, EngineState, ErrorReport, Model, Settings, Subscription};

/// Events that a listener may be behind before it loses the oldest.
const EVENTS: usize = 1024;
/// How long a deleted chat can be brought back.
const KEEP_DELETED: Duration = Duration::from_secs(30 * 24 * 3600);
/// The engine's progress and speed change with every token; an eye follows ten times a second.
const STATE_EVERY: Duration = Duration::from_millis(100);

/// Where things are.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// The folder for the database and the engine's files.
    pub data: PathBuf,
    /// The plain processor's worker; those for graphics cards lie beside it ([`hearth_engine::Backend::program`]).
    pub worker: PathBuf,
    /// The model that ships inside Hearth.
    pub built_in_model: PathBuf,
    /// Another list of models to begin with, in the form of `models/suggestions.json`.
    pub suggestions: Option<PathBuf>,
    /// The Hugging Face cache that downloads go to; `None`: where every other program has it.
    pub hub_cache: Option<PathBuf>,
    /// The Hub's address; `None`: `HF_ENDPOINT`, or huggingface.co.
    pub hub_endpoint: Option<String>,
    /// What this computer is taken for; `None`: what it is.
    pub computer: Option<Machine>,
}

impl AppConfig {
    /// With the shipped list of models to begin with, or the one that `HEARTH_SUGGESTIONS` names, and the Hub and its
    /// cache where the environment says.
    pub fn new(data: PathBuf, worker: PathBuf, built_in_model: PathBuf) -> Self {
        Self {
            data,
            worker,
            built_in_model,
            suggestions: std::env::var_os("HEARTH_SUGGESTIONS").map(PathBuf::from),
            hub_cache: None,
            hub_endpoint: None,
            computer: None,
        }
    }
}

/// What the UI needs to draw its first picture.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// The chats, newest activity first.
    pub chats: Vec<Chat>,
    /// The models.
    pub models: Vec<Model>,
    /// The engine.
    pub engine: EngineState,
    /// The settings.
    pub settings: Settings,
    /// Why there are no chats: the database could not be opened.
    pub store_fault: Option<ErrorReport>,
    /// Hearth's version.
    pub version: String,
}

/// The app. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) config: Arc<AppConfig>,
    pub(crate) engine: Engine,
    pub(crate) engine_config: Arc<EngineConfig>,
    pub(crate) computer: Arc<Computer>,
    pub(crate) devices: Arc<Devices>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) keeping: Arc<Keeping>,
    /// Loads that were asked for and are not over: before the engine hears of one, its verdict is looked up.
    pub(crate) loads: Arc<watch::Sender<usize>>,
    pub(crate) open_repos: Arc<OpenRepos>,
    pub(crate) online: Arc<RwLock<Option<Online>>>,
    store: Arc<RwLock<Result<Store, ErrorReport>>>,
    events: broadcast::Sender<AppEvent>,
    /// Held from reading a list to sending it: an older list must not overtake a newer one.
    telling: Arc<tokio::sync::Mutex<()>>,
    chosen: Arc<Mutex<Option<ModelRecord>>>,
    pub(crate) active: Arc<Mutex<Option<Active>>>,
}

impl App {
    /// Opens the database and prepares the engine. A database that does not open is no error: the app starts, says
    /// why in [`Start::store_fault`], and [`App::retry_store`] tries again.
    pub async fn open(config: AppConfig) -> Self {
        let engine_config = EngineConfig::new(config.worker.clone(), config.data.join("engine"));
        let engine = Engine::new(engine_config.clone());
        let (events, _) = broadcast::channel(EVENTS);
        let not_open = ErrorReport::new(
            crate::ErrorCode::Internal,
            "The chats are not open yet. Try again.",
        );
        let app = Self {
            config: Arc::new(config),
            engine,
            engine_config: Arc::new(engine_config),
            computer: Arc::default(),
            devices: Arc::default(),
            shelf: Arc::default(),
            keeping: Arc::default(),
            loads: Arc::new(watch::Sender::new(0)),
            open_repos: Arc::default(),
            online: Arc::default(),
            store: Arc::new(RwLock::new(Err(not_open))),
            events,
            telling: Arc::default(),
            chosen: Arc::default(),
            active: Arc::default(),
        };
        app.retry_store().await;
        tokio::spawn(app.clone().watch_engine());
        app
    }

    /// What the UI needs to draw its first picture.
    pub async fn start(&self) -> Start {
        let store = self.store().await;
        let chats = match &store {
            Ok(store) => store.chats().await.map_err(ErrorReport::from),
            Err(fault) => Err(fault.clone()),
        };
        let fault = chats.as_ref().err().cloned();
        Start {
            chats: chats.unwrap_or_default(),
            models: self.models().await.unwrap_or_default(),
            engine: self.engine_state(),
            settings: self.settings().await.unwrap_or_default(),
            store_fault: fault,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Everything that changes from now on.
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.events.subscribe())
    }

    /// Opens the database again, after the person has mended what was wrong with it.
    pub async fn retry_store(&self) -> Start {
        {
            let mut store = self.store.write().await;
            if store.is_err() {
                *store = Store::open(&self.database()).await.map_err(ErrorReport::from);
            }
        }
        if let Err(error) = self.after_open().await {
            tracing::warn!(%error.message, "the store opened and then failed");
        }
        self.start().await
    }

    /// Moves a damaged database aside, keeping it, and begins a new one.
    ///
    /// # Errors
    /// The store's, when the file cannot be moved.
    pub async fn set_aside_store(&self) -> Result<Start, ErrorReport> {
        if self.store.read().await.is_err() {
            let kept = Store::set_aside(&self.database()).await?;
            tracing::warn!(kept = %kept.display(), "the damaged database was set aside");
        }
        Ok(self.retry_store().await)
    }

    /// The folder that holds the database.
    pub fn data_folder(&self) -> &Path {
        &self.config.data
    }

    /// Stops a reply in progress and the engine, and closes the database.
    pub async fn close(&self) {
        self.stop_every_reply().await;
        self.close_library();
        self.go_offline().await;
        self.engine.unload().await;
        if let Ok(store) = self.store().await {
            store.close().await;
        }
    }

    /// The engine's state, joined with the model that was chosen and the reply in progress.
    pub fn engine_state(&self) -> EngineState {
        let status = self.engine.status().borrow().clone();
        self.state_of(status)
    }

    pub(crate) async fn store(&self) -> Result<Store, ErrorReport> {
        self.store.read().await.clone()
    }

    pub(crate) fn tell(&self, event: AppEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// Tells what `read` finds, unless it fails. What is told last was read last.
    pub(crate) async fn tell_latest(&self, read: impl Future<Output = Result<AppEvent, ErrorReport>>) {
        let _telling = self.telling.lock().await;
        if let Ok(event) = read.await {
            self.tell(event);
        }
    }

    pub(crate) fn tell_engine(&self) {
        self.tell(AppEvent::Engine {
            engine: self.engine_state(),
        });
    }

    pub(crate) fn chosen(&self) -> Option<ModelRecord> {
        lock(&self.chosen).clone()
    }

    pub(crate) fn choose(&self, model: Option<ModelRecord>) {
        *lock(&self.chosen) = model;
        self.tell_engine();
    }

    fn database(&self) -> PathBuf {
        self.config.data.join("hearth.db")
    }

    async fn after_open(&self) -> Result<(), ErrorReport> {
        let store = self.store().await?;
        store.purge_deleted_chats(KEEP_DELETED).await?;
        let settings = self.settings().await?;
        self.engine.set_idle_unload(settings.idle_unload());
        self.use_threads(settings.threads);
        self.use_devices(&settings.compute_on).await;
        self.open_speeds().await?;
        self.open_models().await?;
        self.sweep_copies().await?;
        self.go_online(store).await
    }

    fn state_of(&self, status: EngineStatus) -> EngineState {
        EngineState::new(status, self.chosen().map(Model::from), self.active_reply())
    }

    async fn watch_engine(self) {
        let mut status = self.engine.status();
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update().clone();
            let passing = matches!(now, EngineStatus::Loading { .. } | EngineStatus::Answering { .. });
            self.tell(AppEvent::Engine {
                engine: self.state_of(now),
            });
            if passing {
                tokio::time::sleep(STATE_EVERY).await;
            }
        }
    }
}
