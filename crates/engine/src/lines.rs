//! Lines off a pipe, within a limit.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// What came off the pipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line without its end.
    Whole(Vec<u8>),
    /// More than the limit came without a line's end; nothing after it can be trusted.
    TooLong,
    /// The pipe is closed.
    End,
}

/// Reads to the next line's end, holding no more than `limit` bytes.
pub(crate) async fn next_line(pipe: &mut (impl AsyncBufRead + Unpin), limit: usize) -> std::io::Result<Line> {
    let mut line = Vec::new();
    loop {
        let chunk = pipe.fill_buf().await?;
        if chunk.is_empty() {
            return Ok(if line.is_empty() {
                Line::End
            } else {
                Line::Whole(line)
            });
        }
        let (part, whole) = match chunk.iter().position(|&byte| byte == b'\n') {
            Some(end) => (&chunk[..end], true),
            None => (chunk, false),
        };
        if line.len() + part.len() > limit {
            return Ok(Line::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(whole);
        pipe.consume(used);
        if whole {
            return Ok(Line::Whole(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_whole_and_the_last_needs_no_end() {
        let mut pipe = &b"one\ntwo\n\nthree"[..];
        for expected in ["one", "two", "", "three"] {
            assert_eq!(
                next_line(&mut pipe, 10).await.unwrap(),
                Line::Whole(expected.into())
            );
        }
        assert_eq!(next_line(&mut pipe, 10).await.unwrap(), Line::End);
    }

    #[tokio::test]
    async fn a_line_beyond_the_limit_is_refused() {
        let mut pipe = &b"0123456789\n01234567890\n"[..];
        assert_eq!(
            next_line(&mut pipe, 10).await.unwrap(),
            Line::Whole(b"0123456789".to_vec())
        );
        assert_eq!(next_line(&mut pipe, 10).await.unwrap(), Line::TooLong);
    }
}
