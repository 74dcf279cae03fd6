//! Builds the process that holds mistral.rs, and puts it where the app expects its sidecar.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command;
use crate::project::Project;

const NAME: &str = "hearth-worker";

/// Builds the worker in release (a debug build of mistral.rs is too slow to use) and returns its
/// path. The first build takes 13 to 22 minutes on two cores, later ones seconds.
pub fn build(project: &Project) -> Result<PathBuf> {
    let built = project.executable("release", NAME);
    if !built.exists() {
        println!(
            "The first build of the engine takes about 20 minutes on two cores; it is kept for later ones."
        );
    }
    command::run(command::cargo(project, &project.worker()).args(["build", "--release", "--locked"]))?;
    Ok(built)
}

/// A worker where Tauri takes sidecars from.
pub struct Installed {
    /// Its program as it was built.
    pub program: PathBuf,
    /// What Tauri's configuration calls it: its path without the target triple that ends its name there.
    pub sidecar: String,
}

/// Builds the worker and copies it to where Tauri takes sidecars from: it must be there before the
/// app compiles, whose build script copies it beside the app's own executable.
pub fn install(project: &Project) -> Result<Installed> {
    let built = build(project)?;
    place(project, built, NAME)
}

/// The same for a worker of another backend, which the engine finds by its name. It has a target folder of its own, so that
/// neither build undoes the other.
pub fn install_for(project: &Project, backend: &str, features: &str) -> Result<Installed> {
    let own = Project {
        target: project.target.join(backend),
        ..project.clone()
    };
    let mut cargo = command::cargo(&own, &project.worker());
    command::run(cargo.args(["build", "--release", "--locked", "--features", features]))?;
    let name = format!("{NAME}-{backend}");
    let program = own.executable("release", &name);
    copy_if_different(&own.executable("release", NAME), &program)?;
    place(project, program, &name)
}

fn place(project: &Project, program: PathBuf, name: &str) -> Result<Installed> {
    let binaries = project.root.join("src-tauri").join("binaries");
    let file = format!("{name}-{}{}", host_triple()?, std::env::consts::EXE_SUFFIX);
    copy_if_different(&program, &binaries.join(file))?;
    Ok(Installed {
        program,
        sidecar: format!("src-tauri/binaries/{name}"),
    })
}

/// The target triple this machine's rustc builds for by default.
fn host_triple() -> Result<String> {
    let text = command::read(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV does not name its host")?.to_owned())
}

/// Leaves an equal copy alone: a new file time would make cargo compile the app again.
fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let wanted = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    // Beside and renamed, because a running worker's file cannot be written over.
    let beside = to.with_extension("new");
    fs::copy(from, &beside).with_context(|| format!("cannot write {}", beside.display()))?;
    fs::rename(&beside, to)
        .with_context(|| format!("cannot replace {}; is Hearth still running?", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_equal_copy_keeps_its_time_and_a_different_one_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("built"), folder.path().join("deep/er/copy"));
        fs::write(&from, "one").unwrap();
        copy_if_different(&from, &to).unwrap();
        let first = fs::metadata(&to).unwrap().modified().unwrap();
        copy_if_different(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), first);
        fs::write(&from, "two").unwrap();
        copy_if_different(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
        assert_eq!(
            fs::read_dir(to.parent().unwrap()).unwrap().count(),
            1,
            "nothing left beside it"
        );
    }

    #[test]
    fn the_host_triple_names_this_system() {
        assert!(host_triple().unwrap().contains(std::env::consts::ARCH));
    }
}
