//! The Hub's clock: this computer's, and as far from it as a test wants.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Seconds that the Hub is ahead of this computer.
#[derive(Default)]
pub(crate) struct Clock(AtomicI64);

impl Clock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_secs() as i64, Ordering::Relaxed);
    }

    /// Seconds since 1970.
    pub fn now(&self) -> i64 {
        Timestamp::now().as_second() + self.0.load(Ordering::Relaxed)
    }

    /// The present moment, off by `offset` seconds, as HTTP's Date header has it.
    pub fn http_date(&self, offset: i64) -> String {
        Timestamp::from_second(self.now().saturating_add(offset))
            .unwrap_or(Timestamp::MAX)
            .strftime("%a, %d %b %Y %H:%M:%S GMT")
            .to_string()
    }
}
