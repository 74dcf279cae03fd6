//! How many requests an account has left in a window of five minutes, and the headers that tell it.

use std::collections::HashMap;

/// Seconds in a window. <https://huggingface.co/docs/hub/rate-limits>
///
/// The Hub's own windows end at the same moments for everybody. Here a caller's window begins with their first request:
/// otherwise every test that uses up a quota would fail in the last moments of some window.
const WINDOW: i64 = 300;

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Everything under `/api/`.
    Api,
    /// Files: `/resolve/` and what it redirects to on the Hub itself.
    Resolvers,
    /// Web pages.
    Pages,
}

impl Bucket {
    /// What a path of the Hub is counted as.
    pub(crate) fn of(path: &str) -> Self {
        if path.starts_with("/api/resolve-cache/") || path.contains("/resolve/") {
            Self::Resolvers
        } else if path.starts_with("/api/") {
            Self::Api
        } else {
            Self::Pages
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Resolvers => "resolvers",
            Self::Pages => "pages",
        }
    }

    /// Requests in a window: without an account, and with a free one.
    const fn quotas(self) -> (u64, u64) {
        match self {
            Self::Api => (500, 1000),
            Self::Resolvers => (3000, 5000),
            Self::Pages => (100, 200),
        }
    }
}

/// The counts.
#[derive(Default)]
pub(crate) struct Limits {
    /// Quotas set by a test, for every caller alike.
    pub quotas: HashMap<Bucket, u64>,
    used: HashMap<(Bucket, String), Used>,
}

#[derive(Clone, Copy)]
struct Used {
    /// When the window began, in seconds since 1970.
    since: i64,
    requests: u64,
}

/// Where a caller stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    bucket: Bucket,
    quota: u64,
    left: u64,
    /// Seconds until the window ends.
    ends_in: i64,
    pub exhausted: bool,
}

impl Limits {
    /// Counts a request at `now`, in seconds since 1970. A caller who pays with the empty name has no
    /// account.
    pub fn count(&mut self, bucket: Bucket, payer: &str, now: i64) -> Standing {
        let (anonymous, free) = bucket.quotas();
        let usual = if payer.is_empty() { anonymous } else { free };
        let quota = self.quotas.get(&bucket).copied().unwrap_or(usual);
        let begun = Used {
            since: now,
            requests: 0,
        };
        let used = self.used.entry((bucket, payer.to_owned())).or_insert(begun);
        if now - used.since >= WINDOW {
            *used = begun;
        }
        let exhausted = used.requests >= quota;
        if !exhausted {
            used.requests += 1;
        }
        Standing {
            bucket,
            quota,
            left: quota - used.requests.min(quota),
            ends_in: used.since + WINDOW - now,
            exhausted,
        }
    }
}

impl Standing {
    /// The same standing with nothing left for `seconds`.
    pub fn spent_for(self, seconds: u64) -> Self {
        Self {
            left: 0,
            ends_in: seconds.try_into().unwrap_or(i64::MAX),
            exhausted: true,
            ..self
        }
    }

    /// The RateLimit header.
    pub fn rate_limit(&self) -> String {
        format!("\"{}\";r={};t={}", self.bucket.name(), self.left, self.ends_in)
    }

    /// The RateLimit-Policy header.
    pub fn policy(&self) -> String {
        format!(
            "\"fixed window\";\"{}\";q={};w={WINDOW}",
            self.bucket.name(),
            self.quota
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_window_of_their_own() {
        let mut limits = Limits::default();
        limits.quotas.insert(Bucket::Api, 2);
        let first = limits.count(Bucket::Api, "", 650);
        assert_eq!(first.rate_limit(), "\"api\";r=1;t=300");
        assert_eq!(first.policy(), "\"fixed window\";\"api\";q=2;w=300");
        assert!(!limits.count(Bucket::Api, "", 651).exhausted);
        let third = limits.count(Bucket::Api, "", 750);
        assert!(third.exhausted);
        assert_eq!(third.rate_limit(), "\"api\";r=0;t=200");
        assert!(!limits.count(Bucket::Api, "ada", 750).exhausted);
        assert!(!limits.count(Bucket::Resolvers, "", 750).exhausted);
        assert!(!limits.count(Bucket::Api, "", 950).exhausted);
    }
}
