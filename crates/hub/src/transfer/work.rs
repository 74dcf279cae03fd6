//! What the connections, the writer, the hasher and the journal of one file share.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::TransferError;
use super::ledger::Ledger;

/// Bytes that are written before they are synced and journalled: a 64th of the file. What may be unjournalled at
/// once, and so fetched again after a kill, is twice that: 3 % of a file.
const SHARE_AT_RISK: u64 = 64;
const LEAST_AT_RISK: u64 = 1 << 20;
const MOST_AT_RISK: u64 = 16 << 20;

/// A piece is this share of what is missing at most, and no smaller than that.
const LAST_SHARE: u64 = 8;
const SMALLEST_LAST_PIECE: u64 = 4 << 20;

/// One file in the making.
#[derive(Debug)]
pub(crate) struct Work {
    ledger: Mutex<Ledger>,
    /// The written prefix has grown, or there is a reason to stop.
    grown: Condvar,
    /// Ends everything that works on the file: told from outside, or by the first failure.
    pub(crate) stop: CancellationToken,
    failure: Mutex<Option<TransferError>>,
    /// One permit for each byte that may come before the journal knows of it.
    unjournalled: Semaphore,
    /// Bytes since the last sync was asked for.
    unsynced: AtomicU64,
    sync_after: u64,
    /// Enough is written for a sync.
    pub(crate) due: Notify,
    /// Bytes of the whole transfer that are in its files, for its progress.
    done: Arc<AtomicU64>,
}

impl Work {
    /// Begins with what is written already. `done` counts the bytes of all files of the transfer.
    pub(crate) fn new(ledger: Ledger, size: u64, stop: &CancellationToken, done: Arc<AtomicU64>) -> Self {
        let sync_after = (size / SHARE_AT_RISK).clamp(LEAST_AT_RISK, MOST_AT_RISK);
        Self {
            ledger: Mutex::new(ledger),
            grown: Condvar::new(),
            stop: stop.child_token(),
            failure: Mutex::new(None),
            // At most 32 MB, which a usize holds on every system.
            unjournalled: Semaphore::new(2 * sync_after as usize),
            unsynced: AtomicU64::new(0),
            sync_after,
            due: Notify::new(),
            done,
        }
    }

    /// The books. Held for a few instructions at a time.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Ledger::claim`]. The last pieces are smaller: they arrive side by side, only the first of them can be hashed
    /// meanwhile, and the others are what is waited for when all has arrived.
    pub(crate) fn claim(&self, most: u64) -> Option<Range<u64>> {
        let mut ledger = self.ledger();
        let last = (ledger.missing() / LAST_SHARE).max(SMALLEST_LAST_PIECE);
        ledger.claim(most.min(last))
    }

    /// See [`Ledger::has_missing`].
    pub(crate) fn has_missing(&self) -> bool {
        self.ledger().has_missing()
    }

    /// Bytes that are in the file.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.ledger().written().total()
    }

    /// Notes the first failure and stops everything.
    pub(crate) fn fail(&self, error: TransferError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_none() {
            tracing::debug!(%error, "a download fails");
            *failure = Some(error);
        }
        self.stop.cancel();
    }

    /// What failed, if anything.
    pub(crate) fn failure(&self) -> Option<TransferError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits until `bytes` more may be in memory or in the file without the journal knowing.
    pub(crate) async fn allow(&self, bytes: u64) {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        // An error would mean that the semaphore was closed, which nobody does.
        if let Ok(permits) = self.unjournalled.acquire_many(permits).await {
            permits.forget();
        }
    }

    /// Notes that the journal knows of `bytes` more.
    pub(crate) fn journalled(&self, bytes: u64) {
        // Not more than were handed out before.
        self.unjournalled.add_permits(bytes as usize);
    }

    /// Notes bytes that are in the file now.
    pub(crate) fn wrote(&self, offset: u64, length: u64) {
        let prefix_grew = {
            let mut ledger = self.ledger();
            let before = ledger.prefix();
            ledger.wrote(offset..offset + length);
            ledger.prefix() > before
        };
        if prefix_grew {
            self.grown.notify_one();
        }
        self.done.fetch_add(length, Ordering::Relaxed);
        if self.unsynced.fetch_add(length, Ordering::Relaxed) + length >= self.sync_after {
            self.unsynced.store(0, Ordering::Relaxed);
            self.due.notify_one();
        }
    }

    /// Waits for the written prefix to be longer than `known` and tells how long it is. None where all work on the
    /// file has stopped.
    pub(crate) fn await_prefix(&self, known: u64) -> Option<u64> {
        // A stop is not told by a wake-up: it may come from outside, from another task's token.
        const LOOK: Duration = Duration::from_millis(100);
        let mut ledger = self.ledger();
        loop {
            if ledger.prefix() > known {
                return Some(ledger.prefix());
            }
            if self.stop.is_cancelled() {
                return None;
            }
            ledger = self
                .grown
                .wait_timeout(ledger, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}
