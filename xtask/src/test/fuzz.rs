//! Fuzzes the GGUF parser with libFuzzer.
//!
//! It is built without cargo-fuzz and with the usual toolchain: nightly would only add the address sanitizer, which has
//! nothing to find where the code has no `unsafe`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command;
use crate::project::Project;

/// The target's workspace, from the repository's top.
pub const FOLDER: &str = "crates/gguf/fuzz";

/// What is kept of it, from its workspace.
const CORPUS: &str = "corpus/header";

/// The instrumentation that libFuzzer is led by: which branches ran, and what was compared with what. As cargo-fuzz
/// 0.13 sets it.
const INSTRUMENTED: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// Two minutes; ten seconds an input at most, however busy the machine, and memory that a header of the largest kind stays well below.
const LIMITS: [&str; 4] = [
    "-max_total_time=120",
    "-timeout=10",
    "-rss_limit_mb=512",
    "-malloc_limit_mb=64",
];

/// Feeds the parser for two minutes, beginning with the committed corpus and with what earlier runs here have found.
pub fn run(project: &Project) -> Result<()> {
    if !cfg!(unix) {
        println!("Skipped: on this system libFuzzer comes with another compiler.");
        return Ok(());
    }
    let folder = project.root.join(FOLDER);
    let found = project.target.join("fuzz").join("gguf-header");
    let grown = found.join("corpus");
    fs::create_dir_all(&grown).with_context(|| format!("cannot create {}", grown.display()))?;
    let mut cargo = command::cargo(project, &folder);
    cargo.env("RUSTFLAGS", INSTRUMENTED.join(" "));
    // Named, so that build scripts, which have no fuzzer to report to, are built without the flags.
    cargo.args(["run", "--release", "--locked", "--target", "host-tuple", "--"]);
    cargo.arg(&grown).arg(Path::new(CORPUS)).args(LIMITS);
    cargo.arg(format!("-artifact_prefix={}/", found.display()));
    cargo.args(["-verbosity=0", "-print_final_stats=1"]);
    command::run(&mut cargo).with_context(|| {
        format!(
            "an input that breaks the GGUF parser may lie in {}: copy it to {FOLDER}/{CORPUS}, and \
             `cargo test -p hearth-gguf` will try it too",
            found.display()
        )
    })
}
