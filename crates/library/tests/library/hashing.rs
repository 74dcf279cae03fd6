//! Hashing a file, and telling whether it is whole.

use std::sync::atomic::{AtomicBool, Ordering};

use hearth_library::{LibraryError, sha256, verify};
use tempfile::TempDir;

use crate::write;

/// Of "abc", from FIPS 180-2, appendix B.1.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// Of a million times "a", from appendix B.3.
const MILLION: &str = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
static NEVER: AtomicBool = AtomicBool::new(false);

#[test]
fn the_hash_is_sha256_of_all_bytes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    for (content, expected) in [("abc".to_owned(), ABC), ("a".repeat(1_000_000), MILLION)] {
        write(&path, &content);
        assert_eq!(sha256(&path, |_, _| {}, &NEVER).unwrap(), expected);
    }
}

#[test]
fn progress_is_told_to_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    let total = (3 << 20) + 5;
    write(&path, vec![1; total]);
    let mut told = Vec::new();
    sha256(&path, |done, of| told.push((done, of)), &NEVER).unwrap();
    assert!(told.len() >= 4 && told.is_sorted(), "{told:?}");
    assert_eq!(told.last(), Some(&(total as u64, total as u64)));
}

#[test]
fn a_wish_to_stop_is_seen_between_two_pieces() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    write(&path, vec![1; 8 << 20]);
    let cancel = AtomicBool::new(false);
    let mut hashed = 0;
    let stopped = sha256(
        &path,
        |done, _| {
            hashed = done;
            cancel.store(true, Ordering::Relaxed);
        },
        &cancel,
    );
    assert!(matches!(stopped, Err(LibraryError::Cancelled)));
    assert!(hashed <= 1 << 20, "{hashed}");
}

#[test]
fn a_damaged_file_is_told_from_a_whole_one_and_from_none() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tea.gguf");
    write(&path, "abc");
    verify(&path, &ABC.to_uppercase(), |_, _| {}, &NEVER).unwrap();
    write(&path, "abd");
    let damaged = verify(&path, ABC, |_, _| {}, &NEVER).unwrap_err();
    assert!(
        matches!(&damaged, LibraryError::Damaged { expected, found, .. } if expected == ABC && found != ABC),
        "{damaged}"
    );
    assert!(damaged.to_string().contains("tea.gguf"));
    let missing = verify(&folder.path().join("none"), ABC, |_, _| {}, &NEVER);
    assert!(matches!(missing, Err(LibraryError::Read { .. })));
}
