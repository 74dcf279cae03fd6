//! What was asked of the Hub and of its CDN.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use parking_lot::Mutex;

/// Which of the two servers was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// The one that tells and redirects.
    Hub,
    /// The one that holds large files.
    Cdn,
}

/// One request, as it stands when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who was asked.
    pub server: Server,
    /// `GET`, `HEAD` or `POST`.
    pub method: String,
    /// The path, decoded, without the query.
    pub path: String,
    /// The query as it came, or nothing.
    pub query: String,
    /// The Range header as it came.
    pub range: Option<String>,
    /// Whether an Authorization header came with it.
    pub had_authorization: bool,
    /// The reply's status; 0 while there is none.
    pub status: u16,
    /// Bytes of the reply's body handed to the connection so far. The reader may have seen some
    /// hundred kilobytes fewer.
    pub bytes_sent: u64,
}

/// A request whose reply may still be under way.
pub(crate) struct Entry {
    pub asked: Request,
    pub status: AtomicU16,
    pub bytes_sent: AtomicU64,
}

/// Every request since the start, or since the log was cleared.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Arc<Entry>>>);

impl Log {
    pub fn add(&self, asked: Request) -> Arc<Entry> {
        let entry = Arc::new(Entry {
            asked,
            status: AtomicU16::new(0),
            bytes_sent: AtomicU64::new(0),
        });
        self.0.lock().push(Arc::clone(&entry));
        entry
    }

    pub fn requests(&self) -> Vec<Request> {
        let snapshot = |entry: &Arc<Entry>| Request {
            status: entry.status.load(Ordering::Relaxed),
            bytes_sent: entry.bytes_sent.load(Ordering::Relaxed),
            ..entry.asked.clone()
        };
        self.0.lock().iter().map(snapshot).collect()
    }

    pub fn clear(&self) {
        self.0.lock().clear();
    }
}
