//! The architecture's invariants, as far as a program can check them.
//!
//! docs/ARCHITECTURE.md says why each holds; every rule here has a test that sees it broken.

mod crates;
mod interface;
mod shell;
mod sources;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::tidy::tree::Tree;

/// A place where an invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    /// Relative to the repository's top, with `/`.
    file: String,
    /// From 1.
    line: usize,
    what: String,
    why: &'static str,
    mend: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            what,
            why,
            mend,
        } = self;
        write!(f, "{file}:{line}: {what}. {why}. {mend}.")
    }
}

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: [Rule; 17] = [
    crates::only_the_worker_knows_the_engine,
    crates::only_the_store_knows_sql,
    crates::no_crate_knows_tauri,
    crates::only_the_hub_is_an_http_client,
    crates::only_the_server_has_a_server,
    crates::every_crate_takes_the_shared_lints,
    crates::both_workspaces_lint_alike,
    crates::the_workers_tests_need_nothing_more,
    crates::every_crate_says_what_it_is,
    sources::no_file_is_too_long,
    sources::file_names_say_what_is_in_them,
    sources::nothing_is_put_off,
    sources::only_hub_and_server_open_sockets,
    interface::only_the_backend_folder_knows_tauri,
    interface::tauri_is_the_same_version_on_both_sides,
    shell::the_content_policy_is_closed,
    shell::every_command_is_granted_and_handled,
];

/// Prints each violation and fails if there is any.
pub fn run(project: &Project) -> Result<()> {
    let tree = Tree::read(project)?;
    let mut violations: Vec<Violation> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    violations.sort();
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("{} rules hold for {} files.", RULES.len(), tree.files.len());
            Ok(())
        }
        1 => bail!("one invariant does not hold, see above"),
        count => bail!("{count} invariants do not hold, see above"),
    }
}
