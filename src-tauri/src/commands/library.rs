//! Models on this computer.

use hearth_app::{DeletePreview, ErrorReport, FoundModel, LibraryEntry, Model, Verdict};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn library(shell: State<'_, Shell>) -> Result<Vec<LibraryEntry>, ErrorReport> {
    shell.app().await.library().await
}

#[tauri::command]
pub async fn find_models(shell: State<'_, Shell>) -> Result<Vec<FoundModel>, ErrorReport> {
    shell.app().await.find_models().await
}

#[tauri::command]
pub async fn use_found_model(shell: State<'_, Shell>, id: String) -> Result<Model, ErrorReport> {
    shell.app().await.use_found_model(&id).await
}

#[tauri::command]
pub async fn price_model(shell: State<'_, Shell>, id: String, context: u64) -> Result<Verdict, ErrorReport> {
    shell.app().await.price_model(&id, context).await
}

#[tauri::command]
pub async fn set_quantisation(
    shell: State<'_, Shell>,
    id: String,
    quantisation: Option<String>,
) -> Result<(), ErrorReport> {
    shell
        .app()
        .await
        .set_quantisation(&id, quantisation.as_deref())
        .await
}

#[tauri::command]
pub async fn keep_quantised(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.keep_quantised(&id).await.map(drop)
}

#[tauri::command]
pub async fn drop_quantised(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.drop_quantised(&id).await
}

#[tauri::command]
pub async fn verify_model(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.verify_model(&id).await
}

#[tauri::command]
pub async fn preview_delete(shell: State<'_, Shell>, id: String) -> Result<DeletePreview, ErrorReport> {
    shell.app().await.preview_delete(&id).await
}

#[tauri::command]
pub async fn delete_model(shell: State<'_, Shell>, id: String) -> Result<(), ErrorReport> {
    shell.app().await.delete_model(&id).await
}
