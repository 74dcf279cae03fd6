//! Chats.

use hearth_app::ErrorReport;
use hearth_store::{Chat, Message};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn create_chat(shell: State<'_, Shell>) -> Result<Chat, ErrorReport> {
    shell.app().await.create_chat().await
}

#[tauri::command]
pub async fn rename_chat(shell: State<'_, Shell>, id: String, title: String) -> Result<Chat, ErrorReport> {
    shell.app().await.rename_chat(&id, &title).await
}

#[tauri::command]
pub async fn delete_chat(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.delete_chat(&id).await
}

#[tauri::command]
pub async fn restore_chat(shell: State<'_, Shell>, id: String) -> Result<Chat, ErrorReport> {
    shell.app().await.restore_chat(&id).await
}

#[tauri::command]
pub async fn open_chat(shell: State<'_, Shell>, id: String) -> Result<Vec<Message>, ErrorReport> {
    shell.app().await.open_chat(&id).await
}

#[tauri::command]
pub async fn choose_branch(shell: State<'_, Shell>, message_id: String) -> Result<Vec<Message>, ErrorReport> {
    shell.app().await.choose_branch(&message_id).await
}
