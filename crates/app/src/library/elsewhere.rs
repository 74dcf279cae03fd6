//! The models that other apps hold.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use hearth_library::{Found, Roots};
use hearth_store::{ModelFileRecord, ModelRecord, NewModel};
use serde::Serialize;
use ts_rs::TS;

use super::paths;
use crate::lock::lock;
use crate::model_files::read;
use crate::{App, ErrorCode, ErrorReport, Model};

/// A model that another app holds.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FoundModel {
    /// How the UI names it.
    pub id: String,
    /// The app.
    pub owner: String,
    /// Its name there.
    pub name: String,
    /// File name.
    pub file_name: String,
    /// Bytes of the files.
    #[ts(type = "number")]
    pub size_bytes: u64,
}

impl App {
    /// Looks for models that other apps hold and Hearth does not use yet. Reads folders and hashes nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn find_models(&self) -> Result<Vec<FoundModel>, ErrorReport> {
        let found = self.look_elsewhere().await;
        let used = self.used_files().await?;
        let new = found
            .iter()
            .filter(|found| !used.contains(&found.path().to_path_buf()));
        Ok(new
            .map(|found| FoundModel {
                id: found_id(found),
                owner: found.owner.to_string(),
                name: found.name.clone(),
                file_name: found
                    .path()
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                size_bytes: found.size_bytes(),
            })
            .collect())
    }

    /// Uses a model that another app holds where it lies: nothing is copied.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] where it has gone, what is wrong with its file, or the store's.
    pub async fn use_found_model(&self, id: &str) -> Result<Model, ErrorReport> {
        let found = lock(&self.shelf.found)
            .iter()
            .find(|found| found_id(found) == id)
            .cloned();
        let Some(found) = found else {
            let message = "This model is no longer where it was found. Look for models again.";
            return Err(ErrorReport::new(ErrorCode::NotFound, message));
        };
        let model = self.adopt(found, None).await?;
        self.tell_models().await;
        self.tell_library().await;
        Ok(model.into())
    }

    pub(crate) async fn adopt(
        &self,
        found: Found,
        origin: Option<(String, String)>,
    ) -> Result<ModelRecord, ErrorReport> {
        let files: Vec<ModelFileRecord> = found
            .files
            .iter()
            .map(|file| ModelFileRecord {
                path: file.path.clone(),
                size_bytes: file.size_bytes,
                sha256: file.sha256.clone(),
            })
            .collect();
        read(files.iter().map(|file| file.path.clone()).collect()).await?;
        let new = NewModel {
            id: None,
            name: found.name,
            files,
            origin,
            built_in: false,
            imported: true,
            quantisation: None,
        };
        Ok(self.store().await?.remember_model(new).await?)
    }

    /// What other apps hold.
    pub(crate) async fn look_elsewhere(&self) -> Vec<Found> {
        let cache = self
            .online()
            .await
            .ok()
            .map(|online| online.cache.root().to_path_buf());
        let look = tokio::task::spawn_blocking(|| hearth_library::find_elsewhere(&Roots::from_env(cache)));
        match look.await {
            Ok(found) => *lock(&self.shelf.found) = found,
            Err(error) => tracing::error!(%error, "other apps' models were not looked for"),
        }
        lock(&self.shelf.found).clone()
    }

    async fn used_files(&self) -> Result<Vec<PathBuf>, ErrorReport> {
        let models = self.store().await?.models().await?;
        Ok(models.iter().flat_map(paths).collect())
    }
}

/// An id for the UI, which is told no paths; the same until Hearth ends.
fn found_id(found: &Found) -> String {
    let mut hasher = DefaultHasher::new();
    found.path().hash(&mut hasher);
    format!("found-{:016x}", hasher.finish())
}
