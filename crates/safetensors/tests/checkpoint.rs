//! A folder of safetensors, whole and broken in every way that was thought of.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use hearth_safetensors::{Checkpoint, Error};
use proptest::prelude::*;

/// A file of weights with these tensors of 2 × 4 numbers of 16 bits.
fn weights(names: &[&str]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    for (place, name) in names.iter().enumerate() {
        let at = place * 16;
        header.insert(
            (*name).to_owned(),
            serde_json::json!({ "dtype": "BF16", "shape": [2, 4], "data_offsets": [at, at + 16] }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    let length = (header.len() as u64).to_le_bytes().to_vec();
    [length, header, vec![0; names.len() * 16]].concat()
}

const CONFIG: &str = r#"{"architectures":["LlamaForCausalLM"],"vocab_size":8,"auto_map":{},
    "text_config":{"hidden_size":4,"vocab_size":null}}"#;
const TOKENIZER: &str = r#"{"model":{"vocab":{"a":0,"b":6}},"added_tokens":[{"id":7,"content":"</s>"}]}"#;

fn model(folder: &Path) -> Vec<PathBuf> {
    let index = serde_json::json!({ "weight_map": { "one": "1.safetensors", "two": "2.safetensors" } });
    let files: [(&str, Vec<u8>); 6] = [
        ("config.json", CONFIG.into()),
        ("tokenizer.json", TOKENIZER.into()),
        ("chat_template.jinja", b"{{ messages }}".to_vec()),
        ("2.safetensors", weights(&["two"])),
        ("1.safetensors", weights(&["one", "more"])),
        ("model.safetensors.index.json", index.to_string().into()),
    ];
    files
        .map(|(name, bytes)| {
            fs::write(folder.join(name), bytes).unwrap();
            folder.join(name)
        })
        .to_vec()
}

#[test]
fn a_whole_model_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let model = Checkpoint::open(&model(folder.path())).unwrap();
    assert_eq!(model.config.architecture(), Some("LlamaForCausalLM"));
    assert_eq!(model.config.number("hidden_size"), Some(4));
    assert_eq!(model.config.number("vocab_size"), Some(8));
    assert!(model.config.has_code());
    assert!(model.has_template);
    assert_eq!(model.tokens, Some(8));
    let names: Vec<&str> = model.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["more", "one", "two"]);
    assert_eq!(model.tensor("two").unwrap().bytes, 16);
    assert_eq!(model.files.weights[0].file_name().unwrap(), "1.safetensors");
}

/// What is said of a model after one change.
fn after(change: impl FnOnce(&Path, &mut Vec<PathBuf>)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut files = model(folder.path());
    change(folder.path(), &mut files);
    Checkpoint::open(&files).unwrap_err().to_string()
}

fn without(name: &str) -> String {
    after(|_, files| files.retain(|path| path.file_name().unwrap() != name))
}

fn with(name: &str, bytes: impl AsRef<[u8]>) -> String {
    after(|folder, _| fs::write(folder.join(name), bytes).unwrap())
}

#[test]
fn what_is_missing_is_named() {
    insta::assert_snapshot!(without("config.json"), @"config.json, which says how the model is built, is missing; download the model again");
    insta::assert_snapshot!(without("tokenizer.json"), @"tokenizer.json, which turns text into tokens, is missing; download the model again");
    insta::assert_snapshot!(without("2.safetensors"), @"2.safetensors, a part of the weights, is missing; download the model again");
    let gone = after(|folder, _| fs::remove_file(folder.join("config.json")).unwrap());
    assert!(gone.contains("config.json"), "{gone}");
}

#[test]
fn what_is_wrong_is_named() {
    insta::assert_snapshot!(with("config.json", "{"), @"config.json is no JSON: EOF while parsing an object at line 1 column 1");
    insta::assert_snapshot!(with("tokenizer.json", "[]"), @"tokenizer.json has no tokens");
    insta::assert_snapshot!(with("1.safetensors", "short"), @"1.safetensors has 5 bytes and needs 8");
    insta::assert_snapshot!(with("1.safetensors", [255; 64]), @"1.safetensors claims a header of 18446744073709551615 bytes: it is no safetensors file");
    let whole = weights(&["one", "more"]);
    insta::assert_snapshot!(with("1.safetensors", &whole[..whole.len() - 1]), @"1.safetensors has 160 bytes and needs 161");
    let index = r#"{"weight_map":{"one":"../1.safetensors"}}"#;
    insta::assert_snapshot!(with("model.safetensors.index.json", index), @"model.safetensors.index.json names “../1.safetensors”, which is no file of its folder");
    insta::assert_snapshot!(with("model.safetensors.index.json", "{}"), @"model.safetensors.index.json has no weight_map");
}

#[test]
fn a_model_without_a_template_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = model(folder.path());
    files.retain(|path| path.extension().unwrap() != "jinja");
    assert!(!Checkpoint::open(&files).unwrap().has_template);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read(at in 0usize..161, byte: u8, cut in 0usize..161) {
        let folder = tempfile::tempdir().unwrap();
        let files = model(folder.path());
        let mut bytes = weights(&["one", "more"]);
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(at));
        fs::write(folder.path().join("1.safetensors"), bytes).unwrap();
        match Checkpoint::open(&files) {
            Ok(model) => prop_assert!(model.tensors.len() <= 3),
            Err(Error::Io { source, .. }) => prop_assert!(false, "{source}"),
            Err(_) => {}
        }
    }
}

#[test]
fn positions_are_read_in_either_form() {
    let apart = |text: &str| {
        let config = hearth_safetensors::Config::new(serde_json::from_str(text).unwrap());
        config.with_rope_apart().map(|config| config.to_json())
    };
    insta::assert_snapshot!(
        apart(r#"{"rope_parameters":{"rope_type":"default","rope_theta":1e6}}"#).unwrap(),
        @r#"{"rope_scaling":null,"rope_theta":1000000.0}"#
    );
    insta::assert_snapshot!(
        apart(r#"{"text_config":{"rope_parameters":{"rope_type":"yarn","factor":4.0,"rope_theta":1e4}}}"#).unwrap(),
        @r#"{"text_config":{"rope_scaling":{"factor":4.0,"rope_type":"yarn"},"rope_theta":10000.0}}"#
    );
    for as_it_is in [
        r#"{"rope_theta":1e4,"rope_parameters":{"rope_theta":1e6}}"#,
        r#"{"rope_parameters":{"full_attention":{"rope_theta":1e6}}}"#,
        r#"{"rope_parameters":7}"#,
        r#"{"rope_parameters":{"rope_theta":"far"}}"#,
        "[]",
    ] {
        assert_eq!(apart(as_it_is), None, "{as_it_is}");
    }
}
