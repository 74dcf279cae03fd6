//! One file for each command.

pub mod chat;
pub mod fit;
pub mod keep;
pub mod list;
pub mod machine;
pub mod pull;
pub mod rm;
pub mod search;

use hearth_app::{App, ErrorCode, ErrorReport, LibraryEntry};

/// The model of the library with this name or id.
async fn list_entry(app: &App, name: &str) -> Result<LibraryEntry, ErrorReport> {
    let entries = app.library().await?;
    let found = entries
        .into_iter()
        .find(|entry| entry.model.name == name || entry.model.id == name);
    found.ok_or_else(|| {
        let message = format!("There is no model called {name} here. `hearth list` shows those there are.");
        ErrorReport::new(ErrorCode::NotFound, message)
    })
}
