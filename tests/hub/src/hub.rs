//! The two servers as a test holds them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::access::Account;
use crate::answer::Site;
use crate::fault::{Fault, FaultHandle};
use crate::limits::Bucket;
use crate::log::{Request, Server};
use crate::refusal::Refusal;
use crate::repo::RepoHandle;
use crate::state::State;
use crate::{api, cdn, page, resolve, search, wire};

/// A running Hub with its CDN. Everything about it can be changed while it runs.
pub struct FakeHub {
    /// What goes into `HF_ENDPOINT`: `http://127.0.0.1:PORT`, without a slash at the end.
    pub url: String,
    /// Where the CDN is, in the same form.
    pub cdn_url: String,
    state: Arc<State>,
    servers: [JoinHandle<()>; 2],
    up: [watch::Receiver<bool>; 2],
}

impl FakeHub {
    /// Starts an empty Hub on two free ports of 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be had, which no test could go on from.
    pub async fn start() -> Self {
        let (hub_listener, url) = listen();
        let (cdn_listener, cdn_url) = listen();
        let state = Arc::new(State {
            hub: url.clone(),
            cdn: cdn_url.clone(),
            catalogue: Mutex::default(),
            accounts: Mutex::default(),
            limits: Mutex::default(),
            faults: Default::default(),
            log: Default::default(),
            clock: Default::default(),
            pace: Mutex::default(),
            online: watch::Sender::new(true),
        });
        let run = |listener, server, router: Router<Arc<State>>| {
            let (sender, receiver) = watch::channel(true);
            let site = Site {
                server,
                state: Arc::clone(&state),
                router: router.with_state(Arc::clone(&state)),
            };
            (tokio::spawn(wire::serve(listener, site, sender)), receiver)
        };
        let (hub, hub_up) = run(hub_listener, Server::Hub, hub_routes());
        let (cdn, cdn_up) = run(cdn_listener, Server::Cdn, cdn_routes());
        Self {
            url,
            cdn_url,
            servers: [hub, cdn],
            up: [hub_up, cdn_up],
            state,
        }
    }

    /// A repo by its id, `org/name`; it is made when a call on it adds something.
    pub fn repo(&self, id: &str) -> RepoHandle {
        RepoHandle {
            state: Arc::clone(&self.state),
            id: id.to_owned(),
        }
    }

    /// Takes a repo away.
    pub fn remove_repo(&self, id: &str) {
        self.state.catalogue.lock().repos.remove(id);
    }

    /// Gives a repo another id. The old one redirects to it.
    pub fn rename_repo(&self, id: &str, to: &str) {
        let mut catalogue = self.state.catalogue.lock();
        if let Some(mut repo) = catalogue.repos.remove(id) {
            to.clone_into(&mut repo.id);
            catalogue.repos.insert(to.to_owned(), repo);
            catalogue.renamed.insert(id.to_owned(), to.to_owned());
        }
    }

    /// Makes an account with a token.
    pub fn account(&self, name: &str, token: &str) {
        let account = Account {
            name: name.to_owned(),
            let_in: Default::default(),
        };
        self.state.accounts.lock().0.insert(token.to_owned(), account);
    }

    /// Lets the account of a token read the files of a gated repo.
    pub fn let_in(&self, token: &str, id: &str) {
        if let Some(account) = self.state.accounts.lock().0.get_mut(token) {
            account.let_in.insert(id.to_owned());
        }
    }

    /// Makes a token worthless.
    pub fn revoke(&self, token: &str) {
        self.state.accounts.lock().0.remove(token);
    }

    /// Spoils the next `times` replies that are to requests whose decoded path contains `path`. Each
    /// fault knows which kinds of replies it is about; [`FaultHandle::at`] says otherwise. Of several
    /// faults for one request the one that was switched on first happens.
    pub fn fault(&self, path: &str, fault: Fault, times: u64) -> FaultHandle {
        self.state.faults.add(path, fault, times)
    }

    /// Switches every fault off.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Everything that was asked since the start or the last [`FakeHub::forget_requests`], in order.
    pub fn requests(&self) -> Vec<Request> {
        self.state.log.requests()
    }

    /// Empties the log of requests.
    pub fn forget_requests(&self) {
        self.state.log.clear();
    }

    /// Puts the Hub's clock forward: signed URLs expire and windows of rate limits end.
    pub fn advance_clock(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// How many requests of a kind every caller may make in five minutes. Unset: as many as the real
    /// Hub allows, which are 500, 3,000 and 100 without a token.
    pub fn quota(&self, bucket: Bucket, requests: u64) {
        self.state.limits.lock().quotas.insert(bucket, requests);
    }

    /// Time that passes before each reply.
    pub fn latency(&self, latency: Duration) {
        self.state.pace.lock().latency = latency;
    }

    /// Bytes per second of each reply with a file's bytes; `None` for as many as there can be.
    pub fn bandwidth(&self, bytes_per_second: Option<u64>) {
        self.state.pace.lock().bandwidth = bytes_per_second;
    }

    /// Entries in one page of a tree; 1,000 unless set.
    pub fn tree_page(&self, entries: usize) {
        self.state.pace.lock().tree_page = entries.max(1);
    }

    /// Bytes above which the CDN gives a file only in ranges, and 400 otherwise; 50 GB unless set.
    pub fn largest_whole(&self, bytes: u64) {
        self.state.pace.lock().largest_whole = bytes;
    }

    /// How long a signed URL is good for; an hour unless set.
    pub fn signed_for(&self, time: Duration) {
        self.state.pace.lock().signed_for = time;
    }

    /// Breaks every connection and refuses new ones, from when this returns on.
    pub async fn go_offline(&self) {
        self.turn(false).await;
    }

    /// Is there again, at the same ports.
    pub async fn come_back(&self) {
        self.turn(true).await;
    }

    async fn turn(&self, online: bool) {
        self.state.online.send_replace(online);
        for up in &self.up {
            let mut up = up.clone();
            // The other end is gone only when the server is.
            let _now = up.wait_for(|up| *up == online).await;
        }
    }
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

#[expect(
    clippy::expect_used,
    reason = "loopback has free ports on any computer that can run a test"
)]
fn listen() -> (TcpListener, String) {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = wire::bind(any).expect("a free port on 127.0.0.1");
    let address = listener.local_addr().expect("the address of a bound socket");
    (listener, format!("http://{address}"))
}

fn hub_routes() -> Router<Arc<State>> {
    Router::new()
        .route("/api/whoami-v2", get(api::whoami))
        .route("/api/models", get(search::search))
        .route("/api/models/{org}/{name}", get(api::info))
        .route("/api/models/{org}/{name}/revision/{revision}", get(api::info_at))
        .route("/api/models/{org}/{name}/tree/{revision}", get(api::tree))
        .route(
            "/api/models/{org}/{name}/tree/{revision}/{*folder}",
            get(api::tree_of_folder),
        )
        .route(
            "/api/models/{org}/{name}/paths-info/{revision}",
            post(api::paths_info),
        )
        .route(
            "/api/resolve-cache/models/{org}/{name}/{sha}/{*path}",
            get(resolve::resolve_cache),
        )
        .route("/{org}/{name}", get(page::show))
        .route("/{org}/{name}/ask-access", post(page::accept))
        .route("/{org}/{name}/resolve/{revision}/{*path}", get(resolve::resolve))
        .route("/{org}/{name}/raw/{revision}/{*path}", get(resolve::raw))
        .fallback(nothing_here)
}

fn cdn_routes() -> Router<Arc<State>> {
    Router::new().route("/xet-bridge-us/{org}/{name}/{sha}/{*path}", get(cdn::download))
}

async fn nothing_here() -> Refusal {
    Refusal::no_entry()
}
