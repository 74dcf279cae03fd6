//! Questions and replies.

use hearth_app::ErrorReport;
use hearth_store::{Message, Turn};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn send(shell: State<'_, Shell>, chat_id: String, text: String) -> Result<Turn, ErrorReport> {
    shell.app().await.send(&chat_id, &text).await
}

#[tauri::command]
pub async fn regenerate(shell: State<'_, Shell>, message_id: String) -> Result<Message, ErrorReport> {
    shell.app().await.regenerate(&message_id).await
}

#[tauri::command]
pub async fn edit_and_resend(
    shell: State<'_, Shell>,
    message_id: String,
    text: String,
) -> Result<Turn, ErrorReport> {
    shell.app().await.edit_and_resend(&message_id, &text).await
}

#[tauri::command]
pub async fn stop(shell: State<'_, Shell>, message_id: String) -> Result<(), ErrorReport> {
    shell.app().await.stop(&message_id);
    Ok(())
}
