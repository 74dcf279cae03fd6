//! How long to wait before trying again, and when to stop trying.

use std::time::Duration;

/// The first wait is at most this long, each further one at most twice the one before.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The tries of one connection. Bytes that arrive start the count anew.
#[derive(Debug)]
pub(crate) struct Tries {
    failed: u32,
    most: u32,
}

impl Tries {
    /// Allows `most` failures in a row.
    pub(crate) fn new(most: u32) -> Self {
        Self { failed: 0, most }
    }

    /// Something came of the last try.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Notes a failure: how long to wait, or none where it was one too many. With a wait that the server asked
    /// for, that one and a little more, so that not all connections come back at the same moment.
    pub(crate) fn failed(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.failed += 1;
        if self.failed >= self.most {
            return None;
        }
        let doubled = FIRST.saturating_mul(1 << (self.failed - 1).min(16)).min(LONGEST);
        // Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        let jitter = doubled.mul_f64(fastrand::f64());
        Some(match asked {
            Some(asked) => asked + jitter.min(Duration::from_secs(1)),
            None => jitter,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_end() {
        let mut tries = Tries::new(10);
        for round in 0..9u32 {
            let wait = tries.failed(None).unwrap();
            assert!(
                wait <= FIRST * 2u32.pow(round) && wait <= LONGEST,
                "round {round}: {wait:?}"
            );
        }
        assert_eq!(tries.failed(None), None);
    }

    #[test]
    fn a_wait_that_the_server_asks_for_is_kept() {
        let asked = Duration::from_secs(55);
        let wait = Tries::new(2).failed(Some(asked)).unwrap();
        assert!(
            wait >= asked && wait <= asked + Duration::from_secs(1),
            "{wait:?}"
        );
    }

    #[test]
    fn progress_starts_the_count_anew() {
        let mut tries = Tries::new(2);
        for _ in 0..20 {
            assert!(tries.failed(None).is_some());
            tries.progressed();
        }
    }
}
