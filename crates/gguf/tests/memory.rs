//! Memory while the longest headers pass that the limits allow. The only test of its program: it counts every byte.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::io::{Cursor, Read, repeat};

use hearth_gguf::{GgufError, Header};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most bytes held at once while `work` runs, beyond those held before.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let result = work();
    (result, MEMORY.peak_usage().saturating_sub(before))
}

fn beginning(tensors: u64, keys: u64) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(keys.to_le_bytes());
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// A key, its value's type, and what stands before the value's bulk.
fn key(name: &str, kind: u32, head: &[u8]) -> Vec<u8> {
    [text(name), kind.to_le_bytes().into(), head.into()].concat()
}

#[test]
fn memory_is_bounded_whatever_passes() {
    const MIB: usize = 1 << 20;

    let arrays = (0..7).map(|number| {
        let count = 4_000_000_u64;
        let head = [&10_u32.to_le_bytes()[..], &count.to_le_bytes()].concat();
        Cursor::new(key(&format!("array.{number}"), 9, &head)).chain(repeat(1).take(8 * count))
    });
    let file: Box<dyn Read> = Box::new(Cursor::new(beginning(0, 7)));
    let file = arrays.fold(file, |file, array| Box::new(file.chain(array)));
    let (header, most) = peak(|| Header::read(file).unwrap());
    assert_eq!(header.metadata.len(), 7);
    assert!(most < MIB, "{most} bytes for arrays of 224 MB that only pass by");

    let texts = (0..40_u64).map(|number| {
        let length = 4 << 20;
        let head = u64::to_le_bytes(length);
        Cursor::new(key(&format!("text.{number}"), 8, &head)).chain(repeat(b'x').take(length))
    });
    let file: Box<dyn Read> = Box::new(Cursor::new(beginning(0, 40)));
    let file = texts.fold(file, |file, text| Box::new(file.chain(text)));
    let (outcome, most) = peak(|| Header::read(file));
    assert!(matches!(outcome, Err(GgufError::Damaged(_))), "160 MB of texts");
    assert!(most < 64 * MIB, "{most} bytes for texts");

    let tensors = (0..100_000_u64).flat_map(|number| {
        let name = text(&format!("{number:0>200}"));
        let shape = [4_u32.to_le_bytes().to_vec(), vec![1; 32]].concat();
        [name, shape, vec![0; 12]].concat()
    });
    let file: Vec<u8> = beginning(100_000, 0).into_iter().chain(tensors).collect();
    let (header, most) = peak(|| Header::read(file.as_slice()).unwrap());
    assert_eq!(header.tensors.len(), 100_000);
    assert!(most < 64 * MIB, "{most} bytes for tensors");

    let claims = [
        key("text", 8, &(4_u64 << 20).to_le_bytes()),
        key("text", 8, &u64::MAX.to_le_bytes()),
        key(
            "array",
            9,
            &[&8_u32.to_le_bytes()[..], &4_000_000_u64.to_le_bytes()].concat(),
        ),
        key(
            "array",
            9,
            &[&8_u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat(),
        ),
        u64::MAX.to_le_bytes().into(),
    ];
    for claim in claims {
        let file = [beginning(100_000, 10_000), claim].concat();
        let (outcome, most) = peak(|| Header::read(file.as_slice()));
        assert!(outcome.is_err());
        assert!(most < MIB, "{most} bytes for a claim that nothing stands behind");
    }
}
