//! The queue: which transfers run, in which order, and what the person says to them.
//!
//! One task owns it. What each transfer is doing is written in the store before anyone is told, so the queue is the
//! same after a kill: what ran goes on, what waited waits, what was paused stays paused.

mod task;

use std::path::PathBuf;
use std::sync::Arc;

use hearth_store::{NewTransfer, Store};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::TransferError;
use super::bandwidth::Bandwidth;
use super::progress::TransferProgress;
use super::run::Context;
use crate::{Hub, HubCache};
use task::Queue;

/// Events that a slow listener may lag behind before it misses some; the list tells it all again.
const EVENTS: usize = 256;

/// How transfers behave.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferLimits {
    /// Transfers that run at the same time.
    pub at_once: usize,
    /// Connections for a large file; a small one has fewer.
    pub connections: usize,
    /// What all transfers together may take, in bytes a second; none for no limit.
    pub bytes_per_second: Option<u64>,
    /// Failures in a row, without a byte between them, after which a transfer fails.
    pub tries: u32,
}

impl Default for TransferLimits {
    fn default() -> Self {
        Self {
            at_once: 2,
            connections: 4,
            bytes_per_second: None,
            tries: 8,
        }
    }
}

/// What happens to transfers.
#[derive(Clone, Debug, PartialEq)]
pub enum TransferEvent {
    /// A transfer has another state, or has got further: at most four times a second for each.
    Progress(TransferProgress),
    /// Every file of a transfer is verified and in its place.
    Finished {
        /// The transfer.
        id: String,
        /// "org/name".
        repo: String,
        /// The commit.
        revision: String,
        /// The files in the cache's snapshot folder, in the order in which they were asked for.
        paths: Vec<PathBuf>,
    },
    /// The queue has another order.
    Moved,
    /// A transfer was cancelled or taken off the list.
    Removed {
        /// The transfer.
        id: String,
    },
}

/// The downloads of this computer. Clones are handles on the same queue; when the last one is dropped, what runs is
/// journalled and stops, to go on at the next start.
#[derive(Clone, Debug)]
pub struct Transfers {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<TransferEvent>,
    bandwidth: Arc<Bandwidth>,
}

type Reply<T = ()> = oneshot::Sender<Result<T, TransferError>>;

#[derive(Debug)]
enum Command {
    Queue(NewTransfer, Reply<TransferProgress>),
    List(Reply<Vec<TransferProgress>>),
    Pause(String, Reply),
    Resume(String, Reply),
    Cancel(String, Reply),
    Move(String, Option<String>, Reply),
    ShutDown(Reply),
}

impl Transfers {
    /// Starts the queue with what the store holds; what ran when Hearth ended goes on. Must be called within a tokio
    /// runtime.
    pub fn start(hub: Hub, store: Store, cache: HubCache, limits: TransferLimits) -> Self {
        let bandwidth = Arc::new(Bandwidth::new(limits.bytes_per_second));
        let (commands, orders) = mpsc::channel(16);
        let (events, _) = broadcast::channel(EVENTS);
        let context = Context {
            hub,
            store,
            cache,
            bandwidth: Arc::clone(&bandwidth),
            limits,
        };
        tokio::spawn(Queue::new(context, events.clone()).run(orders));
        Self {
            commands,
            events,
            bandwidth,
        }
    }

    /// Puts a download at the end of the queue, or finds the one that is queued for the same files.
    ///
    /// # Errors
    /// [`TransferError::Hub`] with a name that cannot be used, [`TransferError::NoChecksum`],
    /// [`TransferError::NoFiles`], or the store's.
    pub async fn queue(&self, new: NewTransfer) -> Result<TransferProgress, TransferError> {
        self.ask(|reply| Command::Queue(new, reply)).await
    }

    /// Every download in the order of the queue; those that are done too, until they are cancelled away.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<TransferProgress>, TransferError> {
        self.ask(Command::List).await
    }

    /// Stops a download and keeps what it has.
    ///
    /// # Errors
    /// The store's.
    pub async fn pause(&self, id: &str) -> Result<(), TransferError> {
        self.ask(|reply| Command::Pause(id.to_owned(), reply)).await
    }

    /// Lets a paused or failed download go on, in its place of the queue.
    ///
    /// # Errors
    /// The store's.
    pub async fn resume(&self, id: &str) -> Result<(), TransferError> {
        self.ask(|reply| Command::Resume(id.to_owned(), reply)).await
    }

    /// Takes a download off the list, and what it has of unfinished files off the disk. Finished files stay.
    ///
    /// # Errors
    /// The store's, or the disk's.
    pub async fn cancel(&self, id: &str) -> Result<(), TransferError> {
        self.ask(|reply| Command::Cancel(id.to_owned(), reply)).await
    }

    /// Moves a download in the queue: right before another one, or to the end. What runs already runs on.
    ///
    /// # Errors
    /// The store's.
    pub async fn move_before(&self, id: &str, before: Option<&str>) -> Result<(), TransferError> {
        let before = before.map(str::to_owned);
        self.ask(|reply| Command::Move(id.to_owned(), before, reply))
            .await
    }

    /// Changes what all downloads together may take, in bytes a second, at once; none for no limit.
    pub fn set_limit(&self, bytes_per_second: Option<u64>) {
        self.bandwidth.set(bytes_per_second);
    }

    /// What happens from now on.
    pub fn watch(&self) -> broadcast::Receiver<TransferEvent> {
        self.events.subscribe()
    }

    /// Stops what runs, with its last bytes journalled, so that the next start goes on without fetching any twice.
    /// The queue takes no orders afterwards.
    ///
    /// # Errors
    /// The store's.
    pub async fn shut_down(&self) -> Result<(), TransferError> {
        self.ask(Command::ShutDown).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, TransferError> {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(command(reply)).await.is_err() {
            return Err(TransferError::Closed);
        }
        answer.await.unwrap_or(Err(TransferError::Closed))
    }
}
