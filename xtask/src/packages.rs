//! The system libraries and programs that Hearth needs from outside Rust and npm.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::command;
use crate::setup::Scope;

/// One thing that Hearth needs, under each family's package name, and how to tell that it is there
/// without asking a package manager.
struct Need {
    debian: &'static str,
    fedora: &'static str,
    arch: &'static str,
    found_by: Probe,
    scope: Scope,
}

enum Probe {
    /// `pkg-config --exists` knows it.
    Library(&'static str),
    /// It is on the search path.
    Program(&'static str),
}

const NEEDS: [Need; 7] = [
    Need {
        debian: "build-essential",
        fedora: "gcc-c++",
        arch: "base-devel",
        found_by: Probe::Program("c++"),
        scope: Scope::Run,
    },
    Need {
        debian: "pkg-config",
        fedora: "pkgconf-pkg-config",
        arch: "pkgconf",
        found_by: Probe::Program("pkg-config"),
        scope: Scope::Run,
    },
    // Brings GTK 3 along.
    Need {
        debian: "libwebkit2gtk-4.1-dev",
        fedora: "webkit2gtk4.1-devel",
        arch: "webkit2gtk-4.1",
        found_by: Probe::Library("webkit2gtk-4.1"),
        scope: Scope::Run,
    },
    // Opens links in the person's browser.
    Need {
        debian: "xdg-utils",
        fedora: "xdg-utils",
        arch: "xdg-utils",
        found_by: Probe::Program("xdg-open"),
        scope: Scope::Run,
    },
    Need {
        debian: "webkit2gtk-driver",
        fedora: "webkit2gtk-driver",
        arch: "webkit2gtk-4.1",
        found_by: Probe::Program("WebKitWebDriver"),
        scope: Scope::Test,
    },
    Need {
        debian: "xvfb",
        fedora: "xorg-x11-server-Xvfb",
        arch: "xorg-server-xvfb",
        found_by: Probe::Program("Xvfb"),
        scope: Scope::Test,
    },
    // Gives each window under test a session bus of its own.
    Need {
        debian: "dbus",
        fedora: "dbus-daemon",
        arch: "dbus",
        found_by: Probe::Program("dbus-run-session"),
        scope: Scope::Test,
    },
];

/// Linux families by their package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Debian,
    Fedora,
    Arch,
    Other,
}

/// Installs the missing packages on Debian and its kin; elsewhere fails with a list of what is
/// missing, by that system's names.
pub fn ensure(scope: Scope) -> Result<()> {
    if cfg!(target_os = "macos") {
        return ensure_macos();
    }
    if !cfg!(target_os = "linux") {
        // Windows: rustc's own MSVC linker check and the WebView2 of the system cover it.
        return Ok(());
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let family = Family::of(&release);
    if family == Family::Debian {
        ensure_debian(scope)
    } else {
        ensure_elsewhere(family, scope)
    }
}

fn ensure_macos() -> Result<()> {
    if command::read(Command::new("xcode-select").arg("--print-path")).is_err() {
        bail!(
            "Apple's command line tools are missing. Run `xcode-select --install`, then this command again."
        );
    }
    Ok(())
}

fn ensure_debian(scope: Scope) -> Result<()> {
    let missing = missing_on_debian(scope);
    if missing.is_empty() {
        return Ok(());
    }
    println!("System packages to install: {}", missing.join(" "));
    let root = command::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if !root && command::find("sudo").is_none() {
        bail!(
            "installing them needs root and there is no sudo. As root, run: apt-get install {}",
            missing.join(" ")
        );
    }
    // A fresh machine's package lists are empty or old; without this the install finds nothing.
    command::run(apt(root).arg("update"))?;
    command::run(
        apt(root)
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
    .context("could not install the system packages; install them by hand, then run this command again")
}

fn apt(root: bool) -> Command {
    let mut command = Command::new(if root { "env" } else { "sudo" });
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    command
}

fn missing_on_debian(scope: Scope) -> Vec<&'static str> {
    let names = NEEDS
        .iter()
        .filter(|need| need.scope <= scope)
        .map(|need| need.debian);
    names.filter(|name| !installed_on_debian(name)).collect()
}

fn installed_on_debian(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}", package]);
    command::read(&mut query).is_ok_and(|status| status == "installed")
}

fn ensure_elsewhere(family: Family, scope: Scope) -> Result<()> {
    let missing: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| need.scope <= scope && !need.found_by.found())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!("{}", advice(family, &missing))
}

/// What to install and with which command.
fn advice(family: Family, missing: &[&Need]) -> String {
    let mut names: Vec<&str> = missing.iter().map(|need| family.name(need)).collect();
    names.dedup();
    match family.installer() {
        Some(installer) => format!(
            "This system lacks what Hearth is built with. Run `{installer} {}`, then this command again.",
            names.join(" ")
        ),
        None => format!(
            "This system lacks what Hearth is built with: {} (Debian's names). \
             Install your system's packages of these, then run this command again.",
            names.join(", ")
        ),
    }
}

impl Probe {
    fn found(&self) -> bool {
        match self {
            Self::Program(name) => command::find(name).is_some(),
            Self::Library(name) => Command::new("pkg-config")
                .args(["--exists", name])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success()),
        }
    }
}

impl Family {
    /// Reads `ID` and `ID_LIKE` of an os-release file.
    fn of(release: &str) -> Self {
        let values = ["ID=", "ID_LIKE="].map(|key| {
            let line = release.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().trim_matches('"').to_owned()
        });
        let names: Vec<&str> = values.iter().flat_map(|value| value.split_whitespace()).collect();
        let is = |wanted: &[&str]| names.iter().any(|name| wanted.contains(name));
        if is(&["debian", "ubuntu"]) {
            Self::Debian
        } else if is(&["fedora", "rhel"]) {
            Self::Fedora
        } else if is(&["arch"]) {
            Self::Arch
        } else {
            Self::Other
        }
    }

    fn name(self, need: &Need) -> &'static str {
        match self {
            Self::Debian | Self::Other => need.debian,
            Self::Fedora => need.fedora,
            Self::Arch => need.arch,
        }
    }

    fn installer(self) -> Option<&'static str> {
        match self {
            Self::Debian => Some("sudo apt-get install"),
            Self::Fedora => Some("sudo dnf install"),
            Self::Arch => Some("sudo pacman -S --needed"),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_apart_by_their_release_file() {
        let cases = [
            ("ID=debian\n", Family::Debian),
            ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", Family::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", Family::Debian),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Family::Fedora),
            ("ID=manjaro\nID_LIKE=arch\n", Family::Arch),
            ("ID=nixos\n", Family::Other),
            ("", Family::Other),
        ];
        for (release, family) in cases {
            assert_eq!(Family::of(release), family, "{release:?}");
        }
    }

    #[test]
    fn what_is_missing_is_listed_by_the_systems_own_names() {
        let missing: Vec<&Need> = NEEDS
            .iter()
            .filter(|need| need.debian.contains("webkit"))
            .collect();
        assert_eq!(
            advice(Family::Fedora, &missing),
            "This system lacks what Hearth is built with. \
             Run `sudo dnf install webkit2gtk4.1-devel webkit2gtk-driver`, then this command again."
        );
        assert!(advice(Family::Arch, &missing).contains("--needed webkit2gtk-4.1`"));
        assert!(advice(Family::Other, &missing).contains("libwebkit2gtk-4.1-dev, webkit2gtk-driver (Debian"));
    }

    #[test]
    fn running_needs_no_test_packages() {
        let for_running: Vec<_> = NEEDS.iter().filter(|need| need.scope <= Scope::Run).collect();
        assert!(
            for_running
                .iter()
                .any(|need| need.debian == "libwebkit2gtk-4.1-dev")
        );
        assert!(for_running.iter().all(|need| need.debian != "xvfb"));
        assert!(
            NEEDS
                .iter()
                .any(|need| need.scope <= Scope::Test && need.debian == "xvfb")
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_and_a_library_that_do_not_exist_are_not_found() {
        assert!(!Probe::Program("hearth-no-such-program").found());
        assert!(!Probe::Library("hearth-no-such-library").found());
        assert!(Probe::Program("sh").found());
    }
}
