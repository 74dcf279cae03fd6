//! Any bytes, in pieces of sizes that their own end tells: libFuzzer changes both.

#![no_main]

#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::hold(bytes));
