//! Little-endian values off a byte stream, each within a limit.

use std::io::{ErrorKind, Read};

use crate::GgufError;

/// Longest string that is kept: chat templates reach some 100 kB.
const LONGEST_STRING: u64 = 4 << 20;

/// A byte stream that knows how far it has been read.
pub(crate) struct Reader<R> {
    inner: R,
    at: u64,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, at: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut out = [0; N];
        self.fill(&mut out)?;
        Ok(out)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, GgufError> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, GgufError> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// A string, its length first. Bytes that are not UTF-8 are replaced: a name is shown, never trusted.
    pub(crate) fn string(&mut self) -> Result<String, GgufError> {
        let length = self.u64()?;
        if length > LONGEST_STRING {
            return Err(GgufError::Damaged(format!("a text of {length} bytes")));
        }
        let mut out = vec![0; length as usize];
        self.fill(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// Reads past `count` bytes without keeping them.
    pub(crate) fn skip(&mut self, count: u64) -> Result<(), GgufError> {
        let copied = std::io::copy(&mut self.inner.by_ref().take(count), &mut std::io::sink())?;
        self.at = self.at.saturating_add(copied);
        if copied < count {
            Err(GgufError::TruncatedHeader(self.at))
        } else {
            Ok(())
        }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), GgufError> {
        match self.inner.read_exact(out) {
            Ok(()) => {
                self.at += out.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Err(GgufError::TruncatedHeader(self.at))
            }
            Err(error) => Err(error.into()),
        }
    }
}
