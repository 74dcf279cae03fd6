//! Hearth's engine beside llama.cpp's.

use anyhow::{Result, bail};

use super::{BenchOptions, Metrics};

/// Measures both engines on the same files and threads.
pub fn run(_options: &BenchOptions) -> Result<Metrics> {
    bail!("the engine bench is not written yet")
}
