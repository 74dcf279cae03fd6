//! A Hub worth looking around in: a dozen models, some of which chat.

mod models;
mod shelf;

use std::io;
use std::path::{Path, PathBuf};

use hearth_fixtures::FixtureError;
use serde_json::{Value, json};

use crate::FakeHub;
use shelf::Entry;

/// Why the demonstration could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A model could not be made.
    #[error(transparent)]
    Model(#[from] FixtureError),
    /// A file could not be read or written.
    #[error("the demonstration could not be laid out: {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl FakeHub {
    /// The token of the account `guest` in the demonstration.
    pub const DEMO_TOKEN: &str = "hf_demonstration";

    /// Fills the Hub with a pleasant catalogue: models that chat, in several quantisations and over
    /// several files, a pair of one vocabulary, one behind terms that are accepted on its page, one
    /// as safetensors and as UQFF too, some that the engine cannot run, and some that are there only for their
    /// size. `bard` is the file of the built-in model; the others are written into `folder`, anew if
    /// they are there, with a `suggestions.json` in the form of Hearth's own `models/suggestions.json`.
    /// Takes some seconds, and blocks.
    ///
    /// # Errors
    /// When the folder cannot be written to, or `bard` cannot be read.
    pub fn demo(&self, folder: &Path, bard: &Path) -> Result<(), DemoError> {
        let entries = shelf::entries(folder, bard)?;
        let suggestions = json!({
            "about": "Models of the demonstration that run anywhere.",
            "models": entries.iter().filter_map(Entry::suggestion).collect::<Vec<Value>>(),
        });
        let path = folder.join("suggestions.json");
        std::fs::write(&path, suggestions.to_string()).map_err(|source| DemoError::File { path, source })?;
        self.account("guest", Self::DEMO_TOKEN);
        for entry in entries {
            entry.put_on(self);
        }
        Ok(())
    }
}
