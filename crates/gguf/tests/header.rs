//! Headers of a real file and of files that lie.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;

use hearth_gguf::{GgufError, Header, TensorType};
use proptest::prelude::*;

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
    let folder = std::env::temp_dir().join(format!("hearth-gguf-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let cut = folder.join("cut.gguf");
    std::fs::write(&cut, &whole[..whole.len() - 100]).unwrap();
    match Header::open(&cut) {
        Err(GgufError::TruncatedData { expected, found }) => {
            assert_eq!((expected, found), (whole.len() as u64, whole.len() as u64 - 100));
        }
        other => panic!("{other:?}"),
    }
    std::fs::write(&cut, &whole[..2000]).unwrap();
    assert!(matches!(Header::open(&cut), Err(GgufError::TruncatedHeader(_))));
    std::fs::remove_dir_all(folder).unwrap();
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
    assert_eq!(TensorType::from_id(999).name(), "type 999");
}

proptest! {
    /// Any byte of a real header may be anything: the answer is a header or an error, never a panic.
    #[test]
    fn no_change_of_bytes_panics(changes in prop::collection::vec((0_usize..20_000, any::<u8>()), 1..20)) {
        let mut bytes = std::fs::read(bard()).unwrap();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        let _ = Header::read(bytes.as_slice());
    }

    /// A header cut anywhere is an error.
    #[test]
    fn every_cut_is_noticed(cut in 0_usize..20_000) {
        let bytes = std::fs::read(bard()).unwrap();
        let header = Header::read(bytes.as_slice()).unwrap();
        let end = header.data_start as usize - 32;
        prop_assert!(Header::read(&bytes[..cut.min(end)]).is_err());
    }
}
