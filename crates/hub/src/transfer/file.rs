//! One file from its first missing byte to its checksum.
//!
//! Connections fetch, one thread writes, one thread hashes the prefix as it grows, and a journal syncs the file and
//! then tells the store what is safe. A kill at any moment costs what the journal did not know yet.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hearth_store::{Store, TransferFile};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::TransferError;
use super::bandwidth::Bandwidth;
use super::digest::Checksum;
use super::fetch::{Line, Piece};
use super::ledger::Ledger;
use super::part::Part;
use super::place::BLOCK;
use super::queue::TransferLimits;
use super::source::Source;
use super::work::Work;

/// The journal is written this often at least, while bytes arrive.
const JOURNAL_EVERY: Duration = Duration::from_secs(1);
/// Network reads that may wait for the writer.
const PIECES_WAITING: usize = 16;

/// Requests are as large as a 16th of the file, within these bounds: small enough that the hashed prefix follows
/// closely, large enough that asking costs next to nothing.
const SMALLEST_PIECE: u64 = 16 << 20;
const LARGEST_PIECE: u64 = 64 << 20;

/// One file to fetch.
pub(crate) struct Job {
    pub(crate) store: Store,
    pub(crate) transfer: String,
    pub(crate) file: TransferFile,
    pub(crate) checksum: Checksum,
    pub(crate) source: Source,
    pub(crate) bandwidth: Arc<Bandwidth>,
    pub(crate) limits: TransferLimits,
    /// How long a connection may bring next to nothing.
    pub(crate) stall: Duration,
    pub(crate) stop: CancellationToken,
    pub(crate) done: Arc<AtomicU64>,
}

/// What became of a file.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// Every byte is on the disk; this is their hash.
    Whole(String),
    /// It was told to stop; what had arrived is journalled.
    Stopped,
}

impl Job {
    /// Fetches what is missing of the file into its part file.
    pub(crate) async fn run(self, part: &Arc<Part>) -> Result<Fetched, TransferError> {
        let size = self.file.size_bytes;
        let ledger = Ledger::open(size, part.length, &self.file.segments);
        let work = Arc::new(Work::new(ledger, size, &self.stop, self.done));
        // Whatever way this future ends, also by being dropped, the threads end with it.
        let _ending = work.stop.clone().drop_guard();
        let (pieces, arriving) = mpsc::channel(PIECES_WAITING);
        let line = Arc::new(Line {
            source: self.source,
            work: Arc::clone(&work),
            bandwidth: self.bandwidth,
            stall: self.stall,
            tries: self.limits.tries,
            piece: (size / 16).clamp(SMALLEST_PIECE, LARGEST_PIECE),
            pieces,
            whole: tokio::sync::Mutex::new(()),
        });
        let writing = {
            let (work, part) = (Arc::clone(&work), Arc::clone(part));
            tokio::task::spawn_blocking(move || write(&work, &part, arriving))
        };
        let hashing = {
            let (work, part, checksum) = (Arc::clone(&work), Arc::clone(part), self.checksum);
            tokio::task::spawn_blocking(move || hash(&work, &part, &checksum, size))
        };
        let written = CancellationToken::new();
        let journal = Journal {
            store: self.store,
            transfer: self.transfer,
            ordinal: self.file.ordinal,
            work: Arc::clone(&work),
            part: Arc::clone(part),
        };
        let fetching = async {
            let mut connections = JoinSet::new();
            for _ in 0..connections_for(size, self.limits.connections) {
                connections.spawn(Arc::clone(&line).run());
            }
            // The writer ends when the last connection does.
            drop(line);
            while let Some(ended) = connections.join_next().await {
                note_panic(&work, ended);
            }
            note_panic(&work, writing.await);
            written.cancel();
        };
        tokio::join!(fetching, journal.run(&written));
        if !work.ledger().is_full() {
            work.stop.cancel();
        }
        let hash = hashing.await;
        if let Some(error) = work.failure() {
            return Err(error);
        }
        match hash {
            Ok(Some(hash)) => Ok(Fetched::Whole(hash)),
            Ok(None) => Ok(Fetched::Stopped),
            Err(error) => Err(panicked(&error)),
        }
    }
}

/// Connections for a file of this size: one for a small one, where asking takes longer than fetching.
fn connections_for(size: u64, most: usize) -> usize {
    let useful = match size {
        0..8_000_000 => 1,
        8_000_000..64_000_000 => 2,
        _ => 4,
    };
    useful.min(most.max(1))
}

/// Writes what arrives until nobody sends any more.
fn write(work: &Work, part: &Part, mut arriving: mpsc::Receiver<Piece>) {
    while let Some(Piece { offset, bytes }) = arriving.blocking_recv() {
        match part.write(&bytes, offset) {
            Ok(()) => work.wrote(offset, bytes.len() as u64),
            Err(error) => return work.fail(error),
        }
    }
}

/// Hashes the written prefix as it grows. Bytes are read back from the file, which just after they were written
/// means from memory; so it does not matter in which order they arrived, nor in which run. None where work stopped.
fn hash(work: &Work, part: &Part, checksum: &Checksum, size: u64) -> Option<String> {
    let mut hasher = checksum.hasher(size);
    let mut block = vec![0; BLOCK];
    let mut hashed = 0;
    while hashed < size {
        let prefix = work.await_prefix(hashed)?;
        while hashed < prefix {
            if work.stop.is_cancelled() {
                return None;
            }
            let wanted = block
                .len()
                .min(usize::try_from(prefix - hashed).unwrap_or(usize::MAX));
            match part.read(&mut block[..wanted], hashed) {
                Ok(0) => {
                    work.fail(part.shrunk());
                    return None;
                }
                Ok(count) => {
                    hasher.update(&block[..count]);
                    hashed += count as u64;
                }
                Err(error) => {
                    work.fail(error);
                    return None;
                }
            }
        }
    }
    Some(hasher.finish())
}

/// Makes bytes safe and tells the store, in this order.
struct Journal {
    store: Store,
    transfer: String,
    ordinal: u32,
    work: Arc<Work>,
    part: Arc<Part>,
}

impl Journal {
    /// Runs until `written` says that no more bytes come, and then once more.
    async fn run(self, written: &CancellationToken) {
        let mut known = self.work.written_bytes();
        loop {
            tokio::select! {
                () = self.work.due.notified() => {}
                () = tokio::time::sleep(JOURNAL_EVERY) => {}
                () = written.cancelled() => {}
            }
            let last = written.is_cancelled();
            let safe = self.work.ledger().written().clone();
            if safe.total() > known {
                let part = Arc::clone(&self.part);
                let synced = tokio::task::spawn_blocking(move || part.sync()).await;
                let synced = synced.unwrap_or_else(|error| Err(panicked(&error)));
                let segments = safe.segments();
                let saved = match synced {
                    Ok(()) => {
                        self.store
                            .save_segments(&self.transfer, self.ordinal, &segments)
                            .await
                    }
                    Err(error) => return self.work.fail(error),
                };
                if let Err(error) = saved {
                    return self.work.fail(error.into());
                }
                self.work.journalled(safe.total() - known);
                known = safe.total();
            }
            if last {
                return;
            }
        }
    }
}

fn note_panic<T>(work: &Work, ended: Result<T, JoinError>) {
    if let Err(error) = ended {
        work.fail(panicked(&error));
    }
}

/// A task that panicked, or that a closing runtime gave up.
pub(crate) fn panicked(error: &JoinError) -> TransferError {
    TransferError::Disk {
        path: "the download's own work".into(),
        detail: error.to_string(),
    }
}
