//! The model card: its publisher's description, in Markdown.

use std::time::Duration;

use crate::pages::Page;
use crate::refusal::Asked;
use crate::request::{Get, Wanted, is_page};
use crate::tls::host;
use crate::{Commit, Hub, HubError, RepoId, RepoPath};

const LONGEST_CARD: u64 = 1 << 20;
/// What a commit holds never changes.
const FOR_EVER: Duration = Duration::MAX;

impl Hub {
    /// The card at a commit, without its YAML head; empty where there is none.
    ///
    /// # Errors
    /// [`HubError::TooLarge`] beyond 1 MiB, and whatever keeps the Hub from answering.
    pub async fn card(&self, id: &RepoId, commit: &Commit) -> Result<String, HubError> {
        let url = self.url([id.owner(), id.name(), "raw", commit.as_str(), "README.md"]);
        let fetch = async {
            let get = Get {
                url: url.clone(),
                body: Wanted::Whole(LONGEST_CARD),
                asked: Asked {
                    repo: Some(id.clone()),
                    revision: Some(commit.clone().into()),
                    path: RepoPath::parse("README.md").ok(),
                },
                token: None,
            };
            match self.ask(&get).await {
                Ok(answer) if is_page(&answer.headers) => Err(HubError::NotJson { host: host(&url) }),
                Ok(answer) => Ok(without_head(&String::from_utf8_lossy(&answer.body)).to_owned()),
                Err(HubError::EntryNotFound { .. }) => Ok(String::new()),
                Err(error) => Err(error),
            }
        };
        let Page { value, .. } = self.page(&format!("card {url}"), FOR_EVER, fetch).await?;
        Ok(value)
    }
}

/// What follows a head between two lines of `---`; all of it where the second is missing.
fn without_head(card: &str) -> &str {
    let card = card.trim_start_matches('\u{feff}');
    let mut lines = card.split_inclusive('\n');
    let mut length = match lines.next() {
        Some(line) if line.trim_end() == "---" => line.len(),
        _ => return card,
    };
    for line in lines {
        length += line.len();
        if line.trim_end() == "---" {
            return card.get(length..).unwrap_or_default().trim_start();
        }
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_left_out_and_nothing_else() {
        assert_eq!(
            without_head("---\nlicense: mit\n---\n\n# Bard\n---\nmore"),
            "# Bard\n---\nmore"
        );
        assert_eq!(without_head("---\r\nlicense: mit\r\n---\r\n# Bard"), "# Bard");
        assert_eq!(without_head("# Bard\n\n---\n"), "# Bard\n\n---\n");
        assert_eq!(without_head("---\nnever closed"), "---\nnever closed");
        assert_eq!(without_head("---\nonly: head\n---"), "");
        assert_eq!(without_head(""), "");
    }
}
