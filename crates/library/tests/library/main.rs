//! Models on disk, on real folders.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod copies;
mod deleting;
mod deleting_properties;
mod elsewhere;
mod hashing;
mod hostile;

use std::fs;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use hearth_library::{Found, Roots};

/// Writes a file and its folders.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes what begins like a GGUF file and has this many bytes.
fn gguf(path: &Path, bytes: usize) {
    let mut content = b"GGUF".to_vec();
    content.resize(bytes, 7);
    write(path, content);
}

/// A hash that looks real.
fn hash(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|model| model.name.as_str()).collect()
}

fn ollama(folder: &Path) -> Roots {
    Roots {
        ollama: vec![folder.to_path_buf()],
        ..Roots::default()
    }
}

/// A Hub cache as huggingface_hub writes it, where the system has links.
#[cfg(unix)]
struct Cache {
    folder: tempfile::TempDir,
}

#[cfg(unix)]
impl Cache {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("hub")
    }

    fn repo(&self) -> PathBuf {
        self.root().join("models--org--tea")
    }

    fn blob(&self, sha256: &str, bytes: usize) -> PathBuf {
        let path = self.repo().join("blobs").join(sha256);
        gguf(&path, bytes);
        path
    }

    /// Links a name in a snapshot to a blob.
    fn link(&self, commit: &str, name: &str, sha256: &str) -> PathBuf {
        let path = self.repo().join("snapshots").join(commit).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let up = "../".repeat(2 + Path::new(name).components().count() - 1);
        std::os::unix::fs::symlink(format!("{up}blobs/{sha256}"), &path).unwrap();
        assert!(path.exists(), "the link leads to the blob");
        path
    }

    fn branch(&self, name: &str, commit: &str) -> PathBuf {
        let path = self.repo().join("refs").join(name);
        write(&path, commit);
        path
    }
}
