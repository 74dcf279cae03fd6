//! The person's account on the Hub.

use hearth_app::ErrorReport;
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn hub_account(shell: State<'_, Shell>) -> Result<Option<String>, ErrorReport> {
    shell.app().await.hub_account().await
}

#[tauri::command]
pub async fn set_hub_token(shell: State<'_, Shell>, token: String) -> Result<String, ErrorReport> {
    shell.app().await.set_hub_token(&token).await
}

#[tauri::command]
pub async fn clear_hub_token(shell: State<'_, Shell>) -> Result<(), ErrorReport> {
    shell.app().await.clear_hub_token().await
}
