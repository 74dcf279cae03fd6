//! Writes the interface's TypeScript types anew from the Rust ones.

use anyhow::Result;

use crate::project::Project;
use crate::{command, freshness};

/// Runs the test that otherwise only compares, and lets it write.
pub fn run(project: &Project) -> Result<()> {
    let _lock = project.lock()?;
    freshness::settle(project)?;
    let mut cargo = command::cargo(project, &project.root);
    cargo.args(["test", "--locked", "-p", "hearth-app", "--test", "bindings"]);
    command::run(cargo.env("HEARTH_BINDINGS", "write"))
}
