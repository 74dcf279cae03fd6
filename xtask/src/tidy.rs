//! The architecture's invariants, as far as a program can check them.

use anyhow::Result;

use crate::project::Project;

pub fn run(_project: &Project) -> Result<()> {
    Ok(())
}
