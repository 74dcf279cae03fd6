//! The app's start and its database.

use hearth_app::{AppEvent, ErrorCode, ErrorReport, Start};
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tauri_plugin_opener::OpenerExt;

use crate::shell::Shell;

#[tauri::command]
pub async fn start(shell: State<'_, Shell>) -> Result<Start, ErrorReport> {
    Ok(shell.app().await.start().await)
}

#[tauri::command]
pub async fn subscribe(shell: State<'_, Shell>, channel: Channel<AppEvent>) -> Result<(), ErrorReport> {
    shell.subscribe(channel).await;
    Ok(())
}

#[tauri::command]
pub async fn retry_store(shell: State<'_, Shell>) -> Result<Start, ErrorReport> {
    Ok(shell.app().await.retry_store().await)
}

#[tauri::command]
pub async fn set_aside_store(shell: State<'_, Shell>) -> Result<Start, ErrorReport> {
    shell.app().await.set_aside_store().await
}

#[tauri::command]
pub async fn open_data_folder(handle: AppHandle, shell: State<'_, Shell>) -> Result<(), ErrorReport> {
    let folder = shell.app().await.data_folder().to_string_lossy().into_owned();
    handle.opener().open_path(&folder, None::<&str>).map_err(|error| {
        let message = format!("The folder {folder} could not be opened: {error}. Open it by hand.");
        ErrorReport::new(ErrorCode::Internal, message)
    })
}
