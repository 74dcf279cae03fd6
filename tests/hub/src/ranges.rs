//! The bytes of a file, or the range of them that was asked for.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, IF_RANGE,
    RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::Stream;

use crate::content::Content;
use crate::fault::Fault;
use crate::refusal::Refusal;

/// A file and how it is to be given.
pub(crate) struct Serving<'a> {
    pub content: Content,
    /// In quotation marks.
    pub etag: String,
    pub media_type: &'static str,
    /// Of the request.
    pub headers: &'a HeaderMap,
    /// Bytes above which the file is only given in ranges.
    pub largest_whole: u64,
    pub fault: Option<Fault>,
}

/// The one range of a Range header, as RFC 9110 section 14.1.2 has it: first byte and the byte after
/// the last, within a file of `size` bytes. `Err` when no byte of it is in the file, `None` when the
/// header is not understood and so does not count.
pub(crate) fn parse(header: &str, size: u64) -> Option<Result<Range<u64>, ()>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.parse::<u64>().ok();
    let range = match (first, last) {
        ("", suffix) => {
            let length = number(suffix)?;
            size.saturating_sub(length)..if length == 0 { 0 } else { size }
        }
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if range.is_empty() { Err(()) } else { Ok(range) })
}

impl Serving<'_> {
    fn header(&self, name: axum::http::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// 200, 206, 304, 400 or 416.
    pub fn reply(self) -> Response {
        let size = self.content.size();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(ETAG, etag);
        }
        if self.header(IF_NONE_MATCH).is_some_and(|known| known == self.etag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let asked = self.header(RANGE).and_then(|header| parse(header, size));
        if asked.is_none() && size > self.largest_whole {
            return Refusal::bad_request("The file is too large to be given whole: ask for a range of it.")
                .into_response();
        }
        // A range of another version than the one that is here is answered with all that is here.
        let same_version = self.header(IF_RANGE).is_none_or(|known| known == self.etag);
        let ranged = asked.filter(|_| same_version && self.fault != Some(Fault::IgnoreRange));
        let (status, range) = match ranged {
            None => (StatusCode::OK, 0..size),
            Some(Err(())) => {
                let all = HeaderValue::try_from(format!("bytes */{size}"));
                headers.extend(all.map(|all| (CONTENT_RANGE, all)));
                return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
            }
            Some(Ok(range)) => (StatusCode::PARTIAL_CONTENT, self.shifted(range, size)),
        };
        if status == StatusCode::PARTIAL_CONTENT {
            let total = size + u64::from(self.fault == Some(Fault::WrongTotal));
            let told = HeaderValue::try_from(format!("bytes {}-{}/{total}", range.start, range.end - 1));
            headers.extend(told.map(|told| (CONTENT_RANGE, told)));
        }
        headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
        let bad_byte = match self.fault {
            Some(Fault::BadByte { at }) => Some(at),
            _ => None,
        };
        let body = Body::from_stream(bytes_of(self.content, range, bad_byte));
        (status, headers, body).into_response()
    }

    /// The range that is given for the one that was asked for.
    fn shifted(&self, range: Range<u64>, size: u64) -> Range<u64> {
        match self.fault {
            Some(Fault::OtherRange) if range.end < size => range.start + 1..range.end + 1,
            Some(Fault::OtherRange) if range.start > 0 => range.start - 1..range.end - 1,
            _ => range,
        }
    }
}

fn bytes_of(
    content: Content,
    range: Range<u64>,
    bad_byte: Option<u64>,
) -> impl Stream<Item = std::io::Result<bytes::Bytes>> {
    futures::stream::try_unfold((content, range.start), move |(content, at)| async move {
        if at >= range.end {
            return Ok(None);
        }
        let mut piece = content.piece_soon(at, range.end).await?;
        let next = at + piece.len() as u64;
        if let Some(place) = bad_byte.filter(|place| (at..next).contains(place)) {
            let mut spoilt = piece.to_vec();
            spoilt[(place - at) as usize] ^= 0x40;
            piece = spoilt.into();
        }
        Ok(Some((piece, (content, next))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(parse("bytes=0-0", 10), Some(Ok(0..1)));
        assert_eq!(parse("bytes=2-5", 10), Some(Ok(2..6)));
        assert_eq!(parse("bytes=2-99", 10), Some(Ok(2..10)));
        assert_eq!(parse("bytes=9-", 10), Some(Ok(9..10)));
        assert_eq!(parse("bytes=-3", 10), Some(Ok(7..10)));
        assert_eq!(parse("bytes=-30", 10), Some(Ok(0..10)));
        assert_eq!(parse("bytes=10-", 10), Some(Err(())));
        assert_eq!(parse("bytes=10-11", 10), Some(Err(())));
        assert_eq!(parse("bytes=-0", 10), Some(Err(())));
        assert_eq!(parse("bytes=0-", 0), Some(Err(())));
        for nonsense in [
            "bytes=5-2",
            "bytes=a-b",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=--1",
            "",
        ] {
            assert_eq!(parse(nonsense, 10), None, "{nonsense}");
        }
        assert_eq!(
            parse("bytes=0-18446744073709551615", u64::MAX),
            Some(Ok(0..u64::MAX))
        );
    }
}
