//! Walks through folders that are not ours.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// How many folders and files are looked at before it is enough.
const ENTRIES: usize = 10_000;
/// How deep. The deepest layout known here, Jan's, has its files at five.
const DEPTH: usize = 8;

/// A walk through the folders of one program, with one bound for all of them.
pub(crate) struct Walk {
    left: usize,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self { left: ENTRIES }
    }

    /// The regular files below a folder whose names are wanted, in the order of their paths. Links are followed but
    /// not round in circles; what cannot be read, and what is hidden, is passed over.
    pub(crate) fn files(&mut self, root: &Path, wanted: impl Fn(&OsStr) -> bool) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let entries = WalkDir::new(root)
            .follow_links(true)
            .max_depth(DEPTH)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
        for entry in entries {
            if self.left == 0 {
                tracing::warn!(root = %root.display(), "not all of this folder was looked through: it holds too much");
                break;
            }
            self.left -= 1;
            match entry {
                Ok(entry) if entry.file_type().is_file() && wanted(entry.file_name()) => {
                    files.push(entry.into_path());
                }
                Ok(_) => {}
                // The program is not installed.
                Err(error) if error.depth() == 0 => {
                    tracing::debug!(root = %root.display(), %error, "not looked through");
                }
                Err(error) => tracing::warn!(root = %root.display(), %error, "passed over"),
            }
        }
        files.sort();
        files
    }
}

/// Whether a name is a GGUF model's. Companions of models that are no models themselves are left out.
pub(crate) fn is_model_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_lowercase();
    name.ends_with(".gguf") && !name.contains("mmproj") && !name.contains("imatrix")
}

/// macOS also leaves such names beside every file on a foreign disk.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
