//! What holds for the interface.

use super::Violation;
use super::tree::{SourceFile, Tree};

const BACKEND: &str = "ui/src/lib/backend/";
const PACKAGE: &str = "ui/package.json";
const WHY_VERSIONS: &str = "The two halves of Tauri speak a protocol that may change between minor versions";

/// Only one folder imports Tauri's packages; the rest of the interface sees typed functions.
pub fn only_the_backend_folder_knows_tauri(tree: &Tree) -> Vec<Violation> {
    let of_the_interface = |file: &&SourceFile| {
        file.path.starts_with("ui/")
            && ["ts", "js", "svelte"].contains(&file.extension())
            && !file.path.starts_with(BACKEND)
    };
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(of_the_interface) {
        for (number, line) in file.code() {
            if ["\"", "'", "`"]
                .iter()
                .any(|quote| line.contains(&format!("{quote}@tauri-apps/")))
            {
                violations.push(file.violation(
                    number,
                    "an import from @tauri-apps".to_owned(),
                    "Only ui/src/lib/backend knows Tauri, so that the rest is tested without a window",
                    "Add a typed function there and import that",
                ));
            }
        }
    }
    violations
}

/// Each npm package of Tauri has the minor version of its crate.
pub fn tauri_is_the_same_version_on_both_sides(tree: &Tree) -> Vec<Violation> {
    let (Some(package), Some(lock)) = (tree.file(PACKAGE), tree.file("Cargo.lock")) else {
        return vec![tree.violation_at(
            PACKAGE,
            |_| true,
            "no package.json, or no Cargo.lock beside it".to_owned(),
            WHY_VERSIONS,
            "Restore the file",
        )];
    };
    let mut violations = Vec::new();
    for (number, line) in package.lines() {
        let Some((name, version)) = npm_dependency(line) else {
            continue;
        };
        let crate_name = match name {
            // The command line tool has the version of the library it builds for.
            "api" | "cli" => "tauri".to_owned(),
            plugin => format!("tauri-{plugin}"),
        };
        let locked = locked_version(&lock.text, &crate_name);
        if locked.map(minor) != Some(minor(version)) {
            let rust = locked.unwrap_or("none");
            let what = format!("@tauri-apps/{name} {version} beside {crate_name} {rust}");
            violations.push(package.violation(
                number,
                what,
                WHY_VERSIONS,
                "Bring both to the same minor version",
            ));
        }
    }
    violations
}

/// The name after `@tauri-apps/` and the version, without range marks, of a line of package.json.
fn npm_dependency(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim().strip_prefix("\"@tauri-apps/")?.split_once('"')?;
    let version = rest
        .trim_start_matches([':', ' ', '"', '^', '~', '='])
        .split('"')
        .next()?;
    Some((name, version))
}

fn locked_version<'a>(lock: &'a str, crate_name: &str) -> Option<&'a str> {
    let entry = lock
        .split("[[package]]")
        .find(|entry| entry.contains(&format!("name = \"{crate_name}\"\n")))?;
    entry
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
}

fn minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::tree::small;
    use super::*;

    #[test]
    fn tauri_is_imported_in_one_folder_only() {
        let import = "import { invoke } from \"@tauri-apps/api/core\";\n";
        let tree = small::files([
            ("ui/src/lib/backend/tauri.ts", import),
            ("ui/src/lib/chats/Chats.svelte", import),
            ("ui/src/lib/words.ts", "// not from \"@tauri-apps/api\"\n"),
        ]);
        let found = only_the_backend_folder_knows_tauri(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].file.as_str(), found[0].line),
            ("ui/src/lib/chats/Chats.svelte", 1)
        );
    }

    const LOCK: &str = "[[package]]\nname = \"tauri\"\nversion = \"2.12.5\"\n\n\
        [[package]]\nname = \"tauri-plugin-dialog\"\nversion = \"2.8.4\"\n";

    fn with_package(lines: &str) -> Vec<Violation> {
        let text = format!("{{\n  \"dependencies\": {{\n{lines}  }}\n}}\n");
        tauri_is_the_same_version_on_both_sides(&small::files([(PACKAGE, &text), ("Cargo.lock", LOCK)]))
    }

    #[test]
    fn minor_versions_must_match_and_patches_need_not() {
        assert_eq!(
            with_package("    \"@tauri-apps/api\": \"~2.12.1\",\n    \"vite\": \"8.0.0\"\n"),
            []
        );
        assert_eq!(with_package("    \"@tauri-apps/plugin-dialog\": \"2.8.4\"\n"), []);
        let found = with_package("    \"@tauri-apps/api\": \"2.11.5\"\n");
        assert_eq!(found[0].what, "@tauri-apps/api 2.11.5 beside tauri 2.12.5");
        assert_eq!(found[0].line, 3);
    }

    #[test]
    fn a_package_without_its_crate_is_found() {
        let found = with_package("    \"@tauri-apps/plugin-opener\": \"2.7.2\"\n");
        assert_eq!(
            found[0].what,
            "@tauri-apps/plugin-opener 2.7.2 beside tauri-plugin-opener none"
        );
    }
}
