//! Settings.

use hearth_app::{ErrorReport, Settings};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn get_settings(shell: State<'_, Shell>) -> Result<Settings, ErrorReport> {
    shell.app().await.settings().await
}

#[tauri::command]
pub async fn set_settings(shell: State<'_, Shell>, settings: Settings) -> Result<Settings, ErrorReport> {
    shell.app().await.set_settings(settings).await
}
