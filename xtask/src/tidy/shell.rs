//! What holds for the window: its content policy, and who may call which command.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Violation;
use super::tree::Tree;

const CONFIGURATION: &str = "tauri.conf.json";
const BUILD_SCRIPT: &str = "src-tauri/build.rs";

/// The window loads nothing from elsewhere and evaluates no strings.
pub fn the_content_policy_is_closed(tree: &Tree) -> Vec<Violation> {
    let Some(file) = tree.file(CONFIGURATION) else {
        return vec![policy_violation(tree, "no such file".to_owned())];
    };
    let Ok(configuration) = serde_json::from_str::<Value>(&file.text) else {
        return vec![policy_violation(tree, "not JSON".to_owned())];
    };
    let directives = directives(&configuration["app"]["security"]["csp"]);
    if !directives.iter().any(|(name, _)| name == "default-src") {
        return vec![policy_violation(
            tree,
            "no content security policy with a default-src".to_owned(),
        )];
    }
    let mut violations = Vec::new();
    for (name, sources) in directives {
        for source in sources {
            if is_open(&name, &source) {
                violations.push(policy_violation(tree, format!("{source} in {name}")));
            }
        }
    }
    violations
}

fn policy_violation(tree: &Tree, what: String) -> Violation {
    tree.violation_at(
        CONFIGURATION,
        |line| line.contains("\"csp\""),
        what,
        "The window shows text that a model wrote, and must neither run it nor fetch what it names",
        "Let Rust do what needs it and close the policy",
    )
}

/// The policy's directives, whether written as one string or as an object.
fn directives(policy: &Value) -> Vec<(String, Vec<String>)> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    match policy {
        Value::String(text) => text
            .split(';')
            .map(words)
            .filter(|words| !words.is_empty())
            .map(|mut words| (words.remove(0), words))
            .collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(name, sources)| {
                let sources = match sources {
                    Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                    other => words(other.as_str().unwrap_or_default()),
                };
                (name.clone(), sources)
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a source lets in code or content from outside the app.
fn is_open(directive: &str, source: &str) -> bool {
    // Tauri's own channels to Rust, which never leave the process.
    const OWN: [&str; 4] = ["ipc:", "http://ipc.localhost", "asset:", "http://asset.localhost"];
    let quoted = source.starts_with('\'');
    if quoted {
        return source.contains("unsafe-eval") || (directive == "script-src" && source == "'unsafe-inline'");
    }
    let embedded = ["data:", "blob:"].contains(&source);
    if embedded {
        directive == "script-src" || directive == "default-src"
    } else {
        !OWN.contains(&source)
    }
}

/// The shell's list of commands, the capabilities and the handler name the same commands.
pub fn every_command_is_granted_and_handled(tree: &Tree) -> Vec<Violation> {
    const WHY: &str = "A command outside the build script's list can be called by every page, \
                       one that no capability grants by none";
    let declared = declared_commands(tree);
    let granted = granted_commands(tree);
    let handled = handled_commands(tree);
    let mut violations = Vec::new();
    let mut report = |commands: BTreeSet<&String>, what: &str, mend: &'static str| {
        for command in commands {
            let names_it = |line: &str| line.contains(&format!("\"{command}\""));
            violations.push(tree.violation_at(
                BUILD_SCRIPT,
                names_it,
                format!("{command} {what}"),
                WHY,
                mend,
            ));
        }
    };
    report(
        declared.difference(&granted).collect(),
        "is granted by no capability",
        "Add its allow- permission to a file in capabilities/",
    );
    report(
        granted.difference(&declared).collect(),
        "is granted but not in the list of commands",
        "Add it to the list, or take its permission out of capabilities/",
    );
    report(
        declared.difference(&handled).collect(),
        "has no handler",
        "Add it to generate_handler!, or remove it",
    );
    report(
        handled.difference(&declared).collect(),
        "is handled but not in the list of commands",
        "Add it to the list and grant it",
    );
    violations
}

/// The strings of the first list that follows the word "commands" in the build script.
fn declared_commands(tree: &Tree) -> BTreeSet<String> {
    let text = tree.file(BUILD_SCRIPT).map_or("", |file| file.text.as_str());
    let start = text.to_ascii_lowercase().find("commands").unwrap_or(text.len());
    let lists = text[start..]
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split_once(']'));
    let mut quoted = lists
        .map(|(list, _)| quoted_strings(list))
        .filter(|list| !list.is_empty());
    quoted.next().unwrap_or_default()
}

fn quoted_strings(text: &str) -> BTreeSet<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The app's own permissions in the capability files, as command names.
fn granted_commands(tree: &Tree) -> BTreeSet<String> {
    let files = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("capabilities/") && file.extension() == "json");
    let capabilities = files.filter_map(|file| serde_json::from_str::<Value>(&file.text).ok());
    let mut granted = BTreeSet::new();
    for capability in capabilities {
        for permission in capability["permissions"].as_array().into_iter().flatten() {
            let name = permission
                .as_str()
                .or_else(|| permission["identifier"].as_str())
                .unwrap_or_default();
            // A colon marks a permission of Tauri's or a plugin's.
            if let Some(command) = name.strip_prefix("allow-").filter(|name| !name.contains(':')) {
                granted.insert(command.replace('-', "_"));
            }
        }
    }
    granted
}

/// The commands that the shell's sources hand to `generate_handler!`, without their modules.
fn handled_commands(tree: &Tree) -> BTreeSet<String> {
    let sources = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with("src-tauri/src/"));
    let lists = sources.filter_map(|file| file.text.split_once("generate_handler![")?.1.split_once(']'));
    let entries = lists.flat_map(|(list, _)| list.lines().flat_map(|line| line.split("//").next()));
    entries
        .flat_map(|line| line.split(','))
        .filter_map(|entry| entry.trim().rsplit("::").next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::small;
    use super::*;

    fn policy(csp: &str) -> Vec<String> {
        let text = format!("{{\n  \"app\": {{ \"security\": {{\n    \"csp\": {csp}\n  }} }}\n}}");
        let found = the_content_policy_is_closed(&small::files([(CONFIGURATION, &text)]));
        assert!(found.iter().all(|violation| violation.line == 3));
        found.into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn a_closed_policy_passes() {
        let closed = "\"default-src 'self'; connect-src ipc: http://ipc.localhost; img-src 'self' data:; \
                      style-src 'self' 'unsafe-inline'; object-src 'none'\"";
        assert_eq!(policy(closed), [""; 0]);
    }

    #[test]
    fn each_way_to_open_it_is_found() {
        assert_eq!(policy("null"), ["no content security policy with a default-src"]);
        assert_eq!(
            policy("\"script-src 'self'\""),
            ["no content security policy with a default-src"]
        );
        assert_eq!(
            policy("\"default-src 'self'; script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' data:\""),
            [
                "'unsafe-eval' in script-src",
                "'wasm-unsafe-eval' in script-src",
                "data: in script-src"
            ]
        );
        assert_eq!(
            policy(
                "{ \"default-src\": \"'self'\", \"connect-src\": [\"ipc:\", \"https://example.org\", \"*\"] }"
            ),
            ["https://example.org in connect-src", "* in connect-src"]
        );
        assert_eq!(the_content_policy_is_closed(&small::files([])).len(), 1);
    }

    fn commands(declared: &str, granted: &str, handled: &str) -> Vec<String> {
        let tree = small::files([
            (
                BUILD_SCRIPT,
                &format!("const COMMANDS: &[&str] = &[{declared}];\nfn main() {{}}\n"),
            ),
            (
                "capabilities/main.json",
                &format!("{{ \"permissions\": [\"core:allow-x\", {granted}] }}"),
            ),
            (
                "src-tauri/src/lib.rs",
                &format!(".invoke_handler(tauri::generate_handler![{handled}])"),
            ),
        ]);
        every_command_is_granted_and_handled(&tree)
            .into_iter()
            .map(|violation| violation.what)
            .collect()
    }

    #[test]
    fn commands_that_agree_everywhere_pass() {
        let handled = "\n    commands::chats::open_chat,\n    commands::start, // first\n";
        let agreeing = commands(
            "\"start\", \"open_chat\"",
            "\"allow-start\", \"allow-open-chat\"",
            handled,
        );
        assert_eq!(agreeing, [""; 0]);
    }

    #[test]
    fn a_command_missing_in_one_place_is_found() {
        assert_eq!(
            commands("\"start\"", "\"core:default\"", "start"),
            ["start is granted by no capability"]
        );
        assert_eq!(
            commands("\"start\"", "\"allow-start\"", ""),
            ["start has no handler"]
        );
        assert_eq!(
            commands(
                "\"start\"",
                "\"allow-start\", \"allow-stop\"",
                "start, commands::stop"
            ),
            [
                "stop is granted but not in the list of commands",
                "stop is handled but not in the list of commands"
            ]
        );
    }
}
