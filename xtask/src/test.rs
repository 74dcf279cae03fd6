//! Every check there is, cheapest first, ending at the first that fails.

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::setup::{self, Scope};

#[derive(Args)]
pub struct TestOptions {
    /// Also run the tests that take minutes.
    #[arg(long)]
    long: bool,
}

pub fn run(project: &Project, _options: &TestOptions) -> Result<()> {
    setup::run(project, Scope::Test)
}
