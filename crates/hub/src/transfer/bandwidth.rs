//! One limit for all connections together: a token bucket that may go into debt for one piece of data.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A changed limit is felt after this long at most.
const LONGEST_NAP: Duration = Duration::from_millis(200);
/// Tokens that may gather while nobody takes any: what a connection may burst.
const BURST: Duration = Duration::from_millis(250);

/// The bandwidth that all transfers share.
#[derive(Debug)]
pub(crate) struct Bandwidth(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    bytes_per_second: Option<u64>,
    /// Bytes that may be taken now; below zero while a debt is paid off.
    available: f64,
    filled_at: Instant,
}

impl Bucket {
    /// How long to wait before asking again, or none where `bytes` were taken.
    fn take(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        let rate = self.bytes_per_second? as f64;
        let waited = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.available = (self.available + waited * rate).min(rate * BURST.as_secs_f64());
        self.filled_at = now;
        if self.available < 0.0 {
            return Some(Duration::from_secs_f64(-self.available / rate));
        }
        self.available -= bytes as f64;
        None
    }
}

impl Bandwidth {
    /// Shares `bytes_per_second`, or no limit.
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Self(Mutex::new(Bucket {
            bytes_per_second: positive(bytes_per_second),
            available: 0.0,
            filled_at: Instant::now(),
        }))
    }

    /// Changes the limit, also for what is under way.
    pub(crate) fn set(&self, bytes_per_second: Option<u64>) {
        let mut bucket = self.bucket();
        bucket.bytes_per_second = positive(bytes_per_second);
        bucket.available = 0.0;
        bucket.filled_at = Instant::now();
    }

    /// Waits until `bytes` more may be taken from the network.
    pub(crate) async fn take(&self, bytes: u64) {
        loop {
            let wait = self.bucket().take(bytes, Instant::now());
            match wait {
                None => return,
                Some(wait) => tokio::time::sleep(wait.min(LONGEST_NAP)).await,
            }
        }
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A limit of nothing at all would be a pause that nobody sees.
fn positive(bytes_per_second: Option<u64>) -> Option<u64> {
    bytes_per_second.map(|limit| limit.max(1024))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn connections_share_the_limit() {
        let shared = Arc::new(Bandwidth::new(Some(1_000_000)));
        let begun = Instant::now();
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    for _ in 0..25 {
                        shared.take(100_000).await;
                    }
                })
            })
            .collect();
        for taker in takers {
            taker.await.unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        assert!((9.0..11.0).contains(&seconds), "10 MB at 1 MB/s took {seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_is_lifted_lifts_the_waiting() {
        let shared = Arc::new(Bandwidth::new(Some(1024)));
        shared.take(10_000_000).await;
        let waiting = Arc::clone(&shared);
        let taker = tokio::spawn(async move { waiting.take(1).await });
        shared.set(None);
        let begun = Instant::now();
        taker.await.unwrap();
        assert!(begun.elapsed() <= LONGEST_NAP);
    }
}
