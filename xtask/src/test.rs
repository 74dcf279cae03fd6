//! Every check there is, cheapest first, ending at the first that fails.

mod fuzz;
mod report;
mod steps;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::freshness;
use crate::project::Project;
use crate::test::report::Report;
use crate::test::steps::Step;

#[derive(Args)]
pub struct TestOptions {
    /// Also fuzz, and run the tests marked `#[ignore]`: both take minutes.
    #[arg(long)]
    long: bool,
    /// Also compare every family of models at every level of quantisation.
    #[arg(long)]
    models: bool,
    /// Run this step alone, with what it needs built.
    #[arg(long, value_name = "STEP")]
    only: Option<Step>,
}

/// Runs the steps and prints, last, how many passed and how many failed.
pub fn run(project: &Project, options: &TestOptions) -> Result<ExitCode> {
    let _lock = project.lock()?;
    freshness::settle(project)?;
    let steps = match options.only {
        Some(step) => step.with_needs(),
        None => {
            let steps = Step::value_variants().iter().copied();
            steps
                .filter(|step| options.long || !step.takes_minutes())
                .collect()
        }
    };
    let report = Report::of(&steps, |step| step.run(project, options));
    print!("{report}");
    Ok(if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
