//! `hearth list`.

use hearth_app::{App, ErrorReport, LibraryEntry};

use crate::commands::fit::label_word;
use crate::output::{Output, size, table};

pub async fn run(app: &App, output: &Output) -> Result<(), ErrorReport> {
    let entries = app.library().await?;
    output.answer(&entries, |entries| text(entries));
    Ok(())
}

fn text(entries: &[LibraryEntry]) -> String {
    let row = |entry: &LibraryEntry| {
        let speed = entry.measured.map(|measured| measured.tokens_per_second);
        vec![
            entry.model.name.clone(),
            size(entry.model.size_bytes),
            match (&entry.verdict, entry.model.missing) {
                (_, true) => "file gone",
                (Some(verdict), _) => label_word(verdict.label),
                (None, _) => "?",
            }
            .to_owned(),
            speed.map_or(String::new(), |speed| format!("{speed:.1}")),
            entry.repo.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = entries.iter().map(row).collect();
    table(&["MODEL", "SIZE", "HERE", "MEASURED TOKENS/S", "FROM"], &rows)
}
