//! This computer.

use hearth_app::{ErrorReport, ThisComputer};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn this_computer(shell: State<'_, Shell>) -> Result<ThisComputer, ErrorReport> {
    Ok(shell.app().await.this_computer().await)
}

#[tauri::command]
pub async fn measure_computer(shell: State<'_, Shell>) -> Result<ThisComputer, ErrorReport> {
    shell.app().await.measure_computer().await
}
