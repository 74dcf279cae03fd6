//! `hearth rm`.

use hearth_app::{App, ErrorReport};
use serde::Serialize;

use crate::commands::list_entry;
use crate::output::{Output, size};

#[derive(clap::Args)]
pub struct Arguments {
    /// The model's name as `hearth list` shows it.
    model: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Removed {
    model: String,
    freed_bytes: u64,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let entry = list_entry(app, &arguments.model).await?;
    let freed_bytes = if entry.imported || entry.model.built_in {
        app.forget_model(&entry.model.id).await?;
        0
    } else {
        let preview = app.preview_delete(&entry.model.id).await?;
        app.delete_model(&entry.model.id).await?;
        preview.freed_bytes
    };
    let removed = Removed {
        model: entry.model.name,
        freed_bytes,
    };
    output.answer(&removed, |removed| {
        format!(
            "{} is gone; {} are free.",
            removed.model,
            size(removed.freed_bytes)
        )
    });
    Ok(())
}
