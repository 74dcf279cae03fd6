//! Branches, tags and commits.

use serde::{Deserialize, Serialize};

use super::{NameKind, name, refuse};
use crate::HubError;

/// A commit: 40 lower-case hexadecimal digits. What a commit holds never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Commit(String);

/// A branch, tag or commit; what a branch points at changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Revision(String);

/// As git itself limits a reference on most file systems.
const LONGEST_REVISION: usize = 255;

impl Commit {
    /// Parses a commit's full hash.
    ///
    /// # Errors
    /// [`HubError::BadName`].
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 40 && text.bytes().all(hexadecimal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(refuse(
                NameKind::Revision,
                text,
                "a commit has 40 hexadecimal digits",
            ))
        }
    }
}

impl Revision {
    /// Parses a branch's, tag's or commit's name.
    ///
    /// # Errors
    /// [`HubError::BadName`].
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let bad = |problem| Err(refuse(NameKind::Revision, text, problem));
        if text.is_empty() || text.len() > LONGEST_REVISION {
            return bad("it has 1 to 255 bytes");
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte))
        {
            return bad("it may hold letters, digits, `-`, `_`, `.`, `+` and `/`");
        }
        // Also what keeps it inside the cache's `refs` folder.
        if text
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.') || part.contains(".."))
        {
            return bad("its parts may not be empty, begin with `.` or hold `..`");
        }
        Ok(Self(text.to_owned()))
    }

    /// The branch that every repository has.
    pub fn main() -> Self {
        Self("main".to_owned())
    }
}

impl From<Commit> for Revision {
    fn from(commit: Commit) -> Self {
        Self(commit.0)
    }
}

name!(Commit);
name!(Revision);
