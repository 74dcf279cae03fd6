//! Builds the whole app in the order its parts need each other, and starts it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

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
