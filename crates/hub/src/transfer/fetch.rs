//! One connection's work: claim a piece, fetch it, hand its bytes to the writer, claim the next.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::TransferError;
use super::backoff::Tries;
use super::bandwidth::Bandwidth;
use super::error::Trouble;
use super::source::{Address, Source};
use super::work::Work;

/// Bytes and their place in the file.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    pub(crate) bytes: bytes::Bytes,
}

/// A connection that brings less than this in a whole stall time has stalled: a server that sends a byte now and
/// then would hold it for ever.
const LEAST_IN_TIME: u64 = 4096;
/// How often a server may ignore which part was asked for before the whole file is taken from it. A proxy may do
/// so once.
const IGNORED_RANGES: u32 = 2;
/// Network reads are handed on in parts of at most this, so that a part always fits what may be unsaved at once.
const MOST_AT_ONCE: usize = 512 * 1024;

/// What every connection of a file shares.
pub(crate) struct Line {
    pub(crate) source: Source,
    pub(crate) work: Arc<Work>,
    pub(crate) bandwidth: Arc<Bandwidth>,
    pub(crate) stall: Duration,
    pub(crate) tries: u32,
    /// The most that one request asks for, in bytes.
    pub(crate) piece: u64,
    pub(crate) pieces: mpsc::Sender<Piece>,
    /// Held by the connection that streams the whole file from a server without ranges.
    pub(crate) whole: tokio::sync::Mutex<()>,
}

impl Line {
    /// Works until nothing is left to claim, the download is told to stop, or it fails, which it notes.
    pub(crate) async fn run(self: Arc<Self>) {
        let stop = self.work.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.work_on() => {}
        }
    }

    async fn work_on(&self) {
        let mut tries = Tries::new(self.tries);
        let mut ignored = 0;
        let mut stale = None;
        while let Some(range) = self.work.claim(self.piece) {
            let mut claim = Claim {
                work: &self.work,
                range,
            };
            while !claim.range.is_empty() {
                let before = claim.range.start;
                let tried = self.fetch(&mut claim.range, &mut stale).await;
                if claim.range.start > before {
                    tries.progressed();
                    ignored = 0;
                }
                let (error, wait) = match tried {
                    Ok(()) => continue,
                    Err(Trouble::Final(error)) => return self.work.fail(error),
                    Err(Trouble::Passing { error, wait }) => (error, wait),
                    Err(Trouble::StaleAddress(error)) => (error, Some(Duration::ZERO)),
                    Err(Trouble::NoRanges) => {
                        ignored += 1;
                        if ignored >= IGNORED_RANGES {
                            drop(claim);
                            return self.stream_whole(tries).await;
                        }
                        (
                            self.interrupted("the server ignored which part was asked for"),
                            None,
                        )
                    }
                };
                tracing::debug!(path = self.source.path(), %error, "a try failed");
                match tries.failed(wait) {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => return self.work.fail(error),
                }
            }
        }
    }

    /// Fetches a range; its start moves with what was handed on.
    async fn fetch(&self, range: &mut Range<u64>, stale: &mut Option<u64>) -> Result<(), Trouble> {
        let address = self.source.address(*stale).await?;
        let asked = self.source.get(&address, Some(range));
        let mut body = self.body(asked.await, &address, stale)?;
        while !range.is_empty() {
            let bytes = self.next(&mut body).await?;
            let wanted = bytes
                .len()
                .min(usize::try_from(range.end - range.start).unwrap_or(usize::MAX));
            self.hand_on(range, bytes.slice(..wanted)).await;
        }
        Ok(())
    }

    /// Takes the whole file from a server without ranges, and of it what is missing. The one thing that costs
    /// bytes twice; nothing that was fetched before is lost by it.
    async fn stream_whole(&self, mut tries: Tries) {
        let Ok(_alone) = self.whole.try_lock() else {
            return;
        };
        let mut stale = None;
        while self.work.has_missing() {
            let before = self.work.written_bytes();
            let tried = self.stream_once(&mut stale).await;
            if self.work.written_bytes() > before {
                tries.progressed();
            }
            let (error, wait) = match tried {
                Ok(()) => continue,
                Err(Trouble::Final(error)) => return self.work.fail(error),
                Err(Trouble::Passing { error, wait }) => (error, wait),
                Err(Trouble::StaleAddress(error)) => (error, Some(Duration::ZERO)),
                Err(Trouble::NoRanges) => (self.interrupted("the server sends another file"), None),
            };
            match tries.failed(wait) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return self.work.fail(error),
            }
        }
    }

    async fn stream_once(&self, stale: &mut Option<u64>) -> Result<(), Trouble> {
        let address = self.source.address(*stale).await?;
        let asked = self.source.get(&address, None);
        let mut body = self.body(asked.await, &address, stale)?;
        let size = self.source.size();
        let mut offset = 0;
        while offset < size {
            let bytes = self.next(&mut body).await?;
            let end = size.min(offset + bytes.len() as u64);
            let parts = self.work.ledger().claim_within(&(offset..end));
            for range in parts {
                // Both ends lie within the bytes at hand, whose length is a usize.
                let slice = bytes.slice((range.start - offset) as usize..(range.end - offset) as usize);
                let mut claim = Claim {
                    work: &self.work,
                    range,
                };
                self.hand_on(&mut claim.range, slice).await;
            }
            offset = end;
        }
        Ok(())
    }

    /// Begins to read an answer, or remembers that its address has expired, so that the next try asks for another.
    fn body(
        &self,
        answer: Result<Response, Trouble>,
        address: &Address,
        stale: &mut Option<u64>,
    ) -> Result<Body, Trouble> {
        if let Err(Trouble::StaleAddress(_)) = &answer {
            *stale = Some(address.serial);
        }
        answer.map(|response| Body {
            response,
            patience: self.stall,
            came: 0,
        })
    }

    /// The next bytes from the network. Only time spent in here counts as a stall, and not the time in which the
    /// bandwidth limit or the disk held us up.
    async fn next(&self, body: &mut Body) -> Result<bytes::Bytes, Trouble> {
        let begun = Instant::now();
        match timeout(body.patience, body.response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                body.patience = body.patience.saturating_sub(begun.elapsed());
                body.came += bytes.len() as u64;
                if body.came >= LEAST_IN_TIME {
                    body.patience = self.stall;
                    body.came = 0;
                }
                Ok(bytes)
            }
            Ok(Ok(None)) => Err(self.passing("the server ended the connection early")),
            Ok(Err(error)) => Err(self.source.broken(&error)),
            Err(_elapsed) => {
                let detail = format!("as good as nothing came for {} s", self.stall.as_secs_f32());
                Err(self.passing(&detail))
            }
        }
    }

    /// Gives bytes to the writer; the range's start moves with them.
    async fn hand_on(&self, range: &mut Range<u64>, mut bytes: bytes::Bytes) {
        self.bandwidth.take(bytes.len() as u64).await;
        while !bytes.is_empty() {
            let bytes = bytes.split_to(bytes.len().min(MOST_AT_ONCE));
            let length = bytes.len() as u64;
            self.work.allow(length).await;
            let piece = Piece {
                offset: range.start,
                bytes,
            };
            if self.pieces.send(piece).await.is_err() {
                // The writer has failed and noted why, and this connection is about to be stopped.
                std::future::pending::<()>().await;
            }
            range.start += length;
        }
    }

    fn interrupted(&self, detail: &str) -> TransferError {
        TransferError::Interrupted {
            path: self.source.path().to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn passing(&self, detail: &str) -> Trouble {
        Trouble::Passing {
            error: self.interrupted(detail),
            wait: None,
        }
    }
}

/// An answer that is being read.
struct Body {
    response: Response,
    /// How long the network may still bring next to nothing.
    patience: Duration,
    /// Bytes since that was set anew.
    came: u64,
}

/// Bytes that this connection alone fetches. What is left of them is given back, however it ends.
struct Claim<'a> {
    work: &'a Work,
    range: Range<u64>,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.work.ledger().release(self.range.clone());
    }
}
