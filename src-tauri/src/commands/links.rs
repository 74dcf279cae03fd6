//! Links out of the window.

use hearth_app::{ErrorCode, ErrorReport};
use tauri::{AppHandle, State, Url};
use tauri_plugin_opener::OpenerExt;

use crate::shell::Shell;

#[tauri::command]
pub async fn open_link(handle: AppHandle, url: String) -> Result<(), ErrorReport> {
    let allowed = Url::parse(&url)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "mailto"));
    let Some(url) = allowed else {
        let message = "This link is neither a web address that begins with https nor a mail address, so Hearth does not open it.";
        return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
    };
    open(&handle, url.as_str())
}

#[tauri::command]
pub async fn open_repo_page(
    handle: AppHandle,
    shell: State<'_, Shell>,
    repo: String,
) -> Result<(), ErrorReport> {
    open(&handle, &shell.app().await.repo_page(&repo).await?)
}

fn open(handle: &AppHandle, url: &str) -> Result<(), ErrorReport> {
    handle.opener().open_url(url, None::<&str>).map_err(|error| {
        let message = format!("No program could be started for this link: {error}. Copy it into a browser.");
        ErrorReport::new(ErrorCode::Internal, message)
    })
}
