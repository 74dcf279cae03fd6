//! Runs other programs: shows the command, passes on the shared target folder, and says what failed.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::project::Project;

/// `cargo` in a folder of the project, building into the shared target folder.
pub fn cargo(project: &Project, folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", &project.target);
    // What cargo tells this program about itself is not meant for its children: build scripts
    // under mistral.rs watch these variables, and 20 minutes' work would be done again whenever
    // a person had called cargo directly in between.
    for (name, _) in env::vars_os() {
        let about_xtask = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(about_xtask) {
            command.env_remove(name);
        }
    }
    command
}

/// `npm` in the interface's folder.
pub fn npm(project: &Project) -> Command {
    // npm is a script on Windows, which CreateProcess finds only by its full name.
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(project.ui());
    command
}

/// Shows a command and runs it; anything but success is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", display(command));
    let status = command.status().with_context(|| could_not_start(command))?;
    if !status.success() {
        bail!("`{}` failed ({status})", display(command));
    }
    Ok(())
}

/// Runs a command silently and returns its output without the line's end.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| could_not_start(command))?;
    if !output.status.success() {
        bail!(
            "`{}` failed ({}): {}",
            display(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// The full path of a program on the search path.
pub fn find(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

fn could_not_start(command: &Command) -> String {
    format!(
        "cannot start `{}`: is it installed and on the PATH?",
        command.get_program().display()
    )
}

/// The command as one would type it, the program without its folder.
fn display(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_stem().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .map(|word| {
            if word.contains(' ') {
                format!("'{word}'")
            } else {
                word.into_owned()
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_says_of_xtask_stays_with_xtask() {
        let project = Project {
            root: PathBuf::from("/here"),
            target: PathBuf::from("/cache/target"),
        };
        let command = cargo(&project, Path::new("/here"));
        let changed: Vec<_> = command.get_envs().collect();
        assert!(
            changed.contains(&(OsStr::new("CARGO_MANIFEST_DIR"), None)),
            "{changed:?}"
        );
        assert!(
            changed.contains(&(OsStr::new("CARGO_TARGET_DIR"), Some(OsStr::new("/cache/target")))),
            "{changed:?}"
        );
    }

    #[test]
    fn a_failing_command_is_named_as_one_would_type_it() {
        let mut cargo = Command::new("cargo");
        let error = read(cargo.args(["no-such-command", "two words"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("`cargo no-such-command 'two words'` failed ("),
            "{error}"
        );
    }
}
