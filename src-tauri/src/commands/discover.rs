//! Models on the Hub.

use hearth_app::{DraftSuggestion, ErrorReport, HubPage, HubQuery, RepoPage, Suggestion, Verdict};
use tauri::State;

use crate::shell::Shell;

#[tauri::command]
pub async fn suggestions(shell: State<'_, Shell>) -> Result<Vec<Suggestion>, ErrorReport> {
    shell.app().await.suggestions().await
}

#[tauri::command]
pub async fn search_hub(shell: State<'_, Shell>, query: HubQuery) -> Result<HubPage, ErrorReport> {
    shell.app().await.search_hub(query).await
}

#[tauri::command]
pub async fn open_repo(shell: State<'_, Shell>, repo: String) -> Result<RepoPage, ErrorReport> {
    shell.app().await.open_repo(&repo).await
}

#[tauri::command]
pub async fn suggest_draft(
    shell: State<'_, Shell>,
    repo: String,
) -> Result<Option<DraftSuggestion>, ErrorReport> {
    shell.app().await.suggest_draft(&repo).await
}

#[tauri::command]
pub async fn price_variant(
    shell: State<'_, Shell>,
    repo: String,
    variant: String,
    context: u64,
) -> Result<Verdict, ErrorReport> {
    shell.app().await.price_variant(&repo, &variant, context).await
}
