//! A Hub with one repository, an empty cache, and a queue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hearth_fake_hub::{Content, FakeHub, RepoHandle};
use hearth_hub::transfer::{TransferError, TransferEvent, TransferLimits, TransferProgress, Transfers};
use hearth_hub::{Hub, HubCache, HubConfig, HubError, Timeouts, Token, TokenVault};
use hearth_store::{NewTransfer, NewTransferFile, Store, TransferState};
use tempfile::TempDir;
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub const REPO: &str = "hearth-demo/fox-GGUF";
pub const FILE: &str = "fox-Q4_K_M.gguf";
/// Two connections' worth.
pub const SIZE: u64 = 24_000_000;

#[derive(Debug)]
struct NoToken;

impl TokenVault for NoToken {
    fn read(&self) -> Result<Option<Token>, HubError> {
        Ok(None)
    }

    fn keep(&self, _token: &Token) -> Result<(), HubError> {
        Ok(())
    }

    fn forget(&self) -> Result<(), HubError> {
        Ok(())
    }
}

/// Limits under which a test does not wait for half a minute.
pub fn limits() -> TransferLimits {
    TransferLimits {
        tries: 5,
        ..TransferLimits::default()
    }
}

pub struct Setup {
    pub hub: FakeHub,
    pub repo: RepoHandle,
    pub folder: TempDir,
    pub cache: HubCache,
}

impl Setup {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = HubCache::at(folder.path().join("hub"));
        let hub = FakeHub::start().await;
        let repo = hub.repo(REPO).file(FILE, Content::generated(SIZE, 7));
        Self {
            hub,
            repo,
            folder,
            cache,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("hearth.db")
    }

    /// Opens the store and starts the queue, as Hearth does when it starts.
    pub async fn open(&self, limits: TransferLimits) -> Open {
        self.open_at("hearth.db", limits).await
    }

    /// The same with a database of its own.
    pub async fn open_at(&self, database: &str, limits: TransferLimits) -> Open {
        let store = Store::open(&self.folder.path().join(database)).await.unwrap();
        let hub = Hub::new(HubConfig {
            endpoint: self.hub.url.parse().unwrap(),
            store: store.clone(),
            token: Arc::new(NoToken),
            timeouts: Timeouts {
                stall: Duration::from_millis(500),
                ..Timeouts::default()
            },
        })
        .unwrap();
        let transfers = Transfers::start(hub, store.clone(), self.cache.clone(), limits);
        Open {
            events: transfers.watch(),
            transfers,
            store,
        }
    }

    /// What the app asks for once the person has chosen these files.
    pub fn wanted(&self, paths: &[&str]) -> NewTransfer {
        NewTransfer {
            repo: REPO.to_owned(),
            revision: self.repo.sha(),
            name: "Fox".to_owned(),
            variant: "Q4_K_M".to_owned(),
            files: paths.iter().map(|path| self.file(path)).collect(),
        }
    }

    fn file(&self, path: &str) -> NewTransferFile {
        let content = self.repo.content(path).unwrap();
        let sha256 = content.sha256().unwrap();
        NewTransferFile {
            path: path.to_owned(),
            size_bytes: content.size(),
            sha256: Some(sha256.clone()),
            etag: sha256,
        }
    }

    pub fn snapshot(&self, path: &str) -> PathBuf {
        self.cache
            .root()
            .join("models--hearth-demo--fox-GGUF/snapshots")
            .join(self.repo.sha())
            .join(path)
    }

    pub fn blobs(&self) -> PathBuf {
        self.cache.root().join("models--hearth-demo--fox-GGUF/blobs")
    }

    /// The file is there under its own name and has every byte of the one on the Hub; nothing unfinished is left.
    pub fn assert_right(&self, path: &str) {
        let content = self.repo.content(path).unwrap();
        let there = std::fs::read(self.snapshot(path)).unwrap();
        assert!(
            there == content.read(0, u64::MAX).unwrap(),
            "{path} has other bytes"
        );
        let unfinished: Vec<_> = names(&self.blobs())
            .into_iter()
            .filter(|name| name.contains('.'))
            .collect();
        assert_eq!(unfinished, [""; 0]);
    }

    /// Bytes of files that the Hub and its CDN have sent so far.
    pub fn sent(&self) -> u64 {
        self.hub.requests().iter().map(|request| request.bytes_sent).sum()
    }
}

pub fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub struct Open {
    pub transfers: Transfers,
    pub store: Store,
    pub events: Receiver<TransferEvent>,
}

impl Open {
    /// Waits until something happens that `wanted` knows.
    pub async fn until<T>(&mut self, wanted: impl Fn(&TransferEvent) -> Option<T>) -> T {
        let waiting = async {
            loop {
                match self.events.recv().await {
                    Ok(event) => {
                        if let Some(found) = wanted(&event) {
                            return found;
                        }
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => panic!("the queue has ended"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(120), waiting)
            .await
            .expect("what was waited for happens")
    }

    pub async fn until_state(&mut self, id: &str, state: TransferState) -> TransferProgress {
        self.until(|event| match event {
            TransferEvent::Progress(progress) if progress.id == id => {
                let failed = progress.state == TransferState::Failed && state != TransferState::Failed;
                assert!(!failed, "it failed: {:?}", progress.failure);
                (progress.state == state).then(|| progress.clone())
            }
            _ => None,
        })
        .await
    }

    pub async fn until_done_bytes(&mut self, id: &str, bytes: u64) {
        self.until(|event| match event {
            TransferEvent::Progress(progress) => {
                (progress.id == id && progress.done_bytes >= bytes).then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// Waits until a transfer has ended, well or not.
    pub async fn end(&mut self, id: &str) -> TransferProgress {
        self.until(|event| match event {
            TransferEvent::Progress(progress) => {
                let ended = matches!(progress.state, TransferState::Done | TransferState::Failed);
                (progress.id == id && ended).then(|| progress.clone())
            }
            _ => None,
        })
        .await
    }

    /// Queues a download and waits until it has ended.
    pub async fn pull(&mut self, new: NewTransfer) -> Result<TransferProgress, TransferError> {
        let queued = self.transfers.queue(new).await?;
        Ok(self.end(&queued.id).await)
    }

    /// Ends as Hearth does when it is closed: the next one can open the store.
    pub async fn close(self) {
        self.transfers.shut_down().await.unwrap();
        self.store.close().await;
    }
}
