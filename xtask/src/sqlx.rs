//! Writes the store's offline query data anew.

use anyhow::Result;

use crate::project::Project;

pub fn run(_project: &Project) -> Result<()> {
    Ok(())
}
