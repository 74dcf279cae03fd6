//! A repository's name.

use serde::{Deserialize, Serialize};

use super::{NameKind, name, refuse};
use crate::HubError;

/// A repository, `organisation/name`: letters, digits, `-`, `_` and `.`, as the Hub's own client checks it
/// (huggingface_hub, `validate_repo_id`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoId(String);

/// Characters of one part of the name: the Hub allows 96.
const LONGEST_PART: usize = 96;

impl RepoId {
    /// Parses `organisation/name`.
    ///
    /// # Errors
    /// [`HubError::BadName`].
    pub fn parse(text: &str) -> Result<Self, HubError> {
        let bad = |problem| Err(refuse(NameKind::Repo, text, problem));
        let Some((owner, name)) = text.split_once('/') else {
            return bad("it needs an organisation and a name with a `/` between them");
        };
        for part in [owner, name] {
            if part.is_empty() || part.len() > LONGEST_PART {
                return bad("each of its two parts has 1 to 96 characters");
            }
            if !part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            {
                return bad("it may hold letters, digits, `-`, `_` and `.`, and one `/`");
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) || part.contains("..") {
                return bad("its parts may not begin or end with `-` or `.`, nor hold `..`");
            }
        }
        // `--` stands for the `/` in the cache's folder names; two models must not share one folder.
        if text.contains("--") || name.ends_with(".git") {
            return bad("it may not hold `--` or end with `.git`");
        }
        Ok(Self(text.to_owned()))
    }

    /// The organisation or person.
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The name without its owner.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }
}

name!(RepoId);
