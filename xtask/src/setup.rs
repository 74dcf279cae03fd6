//! Brings a machine that has only Rust and Node to where everything builds; quick when nothing is
//! missing.

use anyhow::Result;

use crate::project::Project;
use crate::{packages, toolchain, ui};

/// What the machine is to be ready for; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Building and running the app.
    Run,
    /// Also driving its window in tests.
    Test,
}

/// Checks the toolchains, then installs what is missing.
pub fn run(project: &Project, scope: Scope) -> Result<()> {
    toolchain::check(project)?;
    packages::ensure(scope)?;
    ui::install(project)
}
