//! Everything Hearth keeps between two starts, in a folder that ends with the test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use hearth_fixtures::ModelFile;
use tempfile::TempDir;

use crate::display::Display;
use crate::driver::Driver;
use crate::window::Window;

/// A person's folders. The file dialog always picks [`Home::picked`].
pub struct Home {
    folder: TempDir,
    hub: String,
    picked: PathBuf,
}

impl Home {
    /// As it is before Hearth has ever run.
    ///
    /// # Errors
    /// The disk's.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hearth-e2e-").tempdir()?;
        Ok(Self {
            picked: folder.path().join("scripted.gguf"),
            folder,
            // Nothing listens there.
            hub: "http://127.0.0.1:9".to_owned(),
        })
    }

    /// As [`Home::new`], on a network whose Hub is at `hub` and with `suggestions`, in the form of
    /// `models/suggestions.json`, to begin with.
    ///
    /// # Errors
    /// The disk's.
    pub fn near(hub: &str, suggestions: &serde_json::Value) -> Result<Self> {
        let mut home = Self::new()?;
        home.hub = hub.to_owned();
        fs::write(home.suggestions(), suggestions.to_string())?;
        Ok(home)
    }

    /// The Hugging Face cache, which downloads go to.
    pub fn hub_cache(&self) -> PathBuf {
        self.folder.path().join("huggingface/hub")
    }

    fn suggestions(&self) -> PathBuf {
        self.folder.path().join("suggestions.json")
    }

    /// As [`Home::new`], with a model to pick.
    ///
    /// # Errors
    /// The disk's.
    pub fn with_model(model: &ModelFile) -> Result<Self> {
        let home = Self::new()?;
        model.write(&home.picked())?;
        Ok(home)
    }

    /// As [`Home::new`], with a model of safetensors to pick, in a folder of this name.
    ///
    /// # Errors
    /// The disk's.
    pub fn with_safetensors(model: &ModelFile, name: &str) -> Result<Self> {
        let mut home = Self::new()?;
        home.picked = model.write_safetensors(&home.folder.path().join(name))?;
        Ok(home)
    }

    /// As [`Home::new`], with a model of UQFF to pick, in a folder of this name.
    ///
    /// # Errors
    /// When its rows do not divide into blocks of its quantisation; the disk's.
    pub fn with_uqff(model: &ModelFile, name: &str) -> Result<Self> {
        let mut home = Self::new()?;
        home.picked = model.write_uqff(&home.folder.path().join(name))?;
        Ok(home)
    }

    /// The file that "Open a model file…" picks.
    pub fn picked(&self) -> PathBuf {
        self.picked.clone()
    }

    /// The folder of the app's data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data/dev.hearth.desktop")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.data().join("hearth.db")
    }

    /// Starts Hearth.
    ///
    /// # Errors
    /// When its window does not open.
    pub async fn open(&self) -> Result<Window> {
        self.start(None).await
    }

    /// Starts Hearth on a dark desktop.
    ///
    /// # Errors
    /// As [`Home::open`].
    pub async fn open_in_the_dark(&self) -> Result<Window> {
        self.start(Some("Adwaita:dark")).await
    }

    async fn start(&self, theme: Option<&str>) -> Result<Window> {
        let program = desktop()?;
        let display = Display::open()?;
        let mut environment = self.environment()?;
        environment.extend([
            ("DISPLAY", display.name.clone().into()),
            ("GDK_BACKEND", "x11".into()),
            ("HEARTH_PICK_MODEL", self.picked().into()),
            ("HEARTH_SUGGESTIONS", self.suggestions().into()),
            ("NO_AT_BRIDGE", "1".into()),
            ("TAURI_WEBVIEW_AUTOMATION", "true".into()),
            // Without this renderer, a picture of the page never comes.
            ("WEBKIT_DISABLE_DMABUF_RENDERER", "0".into()),
        ]);
        if let Some(theme) = theme {
            environment.insert("GTK_THEME", theme.into());
        }
        let folder = self.folder.path();
        let driver = Driver::start(&environment, folder).await?;
        // What the app has logged in all its starts.
        let log = folder.join("log");
        Window::open(driver, display, &program, &folder.join("data"), log).await
    }

    /// Where the folders are, which are made, and the Hub.
    pub(crate) fn environment(&self) -> Result<BTreeMap<&'static str, OsString>> {
        let mut environment: BTreeMap<&str, OsString> = BTreeMap::from([
            ("HF_ENDPOINT", self.hub.clone().into()),
            ("HF_HOME", self.folder.path().join("huggingface").into()),
            ("LC_ALL", "C.UTF-8".into()),
        ]);
        for (variable, name) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            let folder = self.folder.path().join(name);
            fs::create_dir_all(&folder)?;
            environment.insert(variable, folder.into());
        }
        Ok(environment)
    }
}

/// The built app's program.
pub(crate) fn desktop() -> Result<PathBuf> {
    let program = std::env::var_os("HEARTH_DESKTOP")
        .map(PathBuf::from)
        .context("HEARTH_DESKTOP does not name the app: run these tests with `cargo xtask test`")?;
    fs::canonicalize(&program).with_context(|| format!("no app at {}", program.display()))
}

/// The app that keeps its data in `data`.
pub(crate) fn belongs_to(environment: &BTreeMap<OsString, OsString>, data: &Path) -> bool {
    environment
        .get(std::ffi::OsStr::new("XDG_DATA_HOME"))
        .is_some_and(|folder| Path::new(folder) == data)
}
