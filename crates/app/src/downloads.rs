//! Downloads: what is fetched from the Hub, and what becomes of it.

use hearth_engine::protocol::Quantisation;
use hearth_hub::transfer::{TransferEvent, TransferProgress};
use hearth_hub::{Commit, Kind, RepoFile, RepoId, RepoPath, Variant, quantisation};
use hearth_store::{
    ModelFileRecord, ModelRecord, NewModel, NewTransfer, NewTransferFile, TransferFile, TransferState,
};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use ts_rs::TS;

use crate::model_files::{are_safetensors, keep_known_by};
use crate::{App, AppEvent, ErrorReport};

/// A download.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Download {
    /// A UUID, version 7.
    pub id: String,
    /// Its repository.
    pub repo: String,
    /// Its quantisation.
    pub variant: String,
    /// The model's name.
    pub name: String,
    /// How far it is.
    pub state: TransferState,
    /// Bytes that are on disk.
    #[ts(type = "number")]
    pub done_bytes: u64,
    /// Bytes of all files.
    #[ts(type = "number")]
    pub total_bytes: u64,
    /// Bytes a second, while it runs.
    pub bytes_per_second: Option<f64>,
    /// Seconds left at this speed.
    #[ts(type = "number | null")]
    pub seconds_left: Option<u64>,
    /// Why it failed.
    pub error: Option<ErrorReport>,
}

impl From<TransferProgress> for Download {
    fn from(progress: TransferProgress) -> Self {
        Self {
            id: progress.id,
            repo: progress.repo,
            variant: progress
                .variant
                .or_else(|| quantisation(&progress.name))
                .unwrap_or_else(|| progress.name.clone()),
            name: progress.name,
            state: progress.state,
            done_bytes: progress.done_bytes,
            total_bytes: progress.total_bytes,
            bytes_per_second: progress.bytes_per_second,
            seconds_left: progress.seconds_left,
            error: progress
                .failure
                .map(|failure| ErrorReport::new(failure.cause.into(), failure.sentence)),
        }
    }
}

impl Download {
    /// A download of nothing: another app's file is used.
    fn of_adopted(repo: &str, variant: &Variant, model: ModelRecord) -> Self {
        Self {
            id: model.id,
            repo: repo.to_owned(),
            variant: variant.name.clone(),
            name: model.name,
            state: TransferState::Done,
            done_bytes: model.size_bytes,
            total_bytes: model.size_bytes,
            bytes_per_second: None,
            seconds_left: None,
            error: None,
        }
    }
}

impl App {
    /// Puts a quantisation at the end of the queue; told of twice, it is queued once. What another app holds with the same
    /// hashes is used where it lies, and nothing is fetched; nor is it where only the quantisation is another one.
    ///
    /// # Errors
    /// The Hub's, the store's, and [`ErrorCode::NotFound`] where the repo has no such quantisation.
    pub async fn download_variant(&self, repo: &str, variant: &str) -> Result<Download, ErrorReport> {
        let id = RepoId::parse(repo)?;
        let open = self.opened(&id, false).await?;
        let variant = open.variant(variant)?;
        let revision = open.repo.commit.to_string();
        if let Some(here) = self.use_instead((repo, &revision), variant).await? {
            return Ok(Download::of_adopted(repo, variant, here));
        }
        let file = |file: &RepoFile| NewTransferFile {
            path: file.path.to_string(),
            size_bytes: file.size_bytes,
            sha256: file.sha256.clone(),
            etag: file.etag().to_owned(),
        };
        let new = NewTransfer {
            repo: repo.to_owned(),
            revision,
            name: match variant.kind {
                Kind::Gguf => model_name(variant),
                Kind::Safetensors => id.name().to_owned(),
                Kind::Uqff => format!("{} {}", id.name(), variant.name),
            },
            variant: variant.name.clone(),
            files: variant.files.iter().map(file).collect(),
        };
        let queued = self.online().await?.transfers.queue(new).await?;
        self.tell_downloads().await;
        Ok(queued.into())
    }

    /// Every download in the order of the queue.
    ///
    /// # Errors
    /// The store's.
    pub async fn downloads(&self) -> Result<Vec<Download>, ErrorReport> {
        let all = self.online().await?.transfers.list().await?;
        Ok(all.into_iter().map(Download::from).collect())
    }

    /// Stops a download and keeps what it has.
    ///
    /// # Errors
    /// The store's.
    pub async fn pause_download(&self, id: &str) -> Result<(), ErrorReport> {
        self.online().await?.transfers.pause(id).await?;
        self.tell_downloads().await;
        Ok(())
    }

    /// Goes on with a download that is paused, or tries one again that failed.
    ///
    /// # Errors
    /// The store's.
    pub async fn resume_download(&self, id: &str) -> Result<(), ErrorReport> {
        self.online().await?.transfers.resume(id).await?;
        self.tell_downloads().await;
        Ok(())
    }

    /// Ends a download and deletes what has arrived; takes one that is done off the list.
    ///
    /// # Errors
    /// The store's, or the disk's.
    pub async fn cancel_download(&self, id: &str) -> Result<(), ErrorReport> {
        self.online().await?.transfers.cancel(id).await?;
        self.tell_downloads().await;
        Ok(())
    }

    /// Puts a download right before another one, or at the end.
    ///
    /// # Errors
    /// The store's.
    pub async fn move_download(&self, id: &str, before: Option<&str>) -> Result<(), ErrorReport> {
        self.online().await?.transfers.move_before(id, before).await?;
        self.tell_downloads().await;
        Ok(())
    }

    /// Tells what happens to downloads, and takes what is finished into the library, until the queue ends.
    pub(crate) async fn watch_downloads(self) {
        let Ok(online) = self.online().await else { return };
        let mut events = online.transfers.watch();
        self.take_in_finished().await;
        loop {
            match events.recv().await {
                Ok(TransferEvent::Finished { id, .. }) => {
                    if let Err(error) = self.take_in(&id).await {
                        tracing::error!(%error.message, "a finished download is not in the library");
                    }
                    self.tell_downloads().await;
                }
                Ok(_) | Err(RecvError::Lagged(_)) => self.tell_downloads().await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Takes every finished download into the library, those that finished just before the last end of Hearth too.
    pub async fn take_in_finished(&self) {
        let Ok(store) = self.store().await else { return };
        for record in store.transfers().await.unwrap_or_default() {
            if record.state == TransferState::Done
                && let Err(error) = self.take_in(&record.id).await
            {
                tracing::warn!(%error.message, "a finished download is not in the library");
            }
        }
    }

    /// Puts a finished download into the library.
    async fn take_in(&self, id: &str) -> Result<(), ErrorReport> {
        let online = self.online().await?;
        let store = self.store().await?;
        let record = store.transfer(id).await?;
        let repo = RepoId::parse(&record.repo)?;
        let commit = Commit::parse(&record.revision)?;
        let file = |file: &TransferFile| -> Result<ModelFileRecord, ErrorReport> {
            let path = RepoPath::parse(&file.path)?;
            Ok(ModelFileRecord {
                path: online.cache.snapshot_file(&repo, &commit, &path),
                size_bytes: file.size_bytes,
                sha256: file.sha256.clone(),
            })
        };
        let mut files = record.files.iter().map(file).collect::<Result<Vec<_>, _>>()?;
        if files.iter().any(|file| !file.path.exists()) {
            // Deleted since; the download can be begun again.
            return Ok(());
        }
        keep_known_by(&mut files, |file| &file.path);
        let safetensors = are_safetensors(files.iter().map(|file| file.path.as_path()));
        let quantisation = record
            .variant
            .as_deref()
            .and_then(Quantisation::named)
            .filter(|_| safetensors);
        let new = NewModel {
            id: None,
            quantisation: quantisation.map(|quantisation| quantisation.name().to_owned()),
            name: record.name,
            files,
            origin: Some((record.repo, record.revision)),
            built_in: false,
            imported: false,
        };
        store.remember_model(new).await?;
        self.tell_models().await;
        self.tell_library().await;
        Ok(())
    }

    pub(crate) async fn tell_downloads(&self) {
        self.tell_latest(async {
            let downloads = self.downloads().await?;
            Ok(AppEvent::Downloads { downloads })
        })
        .await;
    }
}

/// What the person calls a quantisation of a model: its file's name without what all have.
fn model_name(variant: &Variant) -> String {
    let first = variant.files.first().map_or("", |file| file.path.file_name());
    hearth_gguf::ShardName::parse(first)
        .map_or(first.trim_end_matches(".gguf"), |shard| shard.stem)
        .to_owned()
}
