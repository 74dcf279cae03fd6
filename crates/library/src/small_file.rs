//! Another program's settings and descriptions: small, or not what they should be.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest that is read, in bytes. Ollama's manifests and the settings read here are a few kB.
const LIMIT: u64 = 1 << 20;

/// The text of a small file.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    // Asked first, because opening a pipe waits for somebody to write into it.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return Err(io::Error::other("it is no small file"));
    }
    let mut text = String::new();
    // It may have grown since.
    File::open(path)?.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}

/// A text at the top level of a small JSON file; none where there is no such file, or it says something else.
pub(crate) fn json_text(path: &Path, key: &str) -> Option<String> {
    let text = read(path).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .inspect_err(|error| tracing::warn!(path = %path.display(), %error, "not read: it is no JSON"))
        .ok()?;
    Some(value.get(key)?.as_str()?.to_owned())
}
