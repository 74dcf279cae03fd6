//! One hash over the names and contents of files, to tell whether anything changed since last time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Every file under a folder (or the file itself), sorted, without the folders of the given names.
/// A path that does not exist holds none.
pub fn files(start: &Path, skip: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(start, skip, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(path: &Path, skip: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot look at {}", path.display())),
    };
    if kind.is_file() {
        found.push(path.to_path_buf());
    } else if kind.is_dir() {
        let entries = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
            if !skip.iter().any(|name| entry.file_name() == *name) {
                collect(&entry.path(), skip, found)?;
            }
        }
    }
    Ok(())
}

/// The hash of the files' names (relative to `root`, so the same in every clone) and contents.
pub fn hash(root: &Path, files: &[PathBuf]) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files {
        let name = file
            .strip_prefix(root)
            .unwrap_or(file)
            .to_string_lossy()
            .replace('\\', "/");
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        // Lengths between the parts, so that no two lists of files run together to the same bytes.
        hasher.update(name.len().to_le_bytes());
        hasher.update(name);
        hasher.update(content.len().to_le_bytes());
        hasher.update(content);
    }
    Ok(format!("{:x}", hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(folder: &Path) -> String {
        hash(folder, &files(folder, &["node_modules"]).unwrap()).unwrap()
    }

    #[test]
    fn two_folders_with_the_same_files_hash_alike() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &other] {
            fs::create_dir(folder.path().join("src")).unwrap();
            fs::write(folder.path().join("src/lib.rs"), "pub fn f() {}").unwrap();
        }
        assert_eq!(hash_of(one.path()), hash_of(other.path()));
    }

    #[test]
    fn a_changed_byte_a_new_name_and_a_moved_boundary_each_change_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "xy").unwrap();
        let first = hash_of(folder.path());
        fs::write(folder.path().join("a"), "xz").unwrap();
        let changed = hash_of(folder.path());
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        let renamed = hash_of(folder.path());
        fs::write(folder.path().join("b"), "x").unwrap();
        fs::write(folder.path().join("c"), "z").unwrap();
        let split = hash_of(folder.path());
        let all = std::collections::BTreeSet::from([first, changed, renamed, split]);
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn skipped_folders_and_missing_ones_hold_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("node_modules")).unwrap();
        fs::write(folder.path().join("node_modules/x.js"), "1").unwrap();
        assert_eq!(
            files(folder.path(), &["node_modules"]).unwrap(),
            Vec::<PathBuf>::new()
        );
        assert_eq!(
            files(&folder.path().join("absent"), &[]).unwrap(),
            Vec::<PathBuf>::new()
        );
    }
}
