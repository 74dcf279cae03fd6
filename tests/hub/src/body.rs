//! Bodies as they go out: counted, slowed down, or cut.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use hyper::body::Body as _;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use tokio::time::Instant;

use crate::fault::Fault;
use crate::log::Entry;
use crate::wire::Ending;

/// Portions in a second, at least, when bandwidth is limited; what a portion was late may be caught up with the next.
const PORTIONS: u64 = 200;

/// A line of so many bytes a second.
struct Line {
    rate: u64,
    /// When the next portion may go.
    due: Instant,
}

impl Line {
    fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            due: Instant::now(),
        }
    }

    /// Waits for its turn, and tells how many bytes may go at once.
    async fn turn(&mut self) -> u64 {
        tokio::time::sleep_until(self.due).await;
        (self.rate / PORTIONS).max(1)
    }

    fn carried(&mut self, bytes: u64) {
        let late = Duration::from_secs(1) / PORTIONS as u32;
        let from = self.due.max(Instant::now() - late);
        self.due = from + Duration::from_secs_f64(bytes as f64 / self.rate as f64);
    }
}

/// What happens after the last byte that is sent.
#[derive(Clone, Copy, Debug)]
enum End {
    Finish,
    Close,
    Reset,
    Stall,
}

struct Pour {
    from: BodyDataStream,
    held: Bytes,
    sent: u64,
    /// Bytes to send at most, and what comes then.
    limit: u64,
    end: End,
    /// Bytes in a drop and the time before the next.
    drops: Option<(u64, Duration)>,
    line: Option<Line>,
    entry: Arc<Entry>,
    ending: Ending,
}

/// The same reply with a body that is counted, and that shows `fault` if it is one of a body.
pub(crate) fn pour(
    reply: Response,
    fault: Option<&Fault>,
    bandwidth: Option<u64>,
    entry: Arc<Entry>,
    ending: Ending,
) -> Response {
    let (mut head, body) = reply.into_parts();
    let told = |name: &HeaderValue| name.to_str().ok()?.parse::<u64>().ok();
    let length = head
        .headers
        .get(CONTENT_LENGTH)
        .and_then(told)
        .or_else(|| body.size_hint().exact());
    let (mut limit, mut end, mut drops) = (u64::MAX, End::Finish, None);
    let mut declared = length;
    match fault {
        Some(Fault::ShortBody { after }) => (limit, end) = (*after, End::Close),
        Some(Fault::Reset { after }) => (limit, end) = (*after, End::Reset),
        Some(Fault::Stall { after }) => (limit, end) = (*after, End::Stall),
        Some(Fault::Trickle { bytes, every }) => drops = Some(((*bytes).max(1), *every)),
        Some(Fault::ContentLength { off_by }) => {
            if let Some(length) = length {
                let wrong = length.saturating_add_signed(*off_by);
                declared = Some(wrong);
                (limit, end) = if wrong > length {
                    (length, End::Close)
                } else {
                    (wrong, End::Finish)
                };
            }
        }
        _ => {}
    }
    if let Some(declared) = declared {
        head.headers.insert(CONTENT_LENGTH, declared.into());
    }
    let pour = Pour {
        from: body.into_data_stream(),
        held: Bytes::new(),
        sent: 0,
        limit,
        end,
        drops,
        line: bandwidth.map(Line::new),
        entry,
        ending,
    };
    let stream = futures::stream::unfold(pour, |mut pour| async move {
        let portion = pour.next().await?;
        Some((portion, pour))
    });
    Response::from_parts(head, Body::from_stream(stream))
}

impl Pour {
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        if self.sent >= self.limit {
            match self.end {
                End::Finish => return None,
                End::Close => self.ending.close(),
                End::Reset => self.ending.reset(),
                End::Stall => {}
            }
            return pending().await;
        }
        if self.held.is_empty() {
            match self.from.next().await? {
                Ok(bytes) => self.held = bytes,
                Err(error) => return Some(Err(error)),
            }
        }
        let mut length = self.limit - self.sent;
        if let Some((bytes, every)) = self.drops {
            length = length.min(bytes);
            if self.sent > 0 {
                tokio::time::sleep(every).await;
            }
        }
        if let Some(line) = &mut self.line {
            length = length.min(line.turn().await);
        }
        let portion = self.held.split_to(length.min(self.held.len() as u64) as usize);
        self.sent += portion.len() as u64;
        if let Some(line) = &mut self.line {
            line.carried(portion.len() as u64);
        }
        self.entry
            .bytes_sent
            .fetch_add(portion.len() as u64, Ordering::Relaxed);
        Some(Ok(portion))
    }
}
