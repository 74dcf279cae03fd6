//! Models over several files, and vocabularies that are or are not the same.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use hearth_fixtures::{Gguf, ModelFile, Quantisation, Shape, Value};
use hearth_gguf::{GgufError, Header, ShardName, plain_name, shard_name};

fn read(file: &Gguf) -> Header {
    Header::read(file.header().as_slice()).unwrap()
}

fn model() -> Gguf {
    ModelFile::random(Shape::TINY).to_gguf()
}

/// The model over three files as `gguf-split --no-tensor-first-split` writes them.
fn shards() -> Vec<Header> {
    let Gguf {
        metadata, tensors, ..
    } = model();
    let count = tensors.len();
    let mut tensors = tensors.into_iter();
    let parts = [0, 10, count - 10].map(|size| tensors.by_ref().take(size).collect::<Vec<_>>());
    let files = (0_u16..).zip(parts).map(|(number, tensors)| {
        let split = [
            ("split.no", 2, number.to_le_bytes().to_vec()),
            ("split.count", 2, 3_u16.to_le_bytes().to_vec()),
            ("split.tensors.count", 5, (count as i32).to_le_bytes().to_vec()),
        ];
        let split = split.map(|(key, kind, bytes)| (key.to_owned(), Value::Raw(kind, bytes)));
        let metadata = if number == 0 { metadata.clone() } else { Vec::new() };
        read(&Gguf::new([metadata, split.into()].concat(), tensors))
    });
    files.collect()
}

#[test]
fn parts_in_any_order_make_the_whole_model() {
    let (whole, mut parts) = (read(&model()), shards());
    assert_eq!((parts[1].split_no(), parts[1].split_count()), (Some(1), Some(3)));
    assert_eq!(parts[2].split_tensors_count(), Some(whole.tensors.len() as u64));
    assert!(parts[0].tensors.is_empty());
    parts.rotate_left(1);
    let joined = Header::join(parts).unwrap();
    assert_eq!(joined.architecture(), Some("qwen3"));
    assert_eq!(joined.vocabulary_hash, whole.vocabulary_hash);
    assert_eq!(joined.weight_bytes(), whole.weight_bytes());
    let names = |header: &Header| header.tensors.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&joined), names(&whole));
    assert_eq!(Header::join(vec![whole.clone()]).unwrap(), whole);
}

#[test]
fn parts_that_are_no_whole_are_refused() {
    let refused = |parts: Vec<Header>, why: &str| match Header::join(parts) {
        Err(error @ GgufError::Parts(_)) => assert!(error.to_string().contains(why), "{error}"),
        other => panic!("{other:?}"),
    };
    refused(Vec::new(), "there are none");
    refused(shards().split_off(1), "of a model in 3 files, and 2 are here");
    let mut parts = shards();
    parts[2] = parts[1].clone();
    refused(parts, "number 3 of 3 is missing");
    refused(
        vec![read(&model()), read(&model())],
        "of a model in 1 files, and 2 are here",
    );
    let mut parts = shards();
    parts[2].tensors.pop();
    refused(parts, "tensors in place of");
    let mut parts = shards();
    parts[2].tensors[0] = parts[1].tensors[0].clone();
    refused(parts, "is there twice");
    let mut parts = shards();
    parts[2].metadata.remove("split.tensors.count");
    refused(parts, "parts of different models");
}

#[test]
fn shards_are_named_as_llama_cpp_names_them() {
    let first = "deep/er/Model-Q4_K_M-00001-of-00012.gguf";
    assert_eq!(
        shard_name(first, 11, 12).as_deref(),
        Some("deep/er/Model-Q4_K_M-00012-of-00012.gguf")
    );
    assert_eq!(shard_name(first, 0, 12).as_deref(), Some(first));
    assert_eq!(shard_name(first, 12, 12), None);
    assert_eq!(shard_name(first, 1, 3), None);
    let name = ShardName::parse("m-00002-of-00003.gguf").unwrap();
    assert_eq!((name.stem, name.number, name.count), ("m", 2, 3));
    assert_eq!(plain_name(Path::new(first)), "Model-Q4_K_M");
    assert_eq!(plain_name(Path::new("deep/er/model-v1.5.gguf")), "model-v1.5");
    for whole in [
        "model.gguf",
        "model-00004-of-00003.gguf",
        "model-00000-of-00003.gguf",
        "model-1-of-3.gguf",
        "model-00001-of-00003.safetensors",
        "model-+0001-of-00003.gguf",
        "-of-.gguf",
        "",
    ] {
        assert_eq!(ShardName::parse(whole), None, "{whole}");
    }
}

fn hash(metadata: Vec<(String, Value)>) -> Option<[u8; 32]> {
    read(&Gguf::new(metadata, Vec::new())).vocabulary_hash
}

fn vocabulary(tokens: &[&str], model: &str, pre: &str) -> Vec<(String, Value)> {
    let text = |text: &str| Value::Text(text.to_owned());
    let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
    let pairs = [
        ("tokenizer.ggml.model", text(model)),
        ("tokenizer.ggml.pre", text(pre)),
        ("tokenizer.ggml.tokens", Value::Texts(tokens)),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

#[test]
fn models_of_one_vocabulary_are_recognised_whatever_else_they_are() {
    let large = ModelFile::random(Shape::QWEN3_0_6B).to_gguf();
    let small = ModelFile::random(Shape {
        vocabulary: Shape::QWEN3_0_6B.vocabulary,
        ..Shape::TINY
    });
    let small = small.quantisation(Quantisation::F16).to_gguf();
    let hash = read(&large).vocabulary_hash;
    assert!(hash.is_some());
    assert_eq!(hash, read(&small).vocabulary_hash);
    assert_ne!(hash, read(&model()).vocabulary_hash);
}

#[test]
fn a_vocabulary_is_its_tokens_in_order_and_the_rules_that_cut_text() {
    let of = |tokens: &[&str]| hash(vocabulary(tokens, "gpt2", "qwen2"));
    let one = of(&["a", "bc", "d"]);
    assert!(one.is_some());
    for other in [
        &["ab", "c", "d"][..],
        &["bc", "a", "d"],
        &["a", "bc"],
        &["a", "bc", "d", ""],
        &[],
    ] {
        assert_ne!(one, of(other), "{other:?}");
    }
    assert_ne!(one, hash(vocabulary(&["a", "bc", "d"], "llama", "qwen2")));
    assert_ne!(one, hash(vocabulary(&["a", "bc", "d"], "gpt2", "llama-bpe")));
    let mut last_first = vocabulary(&["a", "bc", "d"], "gpt2", "qwen2");
    last_first.reverse();
    last_first.insert(
        1,
        (
            "tokenizer.ggml.merges".to_owned(),
            Value::Texts(vec!["b c".to_owned()]),
        ),
    );
    assert_eq!(one, hash(last_first));
    assert_eq!(hash(vocabulary(&["a"], "gpt2", "qwen2").split_off(3)), None);
    let numbers = vec![("tokenizer.ggml.tokens".to_owned(), Value::I32s(vec![1, 2]))];
    assert_eq!(hash(numbers), None);
}
