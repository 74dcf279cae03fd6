//! Tells the worker which mistral.rs it was built with, from the lock file that pins it.

#![expect(clippy::expect_used, reason = "a build script fails the build by panicking")]

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("Cargo.lock");
    let lock = fs::read_to_string(lock).expect("the worker's Cargo.lock is committed");
    let version = lock
        .split("[[package]]")
        .find(|package| package.contains("name = \"mistralrs-core\"\n"))
        .and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = ")))
        .expect("the worker depends on mistralrs-core");
    println!("cargo:rustc-env=MISTRALRS_VERSION={}", version.trim_matches('"'));
}
