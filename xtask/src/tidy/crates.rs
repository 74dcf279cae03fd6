//! Who may depend on what, and what every manifest must say.

use super::Violation;
use super::tree::{Dependency, Package, Tree};

/// Reports each dependency for which `is_it` holds, in every package that is not `allowed` it.
fn depend_on(
    tree: &Tree,
    is_it: impl Fn(&str) -> bool,
    allowed: impl Fn(&Package, &Dependency) -> bool,
    why: &'static str,
    mend: &'static str,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        for dependency in &package.dependencies {
            if is_it(&dependency.name) && !allowed(package, dependency) {
                let name = &dependency.name;
                let names_it = |line: &str| {
                    let line = line.trim_start().trim_start_matches('"');
                    let rest = line.strip_prefix(name.as_str()).unwrap_or("-");
                    rest.starts_with([' ', '=', '.', '"']) || line.ends_with(&format!("dependencies.{name}]"))
                };
                let what = format!("a dependency on {name}");
                violations.push(tree.violation_at(&package.manifest(), names_it, what, why, mend));
            }
        }
    }
    violations
}

/// Whether a package lies in the given folder of the repository.
fn within(package: &Package, folder: &str) -> bool {
    package.folder == folder || package.folder.starts_with(&format!("{folder}/"))
}

/// mistral.rs and candle are the worker's alone.
pub fn only_the_worker_knows_the_engine(tree: &Tree) -> Vec<Violation> {
    depend_on(
        tree,
        |name| name.starts_with("mistralrs") || name.starts_with("candle"),
        |package, _| within(package, "worker"),
        "Only worker/ knows mistral.rs and candle: they compile for 20 minutes and may crash",
        "Speak to the worker through hearth-engine instead",
    )
}

/// SQL is the store's alone.
pub fn only_the_store_knows_sql(tree: &Tree) -> Vec<Violation> {
    const DATABASES: [&str; 5] = ["diesel", "libsqlite3-sys", "rusqlite", "sea-orm", "sqlx"];
    depend_on(
        tree,
        |name| DATABASES.contains(&name) || name.starts_with("sqlx-"),
        |package, _| within(package, "crates/store"),
        "Only crates/store knows SQL",
        "Add what you need to hearth-store's own functions and call those",
    )
}

/// Nothing under crates/ knows Tauri.
pub fn no_crate_knows_tauri(tree: &Tree) -> Vec<Violation> {
    depend_on(
        tree,
        |name| name == "tauri" || name.starts_with("tauri-"),
        |package, _| package.folder.is_empty(),
        "Only the shell knows Tauri, so that everything else runs without a window",
        "Keep the Tauri part in src-tauri/ and pass plain values",
    )
}

/// Nobody but the hub reaches the internet; tests may speak to what they started themselves.
pub fn only_the_hub_is_an_http_client(tree: &Tree) -> Vec<Violation> {
    const CLIENTS: [&str; 8] = [
        "attohttpc",
        "curl",
        "hf-hub",
        "isahc",
        "minreq",
        "reqwest",
        "tungstenite",
        "ureq",
    ];
    // Both a client and a server, and a server is built on them.
    const EITHER: [&str; 2] = ["hyper", "hyper-util"];
    depend_on(
        tree,
        |name| CLIENTS.contains(&name) || EITHER.contains(&name),
        |package, dependency| {
            dependency.for_tests
                || within(package, "crates/hub")
                || within(package, "tests")
                || (within(package, "crates/server") && EITHER.contains(&dependency.name.as_str()))
        },
        "Only crates/hub opens a connection to the internet",
        "Ask hearth-hub for it",
    )
}

/// Nobody but the API server listens.
pub fn only_the_server_has_a_server(tree: &Tree) -> Vec<Violation> {
    const SERVERS: [&str; 6] = ["actix-web", "axum", "poem", "rocket", "tiny_http", "warp"];
    depend_on(
        tree,
        |name| SERVERS.contains(&name),
        |package, dependency| {
            dependency.for_tests || within(package, "crates/server") || within(package, "tests")
        },
        "Only crates/server listens",
        "Put the endpoint into crates/server",
    )
}

/// Every package inherits its workspace's lints.
pub fn every_crate_takes_the_shared_lints(tree: &Tree) -> Vec<Violation> {
    let takes_them = |text: &str| {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        lines
            .windows(2)
            .any(|pair| pair == ["[lints]", "workspace = true"])
            || lines.contains(&"lints.workspace = true")
    };
    tree.packages
        .iter()
        .map(Package::manifest)
        .filter(|manifest| !tree.file(manifest).is_some_and(|file| takes_them(&file.text)))
        .map(|manifest| {
            tree.violation_at(
                &manifest,
                |line| line.starts_with("[package]"),
                "a crate without the shared lints".to_owned(),
                "One set of lints holds for all of Hearth",
                "Add `[lints]` with `workspace = true`",
            )
        })
        .collect()
}

/// The worker's workspace has the same lints as the main one, which it cannot inherit from.
pub fn both_workspaces_lint_alike(tree: &Tree) -> Vec<Violation> {
    let lints = |path: &str| {
        let mut inside = false;
        let text = tree.file(path).map_or("", |file| file.text.as_str());
        let lines = text.lines().filter(|line| {
            if line.starts_with('[') {
                inside = line.starts_with("[workspace.lints");
            }
            inside && !line.trim().is_empty() && !line.starts_with('#')
        });
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    if lints("Cargo.toml") == lints("worker/Cargo.toml") {
        return Vec::new();
    }
    vec![tree.violation_at(
        "worker/Cargo.toml",
        |line| line.starts_with("[workspace"),
        "other lints than the main workspace's".to_owned(),
        "One set of lints holds for all of Hearth, and a workspace cannot inherit from another",
        "Copy the [workspace.lints] tables from the Cargo.toml at the top",
    )]
}

/// The worker's tests add no features to what mistral.rs is built from.
pub fn the_workers_tests_need_nothing_more(tree: &Tree) -> Vec<Violation> {
    let workers = tree.packages.iter().filter(|package| package.folder == "worker");
    workers
        .filter(|package| package.dependencies.iter().any(|dependency| dependency.for_tests))
        .map(|package| {
            tree.violation_at(
                &package.manifest(),
                |line| line.contains("dev-dependencies"),
                "a dev-dependency of the worker".to_owned(),
                "Its features join those of mistral.rs' dependencies, and the tests compile mistral.rs again",
                "Do without it, or test that from crates/engine",
            )
        })
        .collect()
}

/// Each library and program begins by saying what it is.
pub fn every_crate_says_what_it_is(tree: &Tree) -> Vec<Violation> {
    let roots = tree.packages.iter().flat_map(|package| &package.roots);
    roots
        .filter_map(|root| tree.file(root))
        .filter(|file| !file.text.trim_start().starts_with("//!"))
        .map(|file| {
            file.violation(
                1,
                "no documentation at the start of a crate".to_owned(),
                "A reader meets a crate here first",
                "Begin the file with `//!` and a sentence on what the crate is for",
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::small;
    use super::*;

    #[test]
    fn a_forbidden_dependency_is_found_where_it_stands() {
        let found =
            only_the_worker_knows_the_engine(&small::package("crates/app", &["serde", "candle-core"]));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].file.as_str(), found[0].line),
            ("crates/app/Cargo.toml", 3)
        );
        assert_eq!(
            found[0].to_string(),
            "crates/app/Cargo.toml:3: a dependency on candle-core. Only worker/ knows mistral.rs and candle: they \
             compile for 20 minutes and may crash. Speak to the worker through hearth-engine instead."
        );
    }

    #[test]
    fn each_room_has_what_the_others_may_not() {
        let cases: [(super::super::Rule, &str, &str, &str); 9] = [
            (
                only_the_worker_knows_the_engine,
                "mistralrs-core",
                "worker",
                "crates/engine",
            ),
            (only_the_store_knows_sql, "sqlx", "crates/store", "crates/app"),
            (only_the_store_knows_sql, "rusqlite", "crates/store", "tests/e2e"),
            (no_crate_knows_tauri, "tauri-plugin-dialog", "", "crates/app"),
            (only_the_hub_is_an_http_client, "reqwest", "crates/hub", ""),
            (only_the_hub_is_an_http_client, "hf-hub", "tests/hub", "worker"),
            (
                only_the_hub_is_an_http_client,
                "hyper",
                "crates/server",
                "crates/app",
            ),
            (
                only_the_hub_is_an_http_client,
                "ureq",
                "crates/hub",
                "crates/server",
            ),
            (
                only_the_server_has_a_server,
                "axum",
                "crates/server",
                "crates/storehouse",
            ),
        ];
        for (rule, dependency, allowed, forbidden) in cases {
            assert_eq!(
                rule(&small::package(allowed, &[dependency])),
                [],
                "{dependency} in {allowed:?}"
            );
            assert_eq!(
                rule(&small::package(forbidden, &[dependency])).len(),
                1,
                "{dependency} in {forbidden:?}"
            );
        }
    }

    #[test]
    fn a_crates_own_tests_may_speak_to_what_they_started() {
        let mut tree = small::package("crates/server-client", &["reqwest"]);
        assert_eq!(only_the_hub_is_an_http_client(&tree).len(), 1);
        tree.packages[0].dependencies[0].for_tests = true;
        assert_eq!(only_the_hub_is_an_http_client(&tree), []);
    }

    #[test]
    fn a_manifest_without_the_shared_lints_is_found() {
        let mut tree = small::package("crates/app", &[]);
        assert_eq!(every_crate_takes_the_shared_lints(&tree), []);
        tree.files[0].text = "[package]\nname = \"app\"\n[lints.clippy]\nall = \"allow\"\n".to_owned();
        assert_eq!(every_crate_takes_the_shared_lints(&tree).len(), 1);
    }

    #[test]
    fn the_workers_lints_follow_the_main_workspaces() {
        let main = "[workspace.lints.rust]\nunsafe_code = \"deny\"\n\n# More.\n[profile.dev]\ndebug = 1\n";
        let alike = "[workspace]\n[workspace.lints.rust]\nunsafe_code = \"deny\"\n[package]\n";
        let other = "[workspace]\n[package]\n";
        let tree = |worker| small::files([("Cargo.toml", main), ("worker/Cargo.toml", worker)]);
        assert_eq!(both_workspaces_lint_alike(&tree(alike)), []);
        assert_eq!(both_workspaces_lint_alike(&tree(other)).len(), 1);
    }

    #[test]
    fn a_dev_dependency_of_the_worker_is_found() {
        let mut tree = small::package("worker", &["tempfile"]);
        assert_eq!(the_workers_tests_need_nothing_more(&tree), []);
        tree.packages[0].dependencies[0].for_tests = true;
        assert_eq!(the_workers_tests_need_nothing_more(&tree).len(), 1);
    }

    #[test]
    fn a_crate_that_does_not_say_what_it_is_is_found() {
        let mut tree = small::files([
            ("crates/a/src/lib.rs", "//! A.\n"),
            ("crates/b/src/lib.rs", "mod b;\n"),
        ]);
        let roots = vec!["crates/a/src/lib.rs".to_owned(), "crates/b/src/lib.rs".to_owned()];
        tree.packages.push(Package {
            folder: String::new(),
            dependencies: Vec::new(),
            roots,
        });
        let found = every_crate_says_what_it_is(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].file, "crates/b/src/lib.rs");
    }
}
