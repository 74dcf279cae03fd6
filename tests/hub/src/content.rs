//! What a file of a repo holds: bytes, a file on disk, or bytes made up as they are asked for.

use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Bytes that one piece of a disk file or of a made-up file holds at most.
const PIECE: u64 = 256 * 1024;
static ZEROS: [u8; PIECE as usize] = [0; PIECE as usize];
/// Distinct places at which a piece of a made-up file can begin in the noise. A power of two.
const STARTS: u64 = 1 << 20;

/// What a file holds. Cheap to clone; its hashes are computed once, when somebody first asks.
#[derive(Clone)]
pub struct Content(Arc<Inner>);

struct Inner {
    source: Source,
    size: u64,
    hashes: OnceLock<Hashes>,
}

enum Source {
    Memory(Bytes),
    Disk(PathBuf),
    /// Noise of `STARTS + PIECE` bytes. Piece number `n` of the file is a window into it, and no two
    /// pieces of the first 256 GiB have the same window: nothing is computed or copied per byte, and
    /// a piece that lands in the wrong place is seen.
    Generated {
        noise: Bytes,
    },
    /// These bytes and then zeros.
    Hollow {
        head: Bytes,
    },
}

/// The names that the Hub has for some bytes, all in lower-case hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub sha256: String,
    /// The sha1 that git gives to a blob of these bytes.
    pub git: String,
    /// The name in the Hub's chunk store: unlike the sha256, and the ETag of the CDN.
    pub xet: String,
}

impl Content {
    /// A file on this computer's disk, read whenever it is served. It must not change meanwhile.
    ///
    /// # Errors
    /// When it is not there or cannot be asked for its size.
    pub fn path(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let size = std::fs::metadata(&path)?.len();
        Ok(Self::new(Source::Disk(path), size))
    }

    /// `size` bytes that depend on `seed` alone, made up as fast as memory can be read.
    pub fn generated(size: u64, seed: u64) -> Self {
        let mut state = seed;
        let noise: Vec<u8> = (0..(STARTS + PIECE) / 8)
            .flat_map(|_| splitmix(&mut state).to_le_bytes())
            .collect();
        Self::new(Source::Generated { noise: noise.into() }, size)
    }

    /// A file too large to be worth making: `head`, then zeros up to `size`. The sums that are told of
    /// it are made up, so a download of it is found damaged once it is whole.
    pub(crate) fn hollow(head: Vec<u8>, size: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&head);
        let beginning = hasher.finish();
        let sum = |what: &str| hex(&Sha256::digest(format!("{what} {size} {beginning}")));
        let hashes = Hashes {
            sha256: sum("bytes"),
            git: sum("blob")[..40].to_owned(),
            xet: sum("chunks"),
        };
        let content = Self::new(Source::Hollow { head: head.into() }, size);
        content.0.hashes.get_or_init(|| hashes);
        content
    }

    fn new(source: Source, size: u64) -> Self {
        Self(Arc::new(Inner {
            source,
            size,
            hashes: OnceLock::new(),
        }))
    }

    /// Bytes of the whole file.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The sha256 of the whole file in lower-case hexadecimal. Reads all of it the first time.
    ///
    /// # Errors
    /// When a file on disk cannot be read any more.
    pub fn sha256(&self) -> io::Result<String> {
        Ok(self.hashes()?.sha256.clone())
    }

    /// The bytes from `start` on, `length` of them or fewer at the end of the file.
    ///
    /// # Errors
    /// When a file on disk cannot be read any more.
    pub fn read(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let end = start.saturating_add(length).min(self.size());
        let mut bytes = Vec::new();
        while start + (bytes.len() as u64) < end {
            let at = start + bytes.len() as u64;
            bytes.extend_from_slice(&self.piece(at, end)?);
        }
        Ok(bytes)
    }

    pub(crate) fn hashes(&self) -> io::Result<&Hashes> {
        if let Some(hashes) = self.0.hashes.get() {
            return Ok(hashes);
        }
        let mut sha256 = Sha256::new();
        let mut git = Sha1::new();
        git.update(format!("blob {}\0", self.size()));
        // Large files are never git blobs themselves; what git holds of them is a pointer.
        let in_git = self.size() <= crate::catalogue::LARGEST_IN_GIT;
        let mut at = 0;
        while at < self.size() {
            let piece = self.piece(at, self.size())?;
            sha256.update(&piece);
            if in_git {
                git.update(&piece);
            }
            at += piece.len() as u64;
        }
        let sha256 = hex(&sha256.finalize());
        let xet = hex(&Sha256::digest(format!("chunks of {sha256}")));
        Ok(self.0.hashes.get_or_init(|| Hashes {
            sha256,
            git: hex(&git.finalize()),
            xet,
        }))
    }

    /// Some bytes from `start` on, at least one and none at or after `end`, which is within the file.
    pub(crate) fn piece(&self, start: u64, end: u64) -> io::Result<Bytes> {
        let within = start % PIECE;
        let length = (end - start).min(PIECE - within);
        match &self.0.source {
            Source::Memory(bytes) => Ok(bytes.slice(start as usize..end as usize)),
            Source::Generated { noise } => {
                // An odd factor visits every start once before it visits one again.
                let window = (start / PIECE).wrapping_mul(0x9E37_79B1) % STARTS;
                let from = (window + within) as usize;
                Ok(noise.slice(from..from + length as usize))
            }
            Source::Hollow { head } if start < head.len() as u64 => {
                Ok(head.slice(start as usize..end.min(head.len() as u64) as usize))
            }
            Source::Hollow { .. } => Ok(Bytes::from_static(&ZEROS[..length as usize])),
            Source::Disk(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(start))?;
                let mut bytes = vec![0; length as usize];
                file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }

    /// [`Content::piece`] for those who must not wait for a disk.
    pub(crate) async fn piece_soon(&self, start: u64, end: u64) -> io::Result<Bytes> {
        match self.0.source {
            Source::Disk(_) => {
                let content = self.clone();
                tokio::task::spawn_blocking(move || content.piece(start, end)).await?
            }
            _ => self.piece(start, end),
        }
    }

    /// [`Content::hashes`] for those who must not wait for a whole file to be hashed.
    pub(crate) async fn hashes_soon(&self) -> io::Result<Hashes> {
        if let Some(hashes) = self.0.hashes.get() {
            return Ok(hashes.clone());
        }
        let content = self.clone();
        tokio::task::spawn_blocking(move || content.hashes().cloned()).await?
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self::new(Source::Memory(bytes.into()), size)
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.size())
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The next number of Sebastiano Vigna's splitmix64.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_made_up_file_reads_the_same_from_anywhere() {
        let content = Content::generated(3 * PIECE + 77, 5);
        let whole = content.read(0, u64::MAX).unwrap();
        assert_eq!(whole.len() as u64, content.size());
        for (start, length) in [(0, 1), (PIECE - 1, 2), (100, 2 * PIECE), (3 * PIECE, 1000)] {
            let end = (start + length).min(content.size());
            assert_eq!(
                content.read(start, length).unwrap(),
                whole[start as usize..end as usize]
            );
        }
        assert_eq!(content.read(content.size(), 10).unwrap(), b"");
        assert_ne!(
            Content::generated(3 * PIECE + 77, 6).sha256().unwrap(),
            content.sha256().unwrap()
        );
    }

    #[test]
    fn no_two_pieces_of_a_made_up_file_are_alike() {
        let content = Content::generated(1 << 40, 1);
        let starts: HashSet<_> = (0..4096u64)
            .map(|piece| content.read(piece * PIECE, 32).unwrap())
            .collect();
        assert_eq!(starts.len(), 4096);
    }

    #[test]
    fn a_hollow_file_begins_as_it_should_and_goes_on_with_zeros() {
        let content = Content::hollow(b"GGUF".to_vec(), 40_000_000_000);
        assert_eq!(content.read(2, 4).unwrap(), b"UF\0\0");
        assert_eq!(content.read(39_999_999_998, 10).unwrap(), [0; 2]);
        assert_eq!(content.sha256().unwrap().len(), 64);
        let other = Content::hollow(b"GGML".to_vec(), 40_000_000_000);
        assert_ne!(content.sha256().unwrap(), other.sha256().unwrap());
    }

    #[test]
    fn the_hashes_are_those_of_git_and_sha256() {
        let content = Content::from("what is up, doc?");
        let hashes = content.hashes().unwrap();
        // From Pro Git, "Git Objects".
        assert_eq!(hashes.git, "bd9dbf5aae1a3862dd1526723246b20206e5fc37");
        assert_eq!(hashes.sha256, hex(&Sha256::digest("what is up, doc?")));
        assert_ne!(hashes.xet, hashes.sha256);
    }

    #[test]
    fn a_file_on_disk_is_served_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes = Content::generated(PIECE + 10, 1).read(0, u64::MAX).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let content = Content::path(&path).unwrap();
        assert_eq!(
            content.read(PIECE - 5, 10).unwrap(),
            bytes[PIECE as usize - 5..][..10]
        );
        std::fs::remove_file(&path).unwrap();
        assert!(content.sha256().is_err());
        assert!(Content::path(&path).is_err());
    }
}
