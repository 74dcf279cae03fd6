//! `hearth pull`.

use hearth_app::{App, AppEvent, Download, ErrorCode, ErrorReport};
use hearth_store::TransferState;

use crate::output::{Output, size};

#[derive(clap::Args)]
pub struct Arguments {
    /// ORG/NAME, which takes the quantisation that suits this computer best, or ORG/NAME:QUANT.
    model: String,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let mut events = app.subscribe();
    let (repo, variant) = match arguments.model.split_once(':') {
        Some((repo, variant)) => (repo.to_owned(), variant.to_owned()),
        None => (arguments.model.clone(), best(app, &arguments.model).await?),
    };
    let mut download = app.download_variant(&repo, &variant).await?;
    if matches!(download.state, TransferState::Paused | TransferState::Failed) {
        app.resume_download(&download.id).await?;
    }
    let id = download.id.clone();
    while download.state != TransferState::Done {
        // One look to begin with: it may have ended before the events were listened to.
        if let Some(now) = find(app.downloads().await?, &id) {
            download = now;
        }
        if let (TransferState::Failed, Some(error)) = (download.state, &download.error) {
            output.progress_done();
            return Err(error.clone());
        }
        output.progress(&text(&download));
        if download.state == TransferState::Done {
            break;
        }
        loop {
            match events.next().await {
                Some(AppEvent::Downloads { .. }) => break,
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }
    output.progress_done();
    app.take_in_finished().await;
    output.answer(&download, |download| {
        format!("{} is here, {}.", download.name, size(download.total_bytes))
    });
    Ok(())
}

/// The quantisation that suits this computer best.
async fn best(app: &App, repo: &str) -> Result<String, ErrorReport> {
    let page = app.open_repo(repo).await?;
    let best = page.variants.into_iter().find(|variant| variant.recommended);
    best.map(|variant| variant.name).ok_or_else(|| {
        let message =
            format!("No quantisation of {repo} fits this computer. `hearth fit {repo}` shows why; name one to take it anyway.");
        ErrorReport::new(ErrorCode::EngineCannot, message)
    })
}

fn find(downloads: Vec<Download>, id: &str) -> Option<Download> {
    downloads.into_iter().find(|download| download.id == id)
}

fn text(download: &Download) -> String {
    let left = download.seconds_left.map_or(String::new(), |seconds| {
        format!(", {} min {:02} s left", seconds / 60, seconds % 60)
    });
    let speed = download
        .bytes_per_second
        .map_or(String::new(), |speed| format!(" at {:.1} MB/s", speed / 1e6));
    format!(
        "{}: {} of {}{speed}{left}",
        download.name,
        size(download.done_bytes),
        size(download.total_bytes)
    )
}
