//! A file's path inside a repository.

use serde::{Deserialize, Serialize};

use super::{NameKind, name, refuse};
use crate::HubError;

/// A file inside a repository: relative, with `/` between its parts, and safe to make on every system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

/// Bytes of one part: what ext4, APFS and NTFS take.
const LONGEST_PART: usize = 255;
const LONGEST_PATH: usize = 1024;
const MOST_PARTS: usize = 32;

/// Windows takes these for devices, with any extension.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

impl RepoPath {
    /// Parses a path as the Hub writes it.
    ///
    /// # Errors
    /// [`HubError::BadName`].
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let bad = |problem| Err(refuse(NameKind::File, text, problem));
        if text.is_empty() || text.len() > LONGEST_PATH {
            return bad("it has 1 to 1,024 bytes");
        }
        if text
            .chars()
            .any(|letter| letter.is_control() || "\\:*?\"<>|".contains(letter))
        {
            return bad("it holds a character that not every system allows in a file name");
        }
        if text.split('/').count() > MOST_PARTS {
            return bad("it lies in too many folders");
        }
        for part in text.split('/') {
            if part.is_empty() || part == "." || part == ".." {
                return bad("it must stay inside its model's folder");
            }
            if part.len() > LONGEST_PART {
                return bad("a folder or file in it has more than 255 bytes");
            }
            if part.ends_with(['.', ' ']) || is_device(part) {
                return bad("Windows keeps this name for itself");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The last part: the file's own name.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path's parts, outermost folder first.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

fn is_device(part: &str) -> bool {
    let stem = part
        .split('.')
        .next()
        .unwrap_or(part)
        .trim_end()
        .to_ascii_lowercase();
    let numbered = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| matches!(rest, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"))
    };
    DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt")
}

name!(RepoPath);
