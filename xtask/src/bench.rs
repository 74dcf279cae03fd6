//! Measurements against the field: each prints a table for people and, with `--json`, one object
//! on its last line for programs.

#[cfg(feature = "bench")]
mod download;
#[cfg(feature = "bench")]
mod engine;
#[cfg(feature = "bench")]
mod fit;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod median;
#[cfg(feature = "bench")]
mod memory;
#[cfg(feature = "bench")]
mod models;
#[cfg(feature = "bench")]
mod speculation;
#[cfg(feature = "bench")]
mod worker;

use anyhow::Result;
use clap::{Args, ValueEnum};

#[cfg(not(feature = "bench"))]
use crate::command;
#[cfg(feature = "bench")]
use crate::freshness;
use crate::project::Project;

/// What a bench measured, by name: the `metrics` of its JSON object.
#[cfg(feature = "bench")]
pub type Metrics = serde_json::Value;

/// What every bench is told.
#[cfg(feature = "bench")]
pub struct BenchOptions {
    /// Where to find and build things.
    pub project: Project,
    /// The bench's own arguments, after `--` on the command line.
    pub arguments: Vec<String>,
}

#[derive(Args)]
pub struct BenchArguments {
    /// What to measure.
    name: BenchName,
    /// Print one JSON object on the last line.
    #[arg(long)]
    json: bool,
    /// Passed on to the bench.
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum BenchName {
    /// Hearth's downloads beside curl's, and under kills and the faults of servers.
    Download,
    /// Decode, prompt, memory and load of hearth-worker beside llama.cpp.
    Engine,
    /// The verdict's memory and speed beside what is measured.
    Fit,
    /// Replies with drafts beside the same replies without.
    Speculation,
}

impl BenchName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Engine => "engine",
            Self::Fit => "fit",
            Self::Speculation => "speculation",
        }
    }

    #[cfg(feature = "bench")]
    fn run(self, options: &BenchOptions) -> Result<Metrics> {
        match self {
            Self::Download => download::run(options),
            Self::Engine => engine::run(options),
            Self::Fit => fit::run(options),
            Self::Speculation => speculation::run(options),
        }
    }
}

/// Compiles this program again with the benches in it, optimised, and hands over to it.
#[cfg(not(feature = "bench"))]
pub fn run(project: &Project, arguments: BenchArguments) -> Result<()> {
    let mut cargo = command::cargo(project, &project.root);
    cargo.args([
        "run",
        "--release",
        "--quiet",
        "--locked",
        "--package",
        "xtask",
        "--features",
        "bench",
    ]);
    cargo.args(["--", "bench", arguments.name.as_str()]);
    if arguments.json {
        cargo.arg("--json");
    }
    command::run(cargo.arg("--").args(arguments.arguments))
}

/// Runs a bench, alone in the target folder so that no build of another clone disturbs its times.
#[cfg(feature = "bench")]
pub fn run(project: &Project, arguments: BenchArguments) -> Result<()> {
    let _lock = project.lock()?;
    freshness::settle(project)?;
    let options = BenchOptions {
        project: project.clone(),
        arguments: arguments.arguments,
    };
    let metrics = arguments.name.run(&options)?;
    if arguments.json {
        let (bench, machine) = (arguments.name.as_str(), machine::describe());
        println!(
            "{}",
            serde_json::json!({ "bench": bench, "machine": machine, "metrics": metrics })
        );
    }
    Ok(())
}
