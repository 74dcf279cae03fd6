//! Where models are already, so that nothing is downloaded twice: in the library, on their way, with other apps.

use std::path::Path;

use hearth_engine::protocol::Quantisation;
use hearth_hub::Variant;
use hearth_library::Found;
use hearth_store::{ModelRecord, TransferState};

use crate::discover::{VariantState, level};
use crate::library::chosen_quantisation;
use crate::model_files::keep_known_by;
use crate::{App, Download, ErrorReport};

impl App {
    /// Where the variants of repos are already.
    pub(crate) async fn places(&self) -> Places {
        let records = match self.store().await {
            Ok(store) => store.models().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Places {
            records,
            downloads: self.downloads().await.unwrap_or_default(),
            found: self.look_elsewhere().await,
        }
    }

    /// Uses what is here of what would be downloaded: another app's copy with the same hashes, or a model with the same files,
    /// which is quantised to it from now on.
    pub(crate) async fn use_instead(
        &self,
        repo: (&str, &str),
        variant: &Variant,
    ) -> Result<Option<ModelRecord>, ErrorReport> {
        let places = self.places().await;
        if let Some(found) = places.elsewhere(variant).cloned() {
            let origin = Some((repo.0.to_owned(), repo.1.to_owned()));
            return self.adopt(found, origin).await.map(Some);
        }
        let record = places.installed(variant);
        let Some((record, level)) = record.and_then(|record| Some((record, turned(record, variant)?))) else {
            return Ok(None);
        };
        self.set_quantisation(&record.id, Some(level.name())).await?;
        Ok(Some(self.store().await?.model(&record.id).await?))
    }
}

/// What is where, as last looked.
pub(crate) struct Places {
    records: Vec<ModelRecord>,
    downloads: Vec<Download>,
    found: Vec<Found>,
}

impl Places {
    /// Where a quantisation of a repo is, and with which app.
    pub(crate) fn of(&self, repo: &str, variant: &Variant) -> (VariantState, Option<String>) {
        match self.installed(variant) {
            Some(record) if turned(record, variant).is_none() => return (VariantState::Installed, None),
            Some(_) => return (VariantState::OnThisComputer, None),
            None => {}
        }
        let on_its_way = |download: &&Download| {
            download.repo == repo && download.variant == variant.name && download.state != TransferState::Done
        };
        if self.downloads.iter().any(|download| on_its_way(&download)) {
            return (VariantState::Downloading, None);
        }
        match self.elsewhere(variant) {
            Some(found) => (VariantState::OnThisComputer, Some(found.owner.to_string())),
            None => (VariantState::Available, None),
        }
    }

    /// The model that has the same files. The Hub has hashes of large files only, weights among them.
    fn installed(&self, variant: &Variant) -> Option<&ModelRecord> {
        let mut files: Vec<_> = variant.files.iter().collect();
        keep_known_by(&mut files, |file| Path::new(file.path.as_str()));
        let published: Vec<&str> = (files.iter()).filter_map(|file| file.sha256.as_deref()).collect();
        self.records.iter().find(|record| {
            let known = record.files.iter().filter_map(|file| file.sha256.as_deref());
            !published.is_empty()
                && known.eq(published.iter().copied())
                && record.files.iter().all(|file| file.path.exists())
        })
    }

    /// Another app's copy with the same hashes.
    fn elsewhere(&self, variant: &Variant) -> Option<&Found> {
        let wanted = || variant.files.iter().map(|file| file.sha256.as_deref());
        self.found.iter().find(|found| {
            wanted().all(|hash| hash.is_some())
                && wanted().eq(found.files.iter().map(|file| file.sha256.as_deref()))
        })
    }
}

/// What a model whose files are a variant's would have to be quantised to in order to be that variant; `None` where it is.
fn turned(record: &ModelRecord, variant: &Variant) -> Option<Quantisation> {
    level(variant).filter(|level| chosen_quantisation(record) != Some(*level))
}
