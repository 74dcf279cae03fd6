//! Installs and builds the interface, each only when its inputs have changed.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::command;
use crate::fingerprint;
use crate::project::Project;

/// Installs the npm packages when the lock file is not the one they were installed from.
pub fn install(project: &Project) -> Result<()> {
    let lock = project.ui().join("package-lock.json");
    let wanted = fingerprint::hash(&project.ui(), &[lock])?;
    // Inside node_modules, so that deleting that folder also deletes the claim that it is whole.
    let stamp = Stamp {
        path: project.ui().join("node_modules").join(".hearth-installed"),
    };
    if stamp.says(&wanted) {
        return Ok(());
    }
    command::run(command::npm(project).args(["ci", "--no-audit", "--no-fund"]))?;
    stamp.write(&wanted)
}

/// Builds the interface into `ui/dist`, which the app embeds. An unchanged one is left alone:
/// new file times there would make cargo compile the app again.
pub fn build(project: &Project) -> Result<()> {
    let stamp = Stamp {
        path: project.ui().join("node_modules").join(".hearth-built"),
    };
    if stamp.says(&inputs_and_output(project)?) {
        println!("The interface is unchanged since its last build.");
        return Ok(());
    }
    command::run(command::npm(project).args(["run", "build"]))?;
    stamp.write(&inputs_and_output(project)?)
}

/// A hash over what the build reads and what it wrote, so that a lost or edited output counts as
/// a change too.
fn inputs_and_output(project: &Project) -> Result<String> {
    let files = fingerprint::files(&project.ui(), &["node_modules"])?;
    fingerprint::hash(&project.ui(), &files)
}

/// A file that holds the hash something was made from.
struct Stamp {
    path: PathBuf,
}

impl Stamp {
    fn says(&self, hash: &str) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == hash)
    }

    fn write(&self, hash: &str) -> Result<()> {
        fs::write(&self.path, hash).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
