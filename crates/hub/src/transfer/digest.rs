//! What a file has to hash to, and the hashing.
//!
//! ring and not sha2: on a processor without SHA instructions, which many are, ring's vector code hashes twice as
//! many bytes a second, and hashing is what bounds a fast download there.

use std::fmt::Write as _;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::TransferError;

/// The checksum that a manifest promises. It is also the blob's name in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// Of a large file, which the Hub keeps in LFS or Xet: SHA-256 of its bytes.
    Sha256(String),
    /// Of a small file, which the Hub keeps in git: SHA-1 of `blob <size>\0` and its bytes.
    /// Source: <https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>
    GitBlob(String),
}

impl Checksum {
    /// Reads a manifest's promise: the SHA-256 where there is one, else an ETag that is a git hash.
    pub(crate) fn of(path: &str, sha256: Option<&str>, etag: &str) -> Result<Self, TransferError> {
        let hexadecimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match sha256 {
            Some(hash) if hash.len() == 64 && hexadecimal(hash) => Ok(Self::Sha256(hash.to_owned())),
            None if etag.len() == 40 && hexadecimal(etag) => Ok(Self::GitBlob(etag.to_owned())),
            _ => Err(TransferError::NoChecksum {
                path: path.to_owned(),
            }),
        }
    }

    /// The blob's name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Sha256(name) | Self::GitBlob(name) => name,
        }
    }

    /// Begins to hash a file of `size` bytes.
    pub(crate) fn hasher(&self, size: u64) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher(Context::new(&SHA256)),
            Self::GitBlob(_) => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {size}\0").as_bytes());
                Hasher(context)
            }
        }
    }
}

/// A hash in the making.
pub(crate) struct Hasher(Context);

impl Hasher {
    /// Adds the file's next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash in lower-case hexadecimal.
    pub(crate) fn finish(self) -> String {
        self.0
            .finish()
            .as_ref()
            .iter()
            .fold(String::new(), |mut text, byte| {
                // Writing into a String cannot fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_sha256sum_and_of_git() {
        let sha256 = Checksum::Sha256("a".repeat(64));
        let mut hasher = sha256.hasher(6);
        hasher.update(b"hello\n");
        assert_eq!(
            hasher.finish(),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
        );
        let git = Checksum::GitBlob("a".repeat(40));
        let mut hasher = git.hasher(6);
        hasher.update(b"hello\n");
        assert_eq!(hasher.finish(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_file_without_a_checksum_is_refused() {
        let etags = ["", "W/\"1\"", "../../etc/passwd", &"A".repeat(40)].map(str::to_owned);
        for etag in etags {
            assert!(Checksum::of("a.gguf", None, &etag).is_err(), "{etag}");
        }
        assert!(Checksum::of("a.gguf", Some("abc"), &"a".repeat(40)).is_err());
    }
}
