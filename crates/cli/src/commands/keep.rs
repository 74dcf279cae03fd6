//! `hearth keep`.

use hearth_app::{App, AppEvent, ErrorReport, QuantisedCopy};
use serde::Serialize;

use crate::commands::list_entry;
use crate::output::{Output, size};

#[derive(clap::Args)]
pub struct Arguments {
    /// The model's name as `hearth list` shows it.
    model: String,
    /// Remove its copy.
    #[arg(long)]
    drop: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    model: String,
    /// Bytes of its copy; 0 where there is none any more.
    bytes: u64,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let entry = list_entry(app, &arguments.model).await?;
    let id = entry.model.id;
    let bytes = match arguments.drop {
        true => {
            app.drop_quantised(&id).await?;
            0
        }
        false => keep(app, &id, output).await?,
    };
    let kept = Kept {
        model: entry.model.name,
        bytes,
    };
    output.answer(&kept, |kept| match kept.bytes {
        0 => format!("{} has no quantised copy any more.", kept.model),
        bytes => format!("{} is kept quantised, {}.", kept.model, size(bytes)),
    });
    Ok(())
}

async fn keep(app: &App, id: &str, output: &Output) -> Result<u64, ErrorReport> {
    let mut events = app.subscribe();
    let kept = app.keep_quantised(id);
    tokio::pin!(kept);
    loop {
        tokio::select! {
            kept = &mut kept => {
                output.progress_done();
                return Ok(kept?.unwrap_or(0));
            }
            Some(event) = events.next() => {
                let AppEvent::Library { entries } = event else { continue };
                let entry = entries.into_iter().find(|entry| entry.model.id == id);
                if let Some(QuantisedCopy::Keeping { fraction }) = entry.and_then(|entry| entry.quantised_copy) {
                    output.progress(&format!("{:.0} %", fraction * 100.0));
                }
            }
        }
    }
}
