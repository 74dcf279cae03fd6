//! Headers in pieces, headers cut short, and bytes that are no header: the parser keeps to its word.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../fuzz/laws.rs"]
mod laws;

use std::collections::BTreeMap;
use std::path::Path;

use hearth_fixtures::{BadFile, Fill, Gguf, ModelFile, Quantisation, Shape, Tensor, TensorType, Value};
use hearth_gguf::{Header, Parser, Progress};
use proptest::prelude::*;

/// A value as it is written, and as it is read.
fn any_value() -> impl Strategy<Value = (Value, hearth_gguf::Value)> {
    use hearth_gguf::Value as Read;
    prop_oneof![
        any::<u32>().prop_map(|n| (Value::U32(n), Read::Unsigned(n.into()))),
        any::<bool>().prop_map(|b| (Value::Bool(b), Read::Unsigned(b.into()))),
        (-1e30_f32..1e30).prop_map(|n| (Value::F32(n), Read::Float(n.into()))),
        any::<u64>().prop_map(|n| (Value::Raw(10, n.to_le_bytes().into()), Read::Unsigned(n))),
        (i64::MIN..0).prop_map(|n| (Value::Raw(11, n.to_le_bytes().into()), Read::Signed(n))),
        any::<i8>().prop_map(|n| {
            let read = u64::try_from(n).map_or(Read::Signed(n.into()), Read::Unsigned);
            (Value::Raw(1, n.to_le_bytes().into()), read)
        }),
        ".{0,40}".prop_map(|text| (Value::Text(text.clone()), Read::Text(text))),
        prop::collection::vec(".{0,12}", 0..30)
            .prop_map(|texts| (Value::Texts(texts.clone()), Read::Array(texts.len() as u64))),
        prop::collection::vec(any::<i32>(), 0..200).prop_map(of_integers),
        prop::collection::vec(0..i32::MAX, 0..1200).prop_map(of_integers),
    ]
}

/// Short lists without negative numbers are kept.
fn of_integers(numbers: Vec<i32>) -> (Value, hearth_gguf::Value) {
    let kept: Option<Vec<u64>> = numbers.iter().map(|&n| u64::try_from(n).ok()).collect();
    let length = numbers.len() as u64;
    let read = kept.filter(|_| length <= 1024).map(hearth_gguf::Value::List);
    (
        Value::I32s(numbers),
        read.unwrap_or(hearth_gguf::Value::Array(length)),
    )
}

type Metadata = BTreeMap<String, (Value, hearth_gguf::Value)>;

fn any_metadata() -> impl Strategy<Value = Metadata> {
    let key = prop_oneof![
        "[a-z]{1,8}(\\.[a-z_]{1,12}){0,2}",
        Just("tokenizer.ggml.tokens".to_owned())
    ];
    prop::collection::btree_map(key, any_value(), 0..12)
}

fn any_tensors() -> impl Strategy<Value = BTreeMap<String, Vec<u64>>> {
    let shape = prop::collection::vec(1_u64..40, 0..5);
    prop::collection::btree_map("[a-z0-9.]{1,40}", shape, 0..10)
}

fn written(metadata: &Metadata, tensors: &BTreeMap<String, Vec<u64>>) -> Gguf {
    let metadata = metadata
        .iter()
        .map(|(key, (value, _))| (key.clone(), value.clone()));
    let tensors = tensors.iter().map(|(name, shape)| Tensor {
        claimed_dimensions: Some(shape.clone()),
        ..Tensor::matrix(name, 1, 1, TensorType::F32, Fill::Zeros)
    });
    Gguf::new(metadata.collect(), tensors.collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read(metadata in any_metadata(), tensors in any_tensors(), version in 2_u32..=3) {
        let mut file = written(&metadata, &tensors);
        file.version = version;
        let header = Header::read(file.header().as_slice()).unwrap();
        let expected: BTreeMap<_, _> = metadata.into_iter().map(|(key, (_, value))| (key, value)).collect();
        prop_assert_eq!(header.metadata, expected);
        let shapes: BTreeMap<_, _> = header.tensors.into_iter().map(|t| (t.name, t.shape)).collect();
        prop_assert_eq!(shapes, tensors);
        prop_assert_eq!(header.data_start, file.header().len() as u64);
    }

    #[test]
    fn no_cut_into_pieces_changes_what_is_read(
        metadata in any_metadata(),
        tensors in any_tensors(),
        sizes in any::<[u8; 8]>(),
    ) {
        let mut bytes = written(&metadata, &tensors).header();
        bytes.extend(sizes);
        laws::hold(&bytes);
    }

    /// Byte by byte: until the last one the parser asks for more, and never for more than there will be.
    #[test]
    fn every_beginning_asks_for_more(metadata in any_metadata(), tensors in any_tensors()) {
        let bytes = written(&metadata, &tensors).header();
        let mut parser = Parser::new();
        let mut asked = Vec::new();
        let end = loop {
            match parser.push(&bytes[asked.len()..=asked.len()]).unwrap() {
                Progress::NeedMore { at_least } => asked.push(at_least),
                Progress::Done(_) => break asked.len() as u64 + 1,
            }
        };
        prop_assert!(bytes.len() as u64 - end < 32, "only padding is left");
        for (at, at_least) in (1..).zip(&asked) {
            prop_assert!(at < *at_least && *at_least <= end, "at {at} of {end}: {at_least}");
        }
    }

    #[test]
    fn no_change_of_bytes_breaks_the_parser(
        metadata in any_metadata(),
        tensors in any_tensors(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = written(&metadata, &tensors).header();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        laws::hold(&bytes);
    }

    #[test]
    fn no_bytes_at_all_break_the_parser(
        counts in prop::option::of((0_u64..4, 0_u64..4)),
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut file = Vec::new();
        if let Some((tensors, keys)) = counts {
            file.extend(b"GGUF\x03\0\0\0");
            file.extend(tensors.to_le_bytes());
            file.extend(keys.to_le_bytes());
        }
        file.extend(bytes);
        laws::hold(&file);
    }
}

#[test]
fn every_fixture_sound_or_bad_keeps_the_laws() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for bad in BadFile::ALL {
        bad.write(&path).unwrap();
        laws::hold(&std::fs::read(&path).unwrap());
    }
    for (_, quantisation) in Quantisation::NAMED {
        let model = ModelFile::random(Shape::TINY).quantisation(quantisation);
        laws::hold(&model.to_gguf().header());
    }
}

/// What the fuzzer starts from, and what it has found.
#[test]
fn the_fuzzers_corpus_keeps_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/header");
    let mut whole = 0;
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        laws::hold(&bytes);
        whole += usize::from(Header::read(bytes.as_slice()).is_ok());
    }
    assert!(whole >= 10, "only {whole} files of the corpus are sound headers");
}

#[test]
fn what_the_model_is_shows_before_its_vocabulary_has_come() {
    let bytes = ModelFile::random(Shape {
        vocabulary: 40_000,
        ..Shape::TINY
    })
    .to_gguf()
    .header();
    let mut parser = Parser::new();
    let Progress::NeedMore { at_least } = parser.push(&bytes[..2048]).unwrap() else {
        panic!("2 kB are not a whole header");
    };
    assert!(
        at_least > 40_000 * 8,
        "each of the tokens takes 8 bytes or more: {at_least}"
    );
    let seen = parser.metadata_so_far();
    assert_eq!(
        seen["general.architecture"],
        hearth_gguf::Value::Text("qwen3".to_owned())
    );
    assert_eq!(seen["qwen3.block_count"], hearth_gguf::Value::Unsigned(2));
    assert!(!seen.contains_key("tokenizer.chat_template"));
}

#[test]
fn after_one_header_the_parser_stands_at_the_next() {
    let bytes = ModelFile::random(Shape::TINY).to_gguf().header();
    let mut parser = Parser::new();
    let first = parser.push(&bytes).unwrap();
    assert!(parser.push(b"no model at all").is_err());
    assert_eq!(parser.push(&bytes).unwrap(), first);
}
