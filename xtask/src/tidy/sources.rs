//! What holds for every source file, whatever it does.

use super::Violation;
use super::tree::{SourceFile, Tree};

const LONGEST: usize = 500;

/// Files generated from Rust types; their length and names are not ours.
const GENERATED: &str = "ui/src/lib/backend/bindings/";

fn sources<'a>(tree: &'a Tree, extensions: &'a [&str]) -> impl Iterator<Item = &'a SourceFile> {
    tree.files
        .iter()
        .filter(|file| extensions.contains(&file.extension()) && !file.path.starts_with(GENERATED))
}

/// No file of more than 500 lines of code.
pub fn no_file_is_too_long(tree: &Tree) -> Vec<Violation> {
    sources(tree, &["rs", "ts", "svelte"])
        .filter_map(|file| {
            let count = file.code().count();
            (count > LONGEST).then(|| {
                file.violation(
                    1,
                    format!("{count} lines of code"),
                    "A file holds one idea, and 500 lines hold more than one",
                    "Move a part with a name of its own into a file of that name",
                )
            })
        })
        .collect()
}

/// No `mod.rs`, and no file named after nothing.
pub fn file_names_say_what_is_in_them(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in sources(tree, &["rs", "ts", "js", "svelte", "css"]) {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        if name == "mod.rs" {
            violations.push(file.violation(
                1,
                "a mod.rs".to_owned(),
                "Ten open files of one name cannot be told apart",
                "Name it after its folder, beside that folder",
            ));
        }
        let stem = name.split('.').next().unwrap_or_default();
        if ["util", "utils", "helper", "helpers", "misc"].contains(&stem) {
            violations.push(file.violation(
                1,
                format!("a file named {stem}"),
                "Such a name says nothing of what is in it, so everything ends up there",
                "Name it after the one idea it holds, or move each part to where it is used",
            ));
        }
    }
    violations
}

/// Nothing marked as still to be done.
pub fn nothing_is_put_off(tree: &Tree) -> Vec<Violation> {
    // Put together, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("todo", "!("),
        concat!("unimple", "mented!("),
    ];
    let mut violations = Vec::new();
    for file in sources(tree, &["rs", "ts", "js", "svelte", "css", "html", "sql", "toml"]) {
        for (number, line) in file.lines() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(**mark)) {
                violations.push(file.violation(
                    number,
                    format!("a {}", mark.trim_end_matches("!(")),
                    "What is in the repository is done",
                    "Do it now, or write it down where work is planned",
                ));
            }
        }
    }
    violations
}

/// No socket but the hub's and the server's. Tests may open what they like.
pub fn only_hub_and_server_open_sockets(tree: &Tree) -> Vec<Violation> {
    let sockets = [
        (
            concat!("Tcp", "Listener"),
            "crates/server/",
            "Only crates/server listens",
            "Put it into crates/server",
        ),
        (
            concat!("Udp", "Socket"),
            "crates/server/",
            "Only crates/server listens",
            "Put it into crates/server",
        ),
        (
            concat!("Tcp", "Stream"),
            "crates/hub/",
            "Only crates/hub opens a connection",
            "Ask hearth-hub for what you need",
        ),
    ];
    let mut violations = Vec::new();
    for file in sources(tree, &["rs"]).filter(|file| !is_a_test(&file.path)) {
        for (number, line) in file.code_without_tests() {
            for (socket, room, why, mend) in sockets {
                if line.contains(socket) && !file.path.starts_with(room) {
                    violations.push(file.violation(number, format!("a {socket}"), why, mend));
                }
            }
        }
    }
    violations
}

fn is_a_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/")
}

#[cfg(test)]
mod tests {
    use super::super::tree::small;
    use super::*;

    #[test]
    fn lines_of_code_are_counted_without_comments_and_in_no_generated_file() {
        let (full, over) = ("x();\n".repeat(500) + "// why\n\n", "x();\n".repeat(501));
        assert_eq!(no_file_is_too_long(&small::files([("a.rs", &full)])), []);
        assert_eq!(
            no_file_is_too_long(&small::files([("ui/src/lib/backend/bindings/A.ts", &over)])),
            []
        );
        let found = no_file_is_too_long(&small::files([("ui/src/A.svelte", &over)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "501 lines of code");
    }

    #[test]
    fn empty_names_are_found() {
        let tree = small::files([
            ("crates/a/src/mod.rs", ""),
            ("ui/src/utils.ts", ""),
            ("ui/src/helpers.svelte.ts", ""),
            ("crates/a/src/modes.rs", ""),
        ]);
        let found = file_names_say_what_is_in_them(&tree);
        let files: Vec<&str> = found.iter().map(|violation| violation.file.as_str()).collect();
        assert_eq!(
            files,
            [
                "crates/a/src/mod.rs",
                "ui/src/utils.ts",
                "ui/src/helpers.svelte.ts"
            ]
        );
    }

    #[test]
    fn what_is_put_off_is_found_even_in_a_comment() {
        let text = format!(
            "fn f() {{\n    {}()\n}}\n// {}: later\n",
            concat!("todo", "!"),
            concat!("TO", "DO")
        );
        let found = nothing_is_put_off(&small::files([("a.rs", &text)]));
        assert_eq!(
            found.iter().map(|violation| violation.line).collect::<Vec<_>>(),
            [2, 4]
        );
        assert_eq!(
            nothing_is_put_off(&small::files([("a.rs", "let todos = 1;")])),
            []
        );
    }

    #[test]
    fn sockets_are_found_outside_their_rooms_and_tests() {
        let listen = concat!("use std::net::Tcp", "Listener;\n");
        let connect = concat!("use std::net::Tcp", "Stream;\n");
        let tested = format!("#[cfg(test)]\nmod tests {{\n{listen}}}\n");
        let allowed = small::files([
            ("crates/server/src/lib.rs", listen),
            ("crates/hub/src/lib.rs", connect),
            ("crates/hub/tests/hub.rs", listen),
            ("tests/e2e/src/lib.rs", listen),
            ("crates/app/src/lib.rs", &tested),
        ]);
        assert_eq!(only_hub_and_server_open_sockets(&allowed), []);
        let forbidden = small::files([
            ("crates/app/src/lib.rs", listen),
            ("src-tauri/src/lib.rs", connect),
        ]);
        assert_eq!(only_hub_and_server_open_sockets(&forbidden).len(), 2);
    }
}
