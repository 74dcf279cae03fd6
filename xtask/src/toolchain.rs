//! The two toolchains a person brings: Rust and Node, and the versions Hearth needs of them.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command;
use crate::project::Project;

const RUST: Version = Version { major: 1, minor: 95 };
const NODE: Version = Version { major: 20, minor: 19 };

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// The first thing in a program's `--version` line that reads like a version.
    fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let mut parts = word.trim_start_matches('v').split('.');
            let major = parts.next()?.parse().ok()?;
            let minor = parts.next()?.parse().ok()?;
            Some(Self { major, minor })
        })
    }
}

/// Fails with a sentence for the first tool that is missing or too old.
pub fn check(project: &Project) -> Result<()> {
    let rust = "Install it from https://rustup.rs, or run `rustup update stable`.";
    let node = "Install it from https://nodejs.org or with this system's package manager.";
    let mut rustc = Command::new("rustc");
    rustc.current_dir(&project.root);
    require("Rust", RUST, rustc.arg("--version"), rust)?;
    require("Node", NODE, Command::new("node").arg("--version"), node)?;
    let mut npm = command::npm(project);
    // The interface's folder need not be readable as a package for this question.
    npm.current_dir(&project.root);
    if command::read(npm.arg("--version")).is_err() {
        bail!("npm is missing; Hearth's interface is built with it. It comes with Node. {node}");
    }
    for (component, program) in [("rustfmt", "cargo-fmt"), ("clippy", "cargo-clippy")] {
        if command::find(program).is_none() {
            bail!("Rust's {component} is missing. Run `rustup component add {component}`.");
        }
    }
    Ok(())
}

fn require(name: &str, least: Version, question: &mut Command, advice: &str) -> Result<()> {
    let Version { major, minor } = least;
    let answer = command::read(question).unwrap_or_default();
    match Version::parse(&answer) {
        Some(version) if version >= least => Ok(()),
        Some(_) => {
            bail!("{name} here is too old ({answer}); Hearth needs {major}.{minor} or later. {advice}")
        }
        None => bail!("{name} is missing; Hearth needs {major}.{minor} or later. {advice}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_tools_print() {
        let rust = Version::parse("rustc 1.95.0 (59807616e 2026-04-14)");
        assert_eq!(rust, Some(Version { major: 1, minor: 95 }));
        assert_eq!(Version::parse("v20.20.2"), Some(Version { major: 20, minor: 20 }));
        assert_eq!(Version::parse("command not found"), None);
    }

    #[test]
    fn an_older_tool_is_named_with_what_to_do() {
        let least = Version {
            major: 9999,
            minor: 0,
        };
        let error = require(
            "Rust",
            least,
            Command::new("rustc").arg("--version"),
            "Update it.",
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("Rust here is too old (rustc "), "{text}");
        assert!(
            text.ends_with("Hearth needs 9999.0 or later. Update it."),
            "{text}"
        );
    }

    #[test]
    fn a_missing_tool_is_named_with_what_to_do() {
        let mut absent = Command::new("hearth-no-such-program");
        let error = require("Node", NODE, &mut absent, "Install it.").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Node is missing; Hearth needs 20.19 or later. Install it."
        );
    }
}
