//! Headers of a real file and of files that lie.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use hearth_fixtures::{Gguf, Tensor, Value};
use hearth_gguf::{GgufError, Header, TensorType};

fn bard() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf")
}

#[test]
fn the_built_in_model_tells_what_it_is() {
    let header = Header::open(&bard()).unwrap();
    assert_eq!(header.architecture(), Some("qwen3"));
    assert_eq!(header.context_length(), Some(2048));
    assert_eq!(header.text("general.name"), Some("bard"));
    assert!(
        header
            .text("tokenizer.chat_template")
            .unwrap()
            .contains("<|im_start|>")
    );
    let query = header
        .tensors
        .iter()
        .find(|tensor| tensor.name == "blk.0.attn_q.weight")
        .unwrap();
    assert_eq!(
        (query.shape.as_slice(), query.tensor_type.name().as_str()),
        ([192, 192].as_slice(), "Q8_0")
    );
}

#[test]
fn a_file_cut_short_says_by_how_much() {
    let whole = std::fs::read(bard()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.gguf");
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    match Header::open(&cut) {
        Err(GgufError::TruncatedData { expected, found }) => {
            assert_eq!((expected, found), (whole.len() as u64, whole.len() as u64 - 100));
        }
        other => panic!("{other:?}"),
    }
    std::fs::write(&cut, &whole[..2000]).unwrap();
    assert!(matches!(Header::open(&cut), Err(GgufError::TruncatedHeader(_))));
}

#[test]
fn what_is_no_gguf_is_told_apart() {
    assert!(matches!(Header::read(&b""[..]), Err(GgufError::NotGguf)));
    assert!(matches!(
        Header::read(&b"PK\x03\x04 a zip"[..]),
        Err(GgufError::NotGguf)
    ));
    assert!(matches!(
        Header::read(&b"GGUF\x01\0\0\0"[..]),
        Err(GgufError::Version(1))
    ));
}

#[test]
fn a_length_that_no_model_has_allocates_nothing() {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(u64::MAX.to_le_bytes());
    assert!(matches!(
        Header::read(bytes.as_slice()),
        Err(GgufError::Damaged(_))
    ));
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(u64::MAX.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    assert!(matches!(
        Header::read(bytes.as_slice()),
        Err(GgufError::Damaged(_))
    ));
}

#[test]
fn types_that_the_engine_lacks_are_known_by_name_and_size() {
    assert_eq!(TensorType::from_id(23).name(), "IQ4_XS");
    assert_eq!(TensorType::from_id(39).bytes(64), Some(34));
    assert_eq!(TensorType::from_id(12).bytes(100), None);
    assert_eq!(TensorType::from_id(33).bytes(64), Some(36));
    assert_eq!(TensorType::from_id(4).bytes(64), None);
    assert_eq!(TensorType::from_id(999).name(), "type 999");
}

#[test]
fn what_contradicts_itself_is_refused_in_words() {
    let refused = |file: Gguf, why: &str| match Header::read(file.header().as_slice()) {
        Err(GgufError::Damaged(what)) => assert!(what.contains(why), "{what}"),
        other => panic!("{other:?}"),
    };
    let key = |name: &str, value| (name.to_owned(), value);
    let tensor = || Tensor::ones("norm", 8);
    refused(
        Gguf::new(
            vec![key("k", Value::U32(1)), key("k", Value::Bool(true))],
            Vec::new(),
        ),
        "two values for `k`",
    );
    refused(
        Gguf::new(Vec::new(), vec![tensor(), tensor()]),
        "two tensors of the name `norm`",
    );
    refused(
        Gguf::new(vec![key("k", Value::Raw(13, Vec::new()))], Vec::new()),
        "type 13 for `k`",
    );
    refused(
        Gguf::new(vec![key("general.alignment", Value::U32(33))], Vec::new()),
        "an alignment of",
    );
    let long = format!("\u{1b}[31m{}", "x".repeat(500));
    let five_dimensions = Tensor {
        claimed_dimensions: Some(vec![1; 5]),
        ..Tensor::ones(long, 8)
    };
    let file = Gguf::new(Vec::new(), vec![five_dimensions]);
    let error = Header::read(file.header().as_slice()).unwrap_err().to_string();
    assert!(
        error.contains("5 dimensions for `\\u{1b}[31mxxx") && error.len() < 200,
        "{error}"
    );
}

#[test]
fn a_file_without_tensors_may_end_with_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocabulary.gguf");
    let mut bytes = Gguf::new(vec![("a.key".to_owned(), Value::Bool(true))], Vec::new()).header();
    bytes.truncate(24 + 8 + 5 + 4 + 1);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(Header::open(&path).unwrap().weight_bytes(), Some(0));
}

#[test]
fn sizes_beyond_any_file_are_told_from_files_that_are_too_short() {
    let of_shape = |shape: Vec<u64>, offset| {
        let tensor = Tensor {
            claimed_dimensions: Some(shape),
            claimed_offset: Some(offset),
            ..Tensor::ones("norm", 8)
        };
        Header::read(Gguf::new(Vec::new(), vec![tensor]).header().as_slice()).unwrap()
    };
    let long = of_shape(vec![1 << 20, 1 << 20], 0);
    assert_eq!(long.weight_bytes(), Some(1 << 42));
    assert!(matches!(
        long.check_length(1 << 30),
        Err(GgufError::TruncatedData { .. })
    ));
    assert!(long.check_length((1 << 42) + long.data_start).is_ok());
    for absurd in [
        of_shape(vec![u64::MAX, 2], 0),
        of_shape(vec![1 << 63, 1], 0),
        of_shape(vec![8], u64::MAX),
    ] {
        assert!(matches!(
            absurd.check_length(u64::MAX),
            Err(GgufError::Damaged(_))
        ));
    }
}

#[test]
fn a_tensor_type_is_written_out_by_the_number_that_files_have_for_it() {
    for id in [12, 39, 999] {
        let written = serde_json::to_string(&TensorType::from_id(id)).unwrap();
        assert_eq!(written, id.to_string());
        assert_eq!(
            serde_json::from_str::<TensorType>(&written).unwrap(),
            TensorType::from_id(id)
        );
    }
}
