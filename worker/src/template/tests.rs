//! Every chat of `tests/families/templates.json` becomes the text that transformers made of it.

use std::path::Path;

use chrono::TimeZone;
use hearth_engine::protocol::Role;
use serde_json::{Value as Json, json};

use super::*;

fn families() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/families")
}

fn golden() -> Json {
    let text = std::fs::read(families().join("templates.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn moment(golden: &Json) -> DateTime<Local> {
    let [year, month, day, hour, minute, second]: [u32; 6] =
        serde_json::from_value(golden["now"].clone()).unwrap();
    let local = Local.with_ymd_and_hms(year as i32, month, day, hour, minute, second);
    local.earliest().unwrap()
}

fn chat(golden: &Json, name: &str) -> Vec<ChatMessage> {
    let messages: Vec<(Role, String)> = serde_json::from_value(golden["chats"][name].clone()).unwrap();
    let message = |(role, content)| ChatMessage { role, content };
    messages.into_iter().map(message).collect()
}

fn template(golden: &Json, source: &str) -> Template {
    let token = |name: &'static str| (name, golden["tokens"][name].as_str().unwrap().to_owned());
    Template::new(
        source,
        ["bos_token", "eos_token", "unk_token", "pad_token"].map(token),
    )
}

#[test]
fn chats_are_rendered_as_transformers_renders_them() {
    let golden = golden();
    let now = moment(&golden);
    let mut wrong = Vec::new();
    for (name, chats) in golden["texts"].as_object().unwrap() {
        let file = families().join(format!("templates/{name}.jinja"));
        let template = template(&golden, &std::fs::read_to_string(file).unwrap());
        for (chat_name, texts) in chats.as_object().unwrap() {
            for (think, expected) in [(false, &texts[0]), (true, &texts[1])] {
                let rendered = match template.render(&chat(&golden, chat_name), think, now) {
                    Ok(text) => json!(text),
                    Err(words) => json!({ "refused": words }),
                };
                if &rendered != expected {
                    wrong.push(format!("{name}, {chat_name}, {think}:\n{rendered}\n{expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_template_that_needs_more_than_it_is_told_says_so() {
    let golden = golden();
    for (source, words) in [
        (
            "{{ messages[0].author.name }}",
            "undefined value in line 1: {{ messages[0].author.name }}",
        ),
        (
            "{{ messages | shuffle }}",
            "unknown filter in line 1: filter shuffle is unknown",
        ),
        ("a\n{{ now() }}", "unknown function in line 2: now is unknown"),
        ("{% image %}", "syntax error in line 1: unknown statement image"),
        ("{{ raise_exception('Only tools.') }}", "Only tools."),
        ("{{ '%s' % 'a' }}", "tried to use % operator on unsupported types"),
        ("{{ strftime_now('%Q') }}", "“%Q” is no way to write a date"),
    ] {
        let refused = template(&golden, source).render(&chat(&golden, "question"), false, moment(&golden));
        let refused = refused.expect_err(source);
        assert!(refused.contains(words), "{source}: {refused}");
    }
}

#[test]
fn a_template_that_would_never_end_is_stopped() {
    let golden = golden();
    let long = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    let stopped = template(&golden, long).render(&chat(&golden, "question"), false, moment(&golden));
    assert!(stopped.is_err_and(|words| words.contains("fuel")), "it ended");
}
