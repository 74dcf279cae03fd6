//! A model that was found on this computer.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use hearth_gguf::{ShardName, shard_name};

/// The program that a model was found with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// Jan.
    Jan,
    /// The Hugging Face cache, which many programs share.
    HfCache,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ollama => "Ollama",
            Self::LmStudio => "LM Studio",
            Self::Jan => "Jan",
            Self::HfCache => "Hugging Face cache",
        })
    }
}

/// A model that another program holds: a GGUF file, or all shards of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The program.
    pub owner: Owner,
    /// What the program calls it.
    pub name: String,
    /// The repo on the Hub that it comes from, "org/name", as far as the program's folders say so.
    pub repo: Option<String>,
    /// A GGUF file or its shards in their order; never empty.
    pub files: Vec<FoundFile>,
}

/// One file of a model that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is. Ollama's files have no extension.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// What the program says that it hashes to, in lower-case hexadecimal; nothing was hashed for it.
    pub sha256: Option<String>,
}

impl Found {
    /// The file that is opened: the only one, or the first shard.
    pub fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
    }

    /// What its files take together, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| file.size_bytes.saturating_add(sum))
    }
}

/// The files of the model that begins with `first`, with what `sha256` knows of each; none where it is no GGUF file,
/// is a later shard, or one of its shards is missing.
pub(crate) fn files_from(first: &Path, sha256: impl Fn(&Path) -> Option<String>) -> Option<Vec<FoundFile>> {
    let name = first.file_name().and_then(|name| name.to_str());
    let mut files = Vec::new();
    match name.and_then(|name| Some((name, ShardName::parse(name)?))) {
        Some((_, shard)) if shard.number != 1 => return None,
        Some((name, shard)) => {
            for index in 0..shard.count {
                let Some(size_and_path) = shard_name(name, index, shard.count)
                    .map(|name| first.with_file_name(name))
                    .and_then(|path| Some((gguf_size(&path)?, path)))
                else {
                    tracing::info!(path = %first.display(), missing = index + 1, "not a whole model");
                    return None;
                };
                files.push(size_and_path);
            }
        }
        None => files.push((gguf_size(first)?, first.to_path_buf())),
    }
    let files = files.into_iter().map(|(size_bytes, path)| FoundFile {
        sha256: sha256(&path),
        path,
        size_bytes,
    });
    Some(files.collect())
}

/// The size in bytes of a file that begins like a GGUF file; none of any other.
fn gguf_size(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() {
        return None;
    }
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if let Err(error) = read {
        tracing::warn!(path = %path.display(), %error, "passed over");
        return None;
    }
    (&magic == b"GGUF").then_some(metadata.len())
}

/// A SHA-256 as other programs write it; none where it is something else.
pub(crate) fn hash(text: &str) -> Option<String> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}
