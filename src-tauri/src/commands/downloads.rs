//! Downloads.

use hearth_app::{Download, ErrorReport};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn download_variant(
    shell: State<'_, Shell>,
    repo: String,
    variant: String,
) -> Result<Download, ErrorReport> {
    shell.app().await.download_variant(&repo, &variant).await
}

#[tauri::command]
pub async fn list_downloads(shell: State<'_, Shell>) -> Result<Vec<Download>, ErrorReport> {
    shell.app().await.downloads().await
}

#[tauri::command]
pub async fn pause_download(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.pause_download(&id).await
}

#[tauri::command]
pub async fn resume_download(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.resume_download(&id).await
}

#[tauri::command]
pub async fn cancel_download(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.cancel_download(&id).await
}

#[tauri::command]
pub async fn move_download(
    shell: State<'_, Shell>,
    id: String,
    before: Option<String>,
) -> Result<(), ErrorReport> {
    shell.app().await.move_download(&id, before.as_deref()).await
}
