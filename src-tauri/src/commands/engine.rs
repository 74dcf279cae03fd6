//! The engine.

use hearth_app::ErrorReport;
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn load_model(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.load_model(&id).await
}

#[tauri::command]
pub async fn unload_model(shell: State<'_, Shell>) -> Result<(), ErrorReport> {
    shell.app().await.unload_model().await;
    Ok(())
}
