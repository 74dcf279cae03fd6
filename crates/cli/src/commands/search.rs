//! `hearth search`.

use hearth_app::{App, ErrorReport, HubPage, HubQuery, HubSort};

use crate::commands::fit::label_word;
use crate::output::{Output, table};

#[derive(clap::Args)]
pub struct Arguments {
    /// Words of the name.
    words: Vec<String>,
    /// Only what fits this computer.
    #[arg(long)]
    fits: bool,
    /// With this context, in tokens.
    #[arg(long)]
    context: Option<u64>,
    /// The next page: what the page before printed as its cursor.
    #[arg(long)]
    cursor: Option<String>,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let query = HubQuery {
        text: arguments.words.join(" "),
        sort: HubSort::Downloads,
        task: None,
        licence: None,
        fits_only: arguments.fits,
        context: arguments.context,
        max_bytes: None,
        cursor: arguments.cursor,
    };
    let page = app.search_hub(query).await?;
    output.answer(&page, text);
    Ok(())
}

fn text(page: &HubPage) -> String {
    let row = |model: &hearth_app::HubRow| {
        vec![
            model.id.clone(),
            model.parameters.map_or("?".to_owned(), |parameters| {
                format!("{:.1} B", parameters as f64 / 1e9)
            }),
            model.verdict.map_or("?", label_word).to_owned(),
            model.licence.clone().unwrap_or_default(),
            model.downloads.to_string(),
        ]
    };
    let rows: Vec<_> = page.models.iter().map(row).collect();
    if rows.is_empty() {
        return "Nothing was found.".to_owned();
    }
    let mut text = table(&["MODEL", "SIZE", "HERE", "LICENCE", "DOWNLOADS"], &rows);
    if page.cached_at.is_some() {
        text.push_str("\nThe Hub is out of reach: this is what was seen before.");
    }
    if let Some(next) = &page.next {
        text.push_str(&format!("\nMore: --cursor {next}"));
    }
    text
}
