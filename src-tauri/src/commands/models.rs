//! The list of models.

use std::path::PathBuf;

use hearth_app::{ErrorReport, Model};
use tauri::{AppHandle, State};
use tauri_plugin_dialog::DialogExt;
use tokio::sync::oneshot;

use crate::shell::Shell;

#[tauri::command]
pub async fn list_models(shell: State<'_, Shell>) -> Result<Vec<Model>, ErrorReport> {
    shell.app().await.models().await
}

#[tauri::command]
pub async fn pick_model(handle: AppHandle, shell: State<'_, Shell>) -> Result<Option<Model>, ErrorReport> {
    match picked(&handle).await {
        Some(path) => shell.app().await.remember_model(path).await.map(Some),
        None => Ok(None),
    }
}

#[tauri::command]
pub async fn forget_model(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.forget_model(&id).await
}

/// The file that the person picks in the system's own dialog; the path never passes through the page.
async fn picked(handle: &AppHandle) -> Option<PathBuf> {
    // The system's dialog is out of a WebDriver's reach, so tests of development builds name the file.
    #[cfg(debug_assertions)]
    if let Some(path) = std::env::var_os("HEARTH_PICK_MODEL") {
        return Some(path.into());
    }
    let (done, picked) = oneshot::channel();
    handle
        .dialog()
        .file()
        .set_title("Open a model file")
        .add_filter("Models", &["gguf", "safetensors", "uqff"])
        .pick_file(|file| {
            // Nobody waits once the window is gone.
            let _ = done.send(file);
        });
    picked.await.ok()??.into_path().ok()
}
