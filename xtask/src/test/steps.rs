//! The checks, in the order they run.

use std::fmt;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::project::Project;
use crate::setup::{self, Scope};
use crate::test::{TestOptions, fuzz};
use crate::{build, command, tidy, ui, worker};

/// The end-to-end tests need the built app, so the other tests leave their package out; selected
/// alone, they also do not pull their WebDriver client's features into the app's dependencies.
const END_TO_END: &str = "hearth-e2e";

/// This program's own benches, which it leaves out of its everyday build.
const BENCHES: &str = "xtask/bench";

/// One check. The order of the variants is the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Step {
    /// This machine has what everything is built with.
    Setup,
    /// Rust sources are formatted.
    Format,
    /// The architecture's invariants hold.
    Tidy,
    /// The interface's sources are formatted.
    UiFormat,
    /// The interface's types are right.
    UiCheck,
    /// The interface's unit tests.
    UiTest,
    /// The interface builds.
    UiBuild,
    /// The worker builds.
    Worker,
    /// The worker's lints and tests.
    WorkerTest,
    /// The workspace's lints.
    Clippy,
    /// The workspace's tests.
    Rust,
    /// The app and the terminal's program build.
    App,
    /// The real window, driven from outside.
    EndToEnd,
    /// The GGUF parser, fed for two minutes what no file should contain.
    Fuzz,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

impl Step {
    /// This step after the steps it builds on.
    pub fn with_needs(self) -> Vec<Self> {
        let needs: &[Self] = match self {
            Self::Setup => &[],
            Self::Format | Self::Tidy | Self::UiFormat | Self::UiCheck | Self::UiTest | Self::UiBuild => {
                &[Self::Setup]
            }
            Self::Worker | Self::WorkerTest | Self::Fuzz => &[Self::Setup],
            // The app names the worker as its sidecar and embeds the interface.
            Self::Clippy | Self::Rust | Self::App => &[Self::Setup, Self::UiBuild, Self::Worker],
            Self::EndToEnd => &[Self::Setup, Self::UiBuild, Self::Worker, Self::App],
        };
        let mut steps = needs.to_vec();
        steps.push(self);
        steps
    }

    /// Whether it only runs when it is asked for, by its name or by `--long`.
    pub fn takes_minutes(self) -> bool {
        self == Self::Fuzz
    }

    /// Runs this step, with the tests that take minutes where they are asked for.
    pub fn run(self, project: &Project, options: &TestOptions) -> Result<()> {
        let &TestOptions { long, models, .. } = options;
        match self {
            Self::Setup => setup::run(project, Scope::Test),
            Self::Format => format(project),
            Self::Tidy => tidy::run(project),
            Self::UiFormat => command::run(command::npm(project).args(["run", "format:check"])),
            Self::UiCheck => command::run(command::npm(project).args(["run", "check"])),
            Self::UiTest => command::run(command::npm(project).args(["run", "test"])),
            Self::UiBuild => ui::build(project),
            Self::Worker => worker::install(project).map(drop),
            Self::WorkerTest => worker_tests(project, long || models),
            Self::Clippy => clippy(project),
            Self::Rust => rust_tests(project, long),
            Self::App => app(project),
            Self::EndToEnd => end_to_end(project, long),
            Self::Fuzz => fuzz::run(project),
        }
    }
}

fn format(project: &Project) -> Result<()> {
    let own = [
        project.root.clone(),
        project.worker(),
        project.root.join(fuzz::FOLDER),
    ];
    let kernels = UNDER_THE_ENGINE.map(|kernels| project.worker().join(kernels));
    for folder in own.into_iter().chain(kernels) {
        command::run(command::cargo(project, &folder).args(["fmt", "--all", "--check"]))
            .with_context(|| format!("run `cargo fmt --all` in {}", folder.display()))?;
    }
    Ok(())
}

/// Packages that mistral.rs is compiled against, each a workspace of its own in the worker's folder.
const UNDER_THE_ENGINE: [&str; 3] = ["activation", "attention", "pool"];

/// Lints and tests the worker in one compilation: `cargo clippy` would compile mistral.rs a second
/// time, in check mode, while clippy's driver in rustc's place lints only the worker itself and
/// takes every dependency as it was built for release.
fn worker_tests(project: &Project, long: bool) -> Result<()> {
    let mut cargo = command::cargo(project, &project.worker());
    cargo
        .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
        .env("CLIPPY_ARGS", "-Dwarnings");
    cargo.args(["test", "--release", "--locked", "--workspace"]);
    command::run(including_long(&mut cargo, long))?;
    for kernels in UNDER_THE_ENGINE {
        let folder = project.worker().join(kernels);
        let mut clippy = command::cargo(project, &folder);
        clippy.args([
            "clippy",
            "--release",
            "--all-targets",
            "--all-features",
            "--locked",
        ]);
        command::run(clippy.args(["--", "-Dwarnings"]))?;
        let mut cargo = command::cargo(project, &folder);
        command::run(cargo.args(["test", "--release", "--locked"]))?;
    }
    Ok(())
}

fn clippy(project: &Project) -> Result<()> {
    let mut cargo = command::cargo(project, &project.root);
    cargo.args(["clippy", "--workspace", "--all-targets", "--locked"]);
    command::run(cargo.args(["--features", BENCHES, "--", "-Dwarnings"]))
}

fn rust_tests(project: &Project, long: bool) -> Result<()> {
    command::run(including_long(&mut without_end_to_end(project, "test"), long))
}

/// Builds the app and the terminal's program out of what the tests were built from. On its own it would have fewer features
/// of its dependencies, and Tauri would be compiled a second time.
fn app(project: &Project) -> Result<()> {
    command::run(without_end_to_end(project, "build").args([
        "--tests",
        "--bin",
        "hearth-desktop",
        "--bin",
        "hearth",
    ]))
}

fn without_end_to_end(project: &Project, task: &str) -> Command {
    let mut cargo = command::cargo(project, &project.root);
    cargo.args([task, "--workspace", "--locked", "--exclude", END_TO_END]);
    cargo.args(["--features", BENCHES]);
    cargo
}

fn including_long(cargo: &mut Command, long: bool) -> &mut Command {
    if long {
        cargo.args(["--", "--include-ignored"])
    } else {
        cargo
    }
}

fn end_to_end(project: &Project, long: bool) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!("Skipped: only Linux has a WebDriver for the system's webview that needs no screen.");
        return Ok(());
    }
    let mut cargo = command::cargo(project, &project.root);
    cargo.args(["test", "--locked", "--package", END_TO_END]);
    cargo.env("HEARTH_DESKTOP", build::desktop(project));
    // Without it they open a screen of their own, and nobody's work is disturbed.
    cargo.env_remove("DISPLAY");
    // One window at a time, so that slow machines are not slower still.
    cargo.args(["--", "--test-threads=1"]);
    if long {
        cargo.arg("--include-ignored");
    }
    command::run(&mut cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_comes_after_those_it_needs() {
        for step in Step::value_variants() {
            let steps = step.with_needs();
            assert!(steps.is_sorted(), "{steps:?}");
            assert_eq!(steps.last(), Some(step));
            for need in &steps {
                assert!(
                    need.with_needs().iter().all(|deeper| steps.contains(deeper)),
                    "{step} lacks a need of {need}"
                );
            }
        }
    }

    #[test]
    fn steps_are_named_on_the_command_line_as_they_are_printed() {
        assert_eq!(Step::EndToEnd.to_string(), "end-to-end");
        assert_eq!(Step::from_str("ui-build", false), Ok(Step::UiBuild));
    }
}
