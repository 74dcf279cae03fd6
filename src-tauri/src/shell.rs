//! What the window holds: the app, and the one channel that carries its events.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hearth_app::{App, AppConfig, AppEvent};
use tauri::async_runtime::{self, JoinHandle};
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager};
use tokio::sync::SetOnce;

/// The window's state.
pub struct Shell {
    app: Arc<SetOnce<App>>,
    events: Mutex<Option<JoinHandle<()>>>,
}

impl Shell {
    /// Opens the app in the background: a large database is checked while the window already shows.
    pub fn open(handle: &AppHandle) -> tauri::Result<Self> {
        let data = match std::env::var_os("HEARTH_DATA") {
            Some(folder) => folder.into(),
            None => handle.path().app_data_dir()?,
        };
        let config = AppConfig::new(data, worker()?, built_in_model(handle)?);
        let app = Arc::new(SetOnce::new());
        let opened = app.clone();
        async_runtime::spawn(async move { opened.set(App::open(config).await) });
        Ok(Self {
            app,
            events: Mutex::new(None),
        })
    }

    /// The app, once it is open.
    pub async fn app(&self) -> App {
        self.app.wait().await.clone()
    }

    /// Sends the app's events to `channel` in place of the channel before: a page that was reloaded leaves its old
    /// one behind.
    pub async fn subscribe(&self, channel: Channel<AppEvent>) {
        let mut events = self.app().await.subscribe();
        let forward = async_runtime::spawn(async move {
            while let Some(event) = events.next().await {
                if channel.send(event).is_err() {
                    return;
                }
            }
        });
        if let Some(before) = self
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(forward)
        {
            before.abort();
        }
    }

    /// Stops what runs and closes the database.
    pub fn close(&self) {
        if let Some(app) = self.app.get() {
            async_runtime::block_on(app.close());
        }
    }
}

/// Brings the window to the front.
pub fn focus(handle: &AppHandle) {
    if let Some(window) = handle.get_webview_window("main") {
        // A window that cannot be raised is still there.
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}

/// The worker lies beside the app's own program, where the bundler puts sidecars.
fn worker() -> tauri::Result<PathBuf> {
    let own = tauri::utils::platform::current_exe()?;
    Ok(own.with_file_name(format!("hearth-worker{}", std::env::consts::EXE_SUFFIX)))
}

/// The model lies beside the program in a development build, wherever that was built, and where the system keeps an
/// installed program's resources else.
fn built_in_model(handle: &AppHandle) -> tauri::Result<PathBuf> {
    const FILE: &str = "models/bard-Q8_0.gguf";
    let beside = tauri::utils::platform::current_exe()?.with_file_name(FILE);
    if beside.exists() {
        Ok(beside)
    } else {
        Ok(handle.path().resource_dir()?.join(FILE))
    }
}
