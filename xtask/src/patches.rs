//! Our changes to crates of the registry: `worker/patches/CRATE/*.patch`, applied to the crate's source as the registry
//! delivered it. The result lies in `worker/patched/CRATE`, which `worker/Cargo.toml` names and git ignores.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::Project;
use crate::{command, fingerprint};

/// In a patched crate: what it was made from.
const STAMP: &str = ".hearth-patched";

/// Brings every patched crate up to date; quick when all are.
///
/// # Errors
/// When the registry cannot be reached, or a patch does not fit the crate's source any more.
pub fn apply(project: &Project) -> Result<()> {
    let patches = project.worker().join("patches");
    let entries = fs::read_dir(&patches).with_context(|| format!("cannot list {}", patches.display()))?;
    for entry in entries {
        let folder = entry?.path();
        if folder.is_dir() {
            apply_to_crate(project, &folder)?;
        }
    }
    Ok(())
}

fn apply_to_crate(project: &Project, patches: &Path) -> Result<()> {
    let name = patches.file_name().unwrap_or_default().to_string_lossy();
    let files = fingerprint::files(patches, &[])?;
    let version = version_of(project, &name)?;
    let wanted = format!("{name} {version} {}", fingerprint::hash(&project.root, &files)?);
    let place = project.worker().join("patched").join(&*name);
    if fs::read_to_string(place.join(STAMP)).is_ok_and(|stamp| stamp == wanted) {
        return Ok(());
    }
    println!("Patching {name} {version}");
    let source = registry_source(project, &name, &version)?;
    let beside = place.with_extension("new");
    remove(&beside)?;
    copy(&source, &beside)?;
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "patch"))
    {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        apply_patch(&text, &beside).with_context(|| {
            format!(
                "{} does not fit {name} {version}: see its header for what it mends, and mend or remove it",
                file.display()
            )
        })?;
    }
    fs::write(beside.join(STAMP), wanted)?;
    // Its code is formatted as its authors format it.
    fs::write(beside.join("rustfmt.toml"), "disable_all_formatting = true\n")?;
    remove(&place)?;
    fs::rename(&beside, &place).with_context(|| format!("cannot replace {}", place.display()))
}

/// The version that the worker is locked to.
fn version_of(project: &Project, name: &str) -> Result<String> {
    let path = project.worker().join("Cargo.lock");
    let lock = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = lock.lines();
    lines
        .by_ref()
        .find(|line| *line == format!("name = \"{name}\""))
        .and_then(|_| lines.next()?.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .with_context(|| {
            format!(
                "{} has no crate {name}, which worker/patches names",
                path.display()
            )
        })
}

/// Where cargo keeps the crate's source. Asked of a package that depends on the crate without our patch, locked as the
/// worker is, so that nothing is fetched which the worker does not need.
fn registry_source(project: &Project, name: &str, version: &str) -> Result<PathBuf> {
    let folder = project.target.join("hearth-registry").join(name);
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let shims = project.worker().join("shims");
    let mut manifest = format!(
        "[workspace]\n\n[package]\nname = \"hearth-registry\"\nedition = \"2024\"\n\n[dependencies]\n{name} = \
         \"={version}\"\n\n[patch.crates-io]\n"
    );
    for entry in fs::read_dir(&shims).with_context(|| format!("cannot list {}", shims.display()))? {
        let shim = entry?.path();
        let name = shim
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        manifest += &format!("{name} = {{ path = {:?} }}\n", shim.display().to_string());
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(project.worker().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut cargo = command::cargo(project, &folder);
    let metadata = command::read(cargo.args(["metadata", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is no JSON")?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    packages
        .iter()
        .find(|package| package["name"] == name && package["version"] == version)
        .and_then(|package| Path::new(package["manifest_path"].as_str()?).parent())
        .map(Path::to_path_buf)
        .with_context(|| format!("cargo does not say where {name} {version} is"))
}

/// Applies a patch of one file or several, each part of which begins with `--- a/PATH` (`--- /dev/null` for a new one).
fn apply_patch(text: &str, folder: &Path) -> Result<()> {
    let starts: Vec<usize> = text
        .match_indices("--- ")
        .map(|(at, _)| at)
        .filter(|&at| at == 0 || text.as_bytes()[at - 1] == b'\n')
        .collect();
    if starts.is_empty() {
        bail!("it changes no file");
    }
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        let part = &text[start..end];
        let patch = diffy::Patch::from_str(part).context("it is no unified diff")?;
        let path = patch
            .modified()
            .and_then(|path| path.strip_prefix("b/"))
            .context("it names no file")?;
        let target = folder.join(path);
        let before = match patch.original() {
            Some("/dev/null") => String::new(),
            _ => fs::read_to_string(&target).with_context(|| format!("cannot read {}", target.display()))?,
        };
        let after = diffy::apply(&before, &patch).with_context(|| format!("in {path}"))?;
        fs::write(&target, after).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in fingerprint::files(from, &["target", ".git"])? {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(&file, &target).with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "Says what is wrong upstream.\n\n--- a/src/lib.rs\n+++ b/src/lib.rs\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n\
         --- /dev/null\n+++ b/src/new.rs\n@@ -0,0 +1 @@\n+new\n";

    #[test]
    fn a_patch_changes_and_adds_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/lib.rs"), "one\ntwo\nthree\n").unwrap();
        apply_patch(PATCH, folder.path()).unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("src/lib.rs")).unwrap(),
            "one\nzwei\nthree\n"
        );
        assert_eq!(
            fs::read_to_string(folder.path().join("src/new.rs")).unwrap(),
            "new\n"
        );
    }

    #[test]
    fn a_patch_that_does_not_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/lib.rs"), "one\nthree\n").unwrap();
        assert!(apply_patch(PATCH, folder.path()).is_err());
        assert!(apply_patch("nothing", folder.path()).is_err());
    }
}
