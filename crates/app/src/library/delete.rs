//! Deleting a model that was downloaded, and what that would free.

use std::path::PathBuf;

use hearth_library::{LibraryError, ModelFiles};
use hearth_store::ModelRecord;
use serde::Serialize;
use ts_rs::TS;

use super::paths;
use crate::model_files::whole;
use crate::{App, ErrorCode, ErrorReport};

/// What deleting a model would do.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeletePreview {
    /// Bytes that would be free.
    #[ts(type = "number")]
    pub freed_bytes: u64,
    /// Files that would go.
    pub files: Vec<String>,
    /// A sentence, where bytes stay because something else needs them.
    pub kept_reason: Option<String>,
}

impl App {
    /// What [`App::delete_model`] would free.
    ///
    /// # Errors
    /// Why it cannot be deleted, or the store's.
    pub async fn preview_delete(&self, id: &str) -> Result<DeletePreview, ErrorReport> {
        let freed = self.delete_with(id, hearth_library::what_delete_frees).await?;
        let name = |path: &PathBuf| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        Ok(DeletePreview {
            freed_bytes: freed.bytes,
            files: freed.files.iter().map(name).collect(),
            kept_reason: freed.kept.map(|kept| kept.to_string()),
        })
    }

    /// Deletes a downloaded model's files and takes it off the list.
    ///
    /// # Errors
    /// Why it cannot be deleted, or the store's.
    pub async fn delete_model(&self, id: &str) -> Result<(), ErrorReport> {
        let uses = |chosen: ModelRecord| chosen.id == id || chosen.draft_id.as_deref() == Some(id);
        if self.chosen().is_some_and(uses) {
            // On Windows a file that is open cannot be deleted.
            self.engine.unload().await;
        }
        self.delete_with(id, hearth_library::delete).await?;
        self.forget_model(id).await?;
        self.tell_library().await;
        Ok(())
    }

    async fn delete_with<T: Send + 'static>(
        &self,
        id: &str,
        delete: impl FnOnce(&std::path::Path, ModelFiles<'_>) -> Result<T, LibraryError> + Send + 'static,
    ) -> Result<T, ErrorReport> {
        let store = self.store().await?;
        let record = store.model(id).await?;
        let folder = record.path().parent();
        let beside = store.models().await?;
        let shares = (beside.iter()).any(|other| other.id != record.id && other.path().parent() == folder);
        // What models of UQFF in one folder share goes with the last of them.
        let files = if shares {
            paths(&record)
        } else {
            whole(paths(&record))
        };
        let root = self.online().await?.cache.root().to_path_buf();
        let done = tokio::task::spawn_blocking(move || {
            let files = ModelFiles {
                paths: &files,
                imported: record.imported || record.built_in,
            };
            delete(&root, files)
        });
        match done.await {
            Ok(done) => Ok(done?),
            Err(error) => Err(ErrorReport::new(ErrorCode::Internal, error.to_string())),
        }
    }
}
