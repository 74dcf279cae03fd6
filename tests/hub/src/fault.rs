//! What can go wrong, where, and how often.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// One thing that goes wrong with one reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The signed URL that a redirect gives has expired already: the CDN answers it with 403.
    ExpiredLocation,
    /// The Range header is ignored: 200 and the whole file.
    IgnoreRange,
    /// A sound head, and a body that ends in good order after this many bytes.
    ShortBody {
        /// Bytes of the body that do come.
        after: u64,
    },
    /// The total in Content-Range is one too large.
    WrongTotal,
    /// Another range of the same length, one byte earlier or later, with a Content-Range that says so.
    OtherRange,
    /// Content-Length is off by so much, and what comes is cut or ends early accordingly.
    ContentLength {
        /// Bytes too many, or too few if below zero.
        off_by: i64,
    },
    /// The connection is reset (RST) after this many bytes of the body.
    Reset {
        /// Bytes of the body that do come.
        after: u64,
    },
    /// The body comes in drops.
    Trickle {
        /// Bytes in a drop.
        bytes: u64,
        /// Time between two drops.
        every: Duration,
    },
    /// The body stops after this many bytes, and the connection stays open.
    Stall {
        /// Bytes of the body that do come.
        after: u64,
    },
    /// One byte of the file is not what it should be.
    BadByte {
        /// Its place in the file. Replies without that place are left alone.
        at: u64,
    },
    /// While the reply is given, `main` moves on to a new commit in which every large file has other
    /// bytes. On a redirect the file moves with it, on a listing the listing is the old one.
    NewCommit,
    /// 429, and nothing left for so many seconds.
    TooManyRequests {
        /// What `t` in the RateLimit header says.
        retry_in: u64,
    },
    /// 503.
    Unavailable,
    /// 401, of one of the three kinds.
    Unauthorised(Denial),
    /// 200 with a web page, as from a hotel's network.
    Html,
    /// A redirect to the very URL that was asked for.
    RedirectLoop,
    /// A Date header that is off by so many seconds.
    WrongDate {
        /// Seconds too late, or too early if below zero.
        off_by: i64,
    },
    /// The request is read and never answered.
    NoReply,
    /// All connections break at once, and new ones are refused for a while.
    Outage {
        /// How long.
        lasts: Duration,
    },
}

/// The kinds of 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A repo that is not there, asked for without a token.
    RepoNotFound,
    /// A gated repo.
    GatedRepo,
    /// "Invalid credentials in Authorization header".
    BadToken,
}

/// Kinds of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// JSON about models.
    Api,
    /// The redirect from a file's name to its bytes.
    Resolve,
    /// A file's bytes: from the CDN, from `/api/resolve-cache/`, or from `/raw/`.
    Bytes,
}

impl Fault {
    /// Whether this fault is about replies of that kind, unless a test says otherwise.
    fn is_about(&self, stage: Stage) -> bool {
        match self {
            Self::ExpiredLocation => stage == Stage::Resolve,
            Self::IgnoreRange
            | Self::ShortBody { .. }
            | Self::WrongTotal
            | Self::OtherRange
            | Self::ContentLength { .. }
            | Self::Reset { .. }
            | Self::Trickle { .. }
            | Self::Stall { .. }
            | Self::BadByte { .. } => stage == Stage::Bytes,
            Self::NewCommit | Self::TooManyRequests { .. } | Self::Unauthorised(_) | Self::RedirectLoop => {
                stage != Stage::Bytes
            }
            Self::Unavailable | Self::Html | Self::WrongDate { .. } | Self::NoReply | Self::Outage { .. } => {
                true
            }
        }
    }

    /// Whether this fault would be seen in a reply with these bytes of a file.
    fn shows_in(&self, asked: &Asked) -> bool {
        match self {
            Self::IgnoreRange | Self::WrongTotal | Self::OtherRange => asked.range.is_some(),
            Self::BadByte { at } => asked.range.as_ref().is_none_or(|range| range.contains(at)),
            _ => true,
        }
    }

    /// Whether this fault is one of a body, which the reply to a HEAD request does not have.
    fn needs_body(&self) -> bool {
        matches!(
            self,
            Self::ShortBody { .. }
                | Self::ContentLength { .. }
                | Self::Reset { .. }
                | Self::Trickle { .. }
                | Self::Stall { .. }
                | Self::BadByte { .. }
        )
    }
}

/// What a fault needs to know of a request.
pub(crate) struct Asked<'a> {
    pub stage: Option<Stage>,
    /// Decoded.
    pub path: &'a str,
    pub is_head: bool,
    /// As the Range header has it; open ends reach to the end of the world.
    pub range: Option<Range<u64>>,
}

#[derive(Debug)]
struct Switch {
    path: String,
    fault: Fault,
    stage: Option<Stage>,
    skip: u64,
    left: u64,
    fired: u64,
}

/// Every fault that is switched on.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Arc<Mutex<Switch>>>>);

impl Faults {
    pub fn add(&self, path: &str, fault: Fault, times: u64) -> FaultHandle {
        let switch = Arc::new(Mutex::new(Switch {
            path: path.to_owned(),
            fault,
            stage: None,
            skip: 0,
            left: times,
            fired: 0,
        }));
        self.0.lock().push(Arc::clone(&switch));
        FaultHandle(switch)
    }

    pub fn clear(&self) {
        self.0.lock().drain(..).for_each(|switch| switch.lock().left = 0);
    }

    /// The first fault that is about this request, which is thereby used up once.
    pub fn take(&self, asked: &Asked) -> Option<Fault> {
        let mut switches = self.0.lock();
        let fault = switches.iter().find_map(|switch| switch.lock().take(asked));
        switches.retain(|switch| switch.lock().left > 0);
        fault
    }
}

impl Switch {
    fn take(&mut self, asked: &Asked) -> Option<Fault> {
        let stage = asked.stage?;
        let about = self
            .stage
            .map_or_else(|| self.fault.is_about(stage), |wanted| wanted == stage);
        let seen = self.fault.shows_in(asked) && !(asked.is_head && self.fault.needs_body());
        if self.left == 0 || !about || !seen || !asked.path.contains(&self.path) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.left -= 1;
        self.fired += 1;
        Some(self.fault.clone())
    }
}

/// A fault that was switched on, to be told more about it. It stays on when this is dropped.
#[derive(Clone)]
pub struct FaultHandle(Arc<Mutex<Switch>>);

impl FaultHandle {
    /// Only in replies of this kind.
    pub fn at(self, stage: Stage) -> Self {
        self.0.lock().stage = Some(stage);
        self
    }

    /// Not in the first `requests` that it would be about.
    pub fn skip(self, requests: u64) -> Self {
        self.0.lock().skip = requests;
        self
    }

    /// How often it happened so far.
    pub fn fired(&self) -> u64 {
        self.0.lock().fired
    }

    /// Switches it off.
    pub fn clear(&self) {
        self.0.lock().left = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(stage: Stage, path: &str) -> Asked<'_> {
        Asked {
            stage: Some(stage),
            path,
            is_head: false,
            range: None,
        }
    }

    #[test]
    fn a_fault_happens_where_and_as_often_as_it_was_told() {
        let faults = Faults::default();
        let handle = faults
            .add("b.gguf", Fault::Unavailable, 2)
            .at(Stage::Resolve)
            .skip(1);
        assert_eq!(faults.take(&asked(Stage::Bytes, "/b.gguf")), None);
        assert_eq!(faults.take(&asked(Stage::Resolve, "/a.gguf")), None);
        assert_eq!(faults.take(&asked(Stage::Resolve, "/b.gguf")), None, "skipped");
        for _ in 0..2 {
            assert_eq!(
                faults.take(&asked(Stage::Resolve, "/b.gguf")),
                Some(Fault::Unavailable)
            );
        }
        assert_eq!(faults.take(&asked(Stage::Resolve, "/b.gguf")), None, "used up");
        assert_eq!(handle.fired(), 2);
    }

    #[test]
    fn a_fault_of_a_range_waits_for_one_in_which_it_is_seen() {
        let faults = Faults::default();
        faults.add("", Fault::BadByte { at: 100 }, 1);
        let with = |range| Asked {
            range: Some(range),
            ..asked(Stage::Bytes, "/a")
        };
        assert_eq!(faults.take(&with(0..100)), None);
        assert_eq!(faults.take(&with(100..200)), Some(Fault::BadByte { at: 100 }));
        faults.add("", Fault::IgnoreRange, 1);
        assert_eq!(faults.take(&asked(Stage::Bytes, "/a")), None);
        assert_eq!(faults.take(&with(0..1)), Some(Fault::IgnoreRange));
    }

    #[test]
    fn a_fault_of_a_body_is_not_spent_on_a_reply_without_one() {
        let faults = Faults::default();
        faults.add("", Fault::Reset { after: 1 }, 1);
        let head = Asked {
            is_head: true,
            ..asked(Stage::Bytes, "/a")
        };
        assert_eq!(faults.take(&head), None);
        assert!(faults.take(&asked(Stage::Bytes, "/a")).is_some());
    }
}
