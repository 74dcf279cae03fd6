//! Guessing ahead.

use hearth_app::{ErrorReport, MeasuredSpeculation};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn set_speculation(
    shell: State<'_, Shell>,
    id: String,
    enabled: bool,
    draft: Option<String>,
) -> Result<(), ErrorReport> {
    shell
        .app()
        .await
        .set_speculation(&id, enabled, draft.as_deref())
        .await
}

#[tauri::command]
pub async fn measure_speculation(
    shell: State<'_, Shell>,
    id: String,
) -> Result<Option<MeasuredSpeculation>, ErrorReport> {
    shell.app().await.measure_speculation(&id).await
}

#[tauri::command]
pub async fn stop_measuring(shell: State<'_, Shell>) -> Result<(), ErrorReport> {
    shell.app().await.stop_measuring();
    Ok(())
}
