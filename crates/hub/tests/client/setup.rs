//! A Hub, somebody who asks it, and a keychain that tests can look into.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hearth_fake_hub::{FakeHub, RepoHandle, Request, Server};
use hearth_hub::{Commit, Hub, HubConfig, HubError, RepoId, RepoPath, Timeouts, Token, TokenVault};
use hearth_store::Store;
use tempfile::TempDir;

pub const REPO: &str = "hearth-demo/fox-GGUF";
pub const TOKEN: &str = "hf_thisIsTheSecretThatNobodySees";

#[derive(Clone, Debug, Default)]
pub struct Vault(Arc<Mutex<Option<Token>>>);

impl Vault {
    pub fn holding(token: &str) -> Self {
        Self(Arc::new(Mutex::new(Token::new(token))))
    }
}

impl TokenVault for Vault {
    fn read(&self) -> Result<Option<Token>, HubError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn keep(&self, token: &Token) -> Result<(), HubError> {
        *self.0.lock().unwrap() = Some(token.clone());
        Ok(())
    }

    fn forget(&self) -> Result<(), HubError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }
}

pub struct Setup {
    pub fake: FakeHub,
    pub hub: Hub,
    pub store: Store,
    pub vault: Vault,
    _folder: TempDir,
}

impl Setup {
    pub async fn new() -> Self {
        Self::with(Vault::default()).await
    }

    pub async fn with(vault: Vault) -> Self {
        let fake = FakeHub::start().await;
        let (store, folder) = store().await;
        Self {
            hub: client(&fake.url, &store, &vault, Timeouts::default()),
            fake,
            store,
            vault,
            _folder: folder,
        }
    }

    /// The same computer, started anew: what is kept is kept, what was in memory is gone.
    pub fn restarted(&self) -> Hub {
        self.with_timeouts(Timeouts::default())
    }

    /// The same computer a while later, when no answer counts as new any more.
    pub fn later(&self) -> Hub {
        self.with_timeouts(Timeouts {
            fresh: Duration::ZERO,
            ..Timeouts::default()
        })
    }

    /// Somebody who waits for nothing, neither for an answer nor for the last one to grow old.
    pub fn impatient(&self) -> Hub {
        self.with_timeouts(Timeouts {
            stall: Duration::from_secs(1),
            fresh: Duration::ZERO,
            ..Timeouts::default()
        })
    }

    fn with_timeouts(&self, timeouts: Timeouts) -> Hub {
        client(&self.fake.url, &self.store, &self.vault, timeouts)
    }

    pub fn repo(&self) -> RepoHandle {
        self.fake.repo(REPO)
    }

    pub fn commit(&self) -> Commit {
        Commit::parse(&self.repo().sha()).unwrap()
    }

    /// What was asked of the Hub itself since the last time.
    pub fn asked(&self) -> Vec<Request> {
        self.requests(Server::Hub)
    }

    pub fn requests(&self, server: Server) -> Vec<Request> {
        let mut requests = self.fake.requests();
        requests.retain(|request| request.server == server);
        requests
    }
}

pub async fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("hearth.db")).await.unwrap();
    (store, folder)
}

pub fn client(url: &str, store: &Store, vault: &Vault, timeouts: Timeouts) -> Hub {
    Hub::new(HubConfig {
        endpoint: url.parse().unwrap(),
        store: store.clone(),
        token: Arc::new(vault.clone()),
        timeouts,
    })
    .unwrap()
}

pub fn repo_id() -> RepoId {
    RepoId::parse(REPO).unwrap()
}

pub fn path(path: &str) -> RepoPath {
    RepoPath::parse(path).unwrap()
}
