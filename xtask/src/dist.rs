//! Makes what is handed to people: the window's installers with a worker for every backend, and the terminal's program.

pub mod backend;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::dist::backend::Backend;
use crate::project::Project;
use crate::setup::{self, Scope};
use crate::{command, freshness, ui, worker};

/// What to make.
#[derive(Args)]
pub struct DistOptions {
    /// Build these workers besides the plain processor's, and fail where one cannot be built; without it, all that can.
    #[arg(long, value_enum, value_delimiter = ',')]
    backends: Option<Vec<Backend>>,
    /// Build the CUDA worker with flash attention: its kernels take half an hour and more to compile, and it takes models
    /// whole or not at all.
    #[arg(long)]
    flash_attention: bool,
    /// Make these installers in place of the system's usual ones, by Tauri's names: deb, rpm, appimage, app, dmg, msi, nsis.
    #[arg(long, value_delimiter = ',')]
    bundles: Option<Vec<String>>,
    /// Leave app and terminal program unoptimised, to see in a minute that they bundle.
    #[arg(long)]
    debug: bool,
}

impl DistOptions {
    /// The workers to build, and those that are left out, each with what it lacks.
    fn workers(&self) -> (Vec<Backend>, Vec<(Backend, &'static str)>) {
        if let Some(wanted) = &self.backends {
            return (wanted.clone(), Vec::new());
        }
        let (mut built, mut left_out) = (Vec::new(), Vec::new());
        for &backend in Backend::value_variants() {
            match backend.missing() {
                None => built.push(backend),
                Some(lack) => left_out.push((backend, lack)),
            }
        }
        (built, left_out)
    }

    /// An AppImage is left out: Tauri downloads the tools for it while it bundles.
    fn bundles(&self) -> String {
        match &self.bundles {
            Some(bundles) => bundles.join(","),
            None if cfg!(target_os = "macos") => "app,dmg".to_owned(),
            None if cfg!(windows) => "nsis".to_owned(),
            None => "deb,rpm".to_owned(),
        }
    }

    fn profile(&self) -> &'static str {
        if self.debug { "debug" } else { "release" }
    }
}

/// Builds everything into `dist` in the target folder, and lists it.
pub fn run(project: &Project, options: &DistOptions) -> Result<()> {
    let _lock = project.lock()?;
    setup::run(project, Scope::Run)?;
    freshness::settle(project)?;
    ui::build(project)?;

    let (backends, left_out) = options.workers();
    let mut workers = vec![worker::install(project)?];
    for backend in backends {
        let features = backend.features(options.flash_attention);
        workers.push(worker::install_for(project, backend.name(), features)?);
    }

    let folder = project.target.join("dist");
    empty(&folder)?;
    bundle(project, options, &workers, &folder)?;
    terminal(project, options, &workers, &folder.join("terminal"))?;
    list(&folder, &left_out, options.bundles.is_none())
}

/// The window's installers. Workers lie beside the app's program, where Tauri puts sidecars.
fn bundle(project: &Project, options: &DistOptions, workers: &[worker::Installed], to: &Path) -> Result<()> {
    let sidecars: Vec<_> = workers.iter().map(|one| one.sidecar.as_str()).collect();
    let config = serde_json::json!({
        "build": { "beforeBuildCommand": null },
        "bundle": { "externalBin": sidecars },
    });
    let tauri = project.ui().join("node_modules/@tauri-apps/cli/tauri.js");
    let mut node = std::process::Command::new("node");
    node.current_dir(&project.root)
        .env("CARGO_TARGET_DIR", &project.target)
        .arg(tauri)
        .args(["build", "--bundles", &options.bundles()])
        .args(["--config", &config.to_string()]);
    if options.debug {
        node.arg("--debug");
    }
    let made = project.target.join(options.profile()).join("bundle");
    empty(&made)?;
    command::run(node.args(["--", "--locked"]))?;
    // A folder for each kind: installers, and what they were made of. Only a Mac's app is a folder itself.
    for kind in entries(&made)? {
        for made in entries(&kind)? {
            if made.is_file() {
                copy(&made, to)?;
            } else if made.extension().is_some_and(|end| end == "app") {
                copy_folder(&made, to)?;
            }
        }
    }
    Ok(())
}

/// What runs without a window: `hearth`, its workers, and the built-in model.
fn terminal(
    project: &Project,
    options: &DistOptions,
    workers: &[worker::Installed],
    to: &Path,
) -> Result<()> {
    let mut cargo = command::cargo(project, &project.root);
    cargo.args(["build", "--locked", "-p", "hearth-cli"]);
    if !options.debug {
        cargo.arg("--release");
    }
    command::run(&mut cargo)?;
    let models = to.join("models");
    fs::create_dir_all(&models).with_context(|| format!("cannot create {}", models.display()))?;
    copy(&project.executable(options.profile(), "hearth"), to)?;
    for worker in workers {
        copy(&worker.program, to)?;
    }
    copy(&project.root.join("models/bard-Q8_0.gguf"), &models)
}

fn list(folder: &Path, left_out: &[(Backend, &str)], usual_bundles: bool) -> Result<()> {
    println!("\n{}", folder.display());
    for file in crate::fingerprint::files(folder, &[])? {
        let megabytes = fs::metadata(&file)?.len() as f64 / 1e6;
        let name = file.strip_prefix(folder).unwrap_or(&file);
        println!("  {megabytes:>8.1} MB  {}", name.display());
    }
    for (backend, lack) in left_out {
        println!("Left out: the worker for {}: {lack}.", backend.name());
    }
    if cfg!(target_os = "linux") && usual_bundles {
        println!(
            "Left out: an AppImage, for which Tauri downloads tools; ask for it with --bundles appimage."
        );
    }
    Ok(())
}

/// An empty folder, whatever was there.
fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Copies a folder into another.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let to = to.join(from.file_name().unwrap_or_default());
    fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    for path in entries(from)? {
        if path.is_dir() {
            copy_folder(&path, &to)?;
        } else {
            copy(&path, &to)?;
        }
    }
    Ok(())
}

fn copy(file: &Path, folder: &Path) -> Result<()> {
    let to = folder.join(file.file_name().unwrap_or_default());
    fs::copy(file, &to)
        .map(drop)
        .with_context(|| format!("cannot copy {} to {}", file.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(backends: Option<Vec<Backend>>) -> DistOptions {
        DistOptions {
            backends,
            flash_attention: false,
            bundles: None,
            debug: true,
        }
    }

    #[test]
    fn every_backend_is_built_or_left_out_with_a_reason() {
        let (built, left_out) = options(None).workers();
        assert_eq!(built.len() + left_out.len(), Backend::value_variants().len());
        assert!(
            left_out
                .iter()
                .all(|(backend, lack)| backend.missing() == Some(*lack))
        );
        assert!(built.iter().all(|backend| backend.missing().is_none()));
    }

    #[test]
    fn who_asks_for_a_backend_gets_it_or_an_error_of_the_compiler() {
        let (built, left_out) = options(Some(vec![Backend::Mkl])).workers();
        assert_eq!((built, left_out.len()), (vec![Backend::Mkl], 0));
    }

    #[test]
    fn folders_are_copied_with_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("Hearth.app"), folder.path().join("dist"));
        fs::create_dir_all(from.join("Contents")).unwrap();
        fs::write(from.join("Contents/Info.plist"), "one").unwrap();
        copy_folder(&from, &to).unwrap();
        assert_eq!(
            fs::read_to_string(to.join("Hearth.app/Contents/Info.plist")).unwrap(),
            "one"
        );
    }

    /// The engine looks for workers by these names.
    #[cfg(feature = "bench")]
    #[test]
    fn backends_are_named_as_the_engine_names_them() {
        let engine: Vec<_> = hearth_engine::Backend::ALL
            .map(hearth_engine::Backend::name)
            .into();
        for backend in Backend::value_variants() {
            assert!(engine.contains(&backend.name()), "{backend:?}");
        }
    }
}
