//! Hearth's only automation: `cargo xtask` sets a machine up, builds, runs, checks and measures.

mod bench;
mod bindings;
mod build;
mod command;
mod dist;
mod fingerprint;
mod freshness;
mod packages;
mod patches;
mod project;
mod setup;
mod sqlx;
mod test;
mod tidy;
mod toolchain;
mod ui;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Sets up, builds, runs, checks and measures Hearth",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what this machine lacks: system packages, the interface's npm packages.
    Setup,
    /// Build the interface, the worker and the app.
    Build,
    /// Set up, build and open the app.
    Run {
        /// Beside a Hub on this computer with small models of its own: nothing needs the internet.
        #[arg(long)]
        demo: bool,
        /// Passed on to the app.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Set up, then run every check there is.
    Test(test::TestOptions),
    /// Check the architecture's invariants.
    Tidy,
    /// Make what is handed to people: installers with a worker for every backend, and the terminal's program.
    Dist(dist::DistOptions),
    /// Measure, and print a table.
    Bench(bench::BenchArguments),
    /// Write the interface's TypeScript types anew from the Rust ones.
    Bindings,
    /// Write the store's offline query data anew.
    Sqlx,
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        // Without anyhow's backtrace: what failed is another program, whose output is above.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let project = Project::locate()?;
    match task {
        Task::Setup => setup::run(&project, setup::Scope::Run),
        Task::Build => build::run(&project),
        Task::Run {
            demo: true,
            arguments,
        } => build::run_demo(&project, &arguments),
        Task::Run { arguments, .. } => build::run_app(&project, &arguments),
        Task::Test(options) => return test::run(&project, &options),
        Task::Tidy => tidy::run(&project),
        Task::Dist(options) => dist::run(&project, &options),
        Task::Bench(arguments) => bench::run(&project, arguments),
        Task::Bindings => bindings::run(&project),
        Task::Sqlx => sqlx::run(&project),
    }?;
    Ok(ExitCode::SUCCESS)
}
