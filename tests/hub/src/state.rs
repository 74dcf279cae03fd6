//! What both servers know, and how they are told to behave.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::access::Accounts;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::limits::Limits;
use crate::log::Log;

/// Everything that lives as long as the fake Hub.
pub(crate) struct State {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub hub: String,
    /// The same of the CDN, which is at another port: no client may take its token there.
    pub cdn: String,
    pub catalogue: Mutex<Catalogue>,
    pub accounts: Mutex<Accounts>,
    pub limits: Mutex<Limits>,
    pub faults: Faults,
    pub log: Log,
    pub clock: Clock,
    pub pace: Mutex<Pace>,
    /// False while connections are to be refused.
    pub online: watch::Sender<bool>,
}

/// How fast and in what portions is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Time before each reply.
    pub latency: Duration,
    /// Bytes per second of one reply with a file.
    pub bandwidth: Option<u64>,
    /// Entries in one page of a tree.
    pub tree_page: usize,
    /// Bytes above which a file is only given in ranges.
    pub largest_whole: u64,
    /// How long a signed URL is good for.
    pub signed_for: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            bandwidth: None,
            tree_page: 1000,
            // CloudFront's limit, seen through the Hub as a 400.
            largest_whole: 50_000_000_000,
            signed_for: Duration::from_secs(3600),
        }
    }
}
