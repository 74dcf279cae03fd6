//! Measurements against the field: each prints a table for people and, with `--json`, one object
//! on its last line for programs.

mod engine;
mod machine;

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::project::Project;

/// What a bench measured, by name: the `metrics` of its JSON object.
pub type Metrics = serde_json::Value;

/// What every bench is told.
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
    /// Decode, prompt, memory and load of hearth-worker beside llama.cpp.
    Engine,
}

impl BenchName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
        }
    }

    fn run(self, options: &BenchOptions) -> Result<Metrics> {
        match self {
            Self::Engine => engine::run(options),
        }
    }
}

/// Runs a bench, alone in the target folder so that no build of another clone disturbs its times.
pub fn run(project: &Project, arguments: BenchArguments) -> Result<()> {
    let _lock = project.lock()?;
    let options = BenchOptions {
        project: project.clone(),
        arguments: arguments.arguments,
    };
    let metrics = arguments.name.run(&options)?;
    if arguments.json {
        let machine = machine::describe();
        println!(
            "{}",
            json!({ "bench": arguments.name.as_str(), "machine": machine, "metrics": metrics })
        );
    }
    Ok(())
}
