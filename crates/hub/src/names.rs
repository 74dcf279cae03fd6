//! Names that come from the Hub or from a person, parsed before they become part of a URL or of a path on disk.

mod path;
mod repo;
mod revision;

pub use path::RepoPath;
pub use repo::RepoId;
pub use revision::{Commit, Revision};

use crate::HubError;

/// What a name is the name of, for the sentence that refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A repository, such as `Qwen/Qwen3-8B-GGUF`.
    Repo,
    /// A file inside a repository.
    File,
    /// A branch, tag or commit.
    Revision,
}

impl std::fmt::Display for NameKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Repo => "model name",
            Self::File => "file name",
            Self::Revision => "version name",
        })
    }
}

/// Characters of a refused name that are shown: enough to recognise it, too few to flood a window.
const SHOWN: usize = 60;

fn refuse(kind: NameKind, name: &str, problem: &str) -> HubError {
    let mut shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    HubError::BadName {
        kind,
        name: shown,
        problem: problem.to_owned(),
    }
}

/// Gives a validated name what every such name has: text out, and parsing on the way in through serde.
macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::HubError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::HubError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
use name;
