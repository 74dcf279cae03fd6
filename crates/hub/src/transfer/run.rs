//! One transfer: every file of its manifest, one after the other, each into its place.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_store::{NewTransfer, Store, TransferFile, TransferRecord};
use tokio_util::sync::CancellationToken;

use super::TransferError;
use super::bandwidth::Bandwidth;
use super::digest::Checksum;
use super::error::about;
use super::file::{Fetched, Job, panicked};
use super::ledger::Ledger;
use super::part::Part;
use super::place::{Place, note_main};
use super::queue::TransferLimits;
use super::source::{Source, Wanted};
use crate::{Commit, Hub, HubCache, RepoId, RepoPath};

/// What every transfer works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) hub: Hub,
    pub(crate) store: Store,
    pub(crate) cache: HubCache,
    pub(crate) bandwidth: Arc<Bandwidth>,
    pub(crate) limits: TransferLimits,
}

/// How a transfer ended that did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every file is in its place; these are they.
    Finished(Vec<PathBuf>),
    /// It was told to stop.
    Stopped,
}

/// A file of the manifest, its names proven to be safe.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    file: TransferFile,
    path: RepoPath,
    checksum: Checksum,
    pub(crate) place: Place,
}

/// A transfer's manifest: pinned to one commit, with a checksum for every file.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    repo: RepoId,
    commit: Commit,
    pub(crate) items: Vec<Item>,
}

impl Manifest {
    /// Whether a download's names and checksums can be used, before it is queued.
    pub(crate) fn check(new: &NewTransfer) -> Result<(), TransferError> {
        RepoId::parse(&new.repo)?;
        Commit::parse(&new.revision)?;
        for file in &new.files {
            RepoPath::parse(&file.path)?;
            Checksum::of(&file.path, file.sha256.as_deref(), &file.etag)?;
        }
        Ok(())
    }

    /// Reads a record of the store, which may be older than this Hearth and is not trusted more than the network.
    pub(crate) fn of(record: &TransferRecord, cache: &HubCache) -> Result<Self, TransferError> {
        let repo = RepoId::parse(&record.repo)?;
        let commit = Commit::parse(&record.revision)?;
        let item = |file: &TransferFile| {
            let path = RepoPath::parse(&file.path)?;
            let checksum = Checksum::of(&file.path, file.sha256.as_deref(), &file.etag)?;
            Ok(Item {
                place: Place::of(cache, &repo, &commit, &path, &checksum),
                file: file.clone(),
                path,
                checksum,
            })
        };
        let items: Result<Vec<_>, TransferError> = record.files.iter().map(item).collect();
        Ok(Self {
            items: items?,
            repo,
            commit,
        })
    }
}

/// Runs a transfer until it is whole, fails or is told to stop. `done` follows the bytes in its files.
pub(crate) async fn run(
    context: Context,
    record: TransferRecord,
    stop: CancellationToken,
    done: Arc<AtomicU64>,
) -> Result<Outcome, TransferError> {
    let mut manifest = Manifest::of(&record, &context.cache)?;
    if !take_what_is_there(&context, &record.id, &mut manifest, &stop).await? {
        return Ok(Outcome::Stopped);
    }
    let parts = reserve(&context, &record.id, &mut manifest).await?;
    done.store(bytes_in_files(&manifest, &parts), Ordering::Relaxed);
    for (item, part) in manifest.items.iter().zip(&parts) {
        let Some(part) = part else { continue };
        if !fetch(&context, &record.id, &manifest, item, part, &stop, &done).await? {
            return Ok(Outcome::Stopped);
        }
    }
    let paths = blocking(move || {
        for item in &manifest.items {
            // Another program may have removed what was finished hours ago.
            std::fs::metadata(&item.place.file).map_err(about(&item.place.file))?;
        }
        // A courtesy to other tools, for want of which no finished download fails.
        if let Err(error) = note_main(&context.cache, &manifest.repo, &manifest.commit) {
            tracing::warn!(%error, "other tools are not told which commit main is");
        }
        Ok(manifest.items.into_iter().map(|item| item.place.file).collect())
    });
    Ok(Outcome::Finished(paths.await?))
}

/// Takes files that are there already, whoever brought them, once they prove to be right. False where told to stop.
async fn take_what_is_there(
    context: &Context,
    id: &str,
    manifest: &mut Manifest,
    stop: &CancellationToken,
) -> Result<bool, TransferError> {
    for item in manifest.items.iter_mut().filter(|item| !item.file.complete) {
        let (own, stop_reading) = (item.clone(), stop.clone());
        let there = blocking(move || {
            let there = own.place.has(own.file.size_bytes, &own.checksum, &stop_reading)?;
            if there {
                own.place.show()?;
            }
            Ok(there)
        });
        if there.await? {
            context
                .store
                .complete_transfer_file(id, item.file.ordinal)
                .await?;
            item.file.complete = true;
            item.file.segments.clear();
        }
        if stop.is_cancelled() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens, locks and reserves the part files of all that is missing, before a byte is fetched. What the store
/// remembers of a part file that is gone is forgotten first, so that it can never be believed of the new one.
async fn reserve(
    context: &Context,
    id: &str,
    manifest: &mut Manifest,
) -> Result<Vec<Option<Arc<Part>>>, TransferError> {
    let (items, root) = (manifest.items.clone(), context.cache.root().to_path_buf());
    let mut parts = blocking(move || {
        let missing = || items.iter().filter(|item| !item.file.complete);
        if missing().any(|item| !item.file.segments.is_empty()) && !root.exists() {
            // A disk that is not connected must not be replaced by a folder of the same name.
            return Err(TransferError::FolderGone { path: root });
        }
        if let Some(first) = missing().next() {
            first.place.make_folder()?;
        }
        let open = |item: &Item| match item.file.complete {
            true => Ok(None),
            false => Part::open(&item.place.blob, false),
        };
        let parts: Result<Vec<_>, TransferError> = items.iter().map(open).collect();
        let parts = parts?;
        let mut needed = 0;
        for (item, part) in items.iter().zip(&parts).filter(|(item, _)| !item.file.complete) {
            let reserved = part.as_ref().map_or(Ok(0), Part::reserved)?;
            needed += item.file.size_bytes.saturating_sub(reserved);
        }
        if let (Some(first), true) = (missing().next(), needed > 0) {
            enough_space(&first.place.blobs, needed)?;
        }
        Ok(parts)
    })
    .await?;
    for (item, part) in manifest.items.iter_mut().zip(&parts) {
        if part.is_none() && !item.file.segments.is_empty() {
            context.store.save_segments(id, item.file.ordinal, &[]).await?;
            item.file.segments.clear();
        }
    }
    let items = manifest.items.clone();
    blocking(move || {
        for (item, part) in items
            .iter()
            .zip(&mut parts)
            .filter(|(item, _)| !item.file.complete)
        {
            if part.is_none() {
                *part = Part::open(&item.place.blob, true)?;
            }
            if let Some(part) = part {
                part.reserve(item.file.size_bytes)?;
            }
        }
        Ok(parts.into_iter().map(|part| part.map(Arc::new)).collect())
    })
    .await
}

/// Refuses a download for which there is no room. 5 % more than its bytes, for the file system's own books and for
/// what else is written meanwhile.
fn enough_space(folder: &std::path::Path, bytes: u64) -> Result<(), TransferError> {
    let needed = bytes.saturating_add(bytes / 20);
    let free = fs4::available_space(folder).map_err(about(folder))?;
    if free < needed {
        return Err(TransferError::NoSpace {
            folder: folder.to_path_buf(),
            needed,
            free,
        });
    }
    Ok(())
}

fn bytes_in_files(manifest: &Manifest, parts: &[Option<Arc<Part>>]) -> u64 {
    let of_item = |(item, part): (&Item, &Option<Arc<Part>>)| match part {
        None => item.file.size_bytes,
        Some(part) => Ledger::open(item.file.size_bytes, part.length, &item.file.segments)
            .written()
            .total(),
    };
    manifest.items.iter().zip(parts).map(of_item).sum()
}

/// Fetches, verifies and places one file. False where told to stop.
async fn fetch(
    context: &Context,
    id: &str,
    manifest: &Manifest,
    item: &Item,
    part: &Arc<Part>,
    stop: &CancellationToken,
    done: &Arc<AtomicU64>,
) -> Result<bool, TransferError> {
    let job = Job {
        store: context.store.clone(),
        transfer: id.to_owned(),
        file: item.file.clone(),
        checksum: item.checksum.clone(),
        source: Source::new(
            &context.hub,
            Wanted {
                repo: &manifest.repo,
                commit: &manifest.commit,
                path: &item.path,
                size: item.file.size_bytes,
                blob: item.checksum.name(),
            },
        ),
        bandwidth: Arc::clone(&context.bandwidth),
        limits: context.limits.clone(),
        stall: context.hub.shared.timeouts.stall,
        stop: stop.clone(),
        done: Arc::clone(done),
    };
    let Fetched::Whole(found) = job.run(part).await? else {
        return Ok(false);
    };
    let (place, part) = (item.place.clone(), Arc::clone(part));
    if found == item.checksum.name() {
        blocking(move || {
            place.finish(&part)?;
            place.forget_quarantine()
        })
        .await?;
        context
            .store
            .complete_transfer_file(id, item.file.ordinal)
            .await?;
        return Ok(true);
    }
    // Forgotten first: a kill in between leaves a part file of which nothing is believed.
    context.store.save_segments(id, item.file.ordinal, &[]).await?;
    blocking(move || place.quarantine(&part)).await?;
    Err(TransferError::Damaged {
        path: item.file.path.clone(),
        expected: item.checksum.name().to_owned(),
        found,
    })
}

/// Runs what waits for the disk on a thread that may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(panicked(&error)))
}
