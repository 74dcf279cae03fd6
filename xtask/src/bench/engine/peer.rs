//! llama.cpp, as the prebuilt CPU binary of node-llama-cpp runs it.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Plan, Session};
use crate::bench::worker::text;
use crate::command;
use crate::project::Project;

/// Installs the npm packages when the lock file is not the one they were installed from.
pub fn install(project: &Project) -> Result<()> {
    let folder = project.root.join("tests").join("peer");
    let lock = fs::read(folder.join("package-lock.json")).context("cannot read the peer's lock file")?;
    let stamp = folder.join("node_modules").join(".hearth-installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    // Its install script would compile llama.cpp where the prebuilt binary does not suit.
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    command::run(command::npm(project).current_dir(&folder).args(install))?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Starts a process with llama.cpp, loads the model and answers each prompt.
pub fn measure(project: &Project, plan: &Plan) -> Result<Session> {
    let longest = plan
        .replies
        .iter()
        .map(|wanted| wanted.prompt_tokens)
        .max()
        .unwrap_or_default();
    let plan = json!({
        "model": plan.model,
        "threads": plan.threads,
        "context": plan.context,
        "text": text(longest),
        "replies": plan.replies,
    });
    let mut child = Command::new("node")
        .arg("bench.mjs")
        .current_dir(project.root.join("tests").join("peer"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `node`: is it installed and on the PATH?")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(plan.to_string().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("llama.cpp failed ({}); its words are above", output.status);
    }
    let last = String::from_utf8_lossy(&output.stdout);
    let last = last.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("llama.cpp's side printed {last:?}"))
}
