//! Builds the whole app in the order its parts need each other, and starts it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::project::Project;
use crate::setup::{self, Scope};
use crate::{command, freshness, ui, worker};

/// The interface, the worker and the desktop app. The app embeds the first and names the second
/// as its sidecar, so it comes last.
pub fn run(project: &Project) -> Result<()> {
    let _lock = project.lock()?;
    setup::run(project, Scope::Run)?;
    freshness::settle(project)?;
    ui::build(project)?;
    worker::install(project)?;
    app(project)
}

/// Compiles the desktop app.
pub fn app(project: &Project) -> Result<()> {
    command::run(command::cargo(project, &project.root).args(["build", "--locked", "-p", "hearth-desktop"]))
}

/// Where the built app lies.
pub fn desktop(project: &Project) -> PathBuf {
    project.executable("debug", "hearth-desktop")
}

/// Builds everything and opens the app; returns when the person has closed it.
pub fn run_app(project: &Project, arguments: &[String]) -> Result<()> {
    run(project)?;
    let mut app = Command::new(desktop(project));
    command::run(app.args(arguments))
}

/// Opens the app beside a Hub on this computer, with models that were made for it and a data folder of its own, so
/// that the whole way from search to answer can be tried with no internet.
pub fn run_demo(project: &Project, arguments: &[String]) -> Result<()> {
    run(project)?;
    command::run(command::cargo(project, &project.root).args([
        "build",
        "--locked",
        "-p",
        "hearth-fake-hub",
    ]))?;
    let folder = project.target.join("demo");
    let mut hub = Command::new(project.executable("debug", "fake-hub"))
        .arg("--demo")
        .arg(folder.join("models"))
        .arg("--bard")
        .arg(project.root.join("models").join("bard-Q8_0.gguf"))
        // It ends with this pipe.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the demonstration's Hub")?;
    let mut url = String::new();
    let output = hub
        .stdout
        .take()
        .context("the demonstration's Hub has no output")?;
    BufReader::new(output).read_line(&mut url)?;
    let mut app = Command::new(desktop(project));
    app.env("HF_ENDPOINT", url.trim())
        .env("HF_HOME", folder.join("huggingface"))
        .env("HEARTH_DATA", folder.join("data"))
        .env(
            "HEARTH_SUGGESTIONS",
            folder.join("models").join("suggestions.json"),
        );
    let closed = command::run(app.args(arguments));
    drop(hub.stdin.take());
    hub.wait()?;
    closed
}
