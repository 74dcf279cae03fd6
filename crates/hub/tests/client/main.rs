//! The listing half of the crate against a Hub on loopback.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod access;
mod checkpoints;
mod faults;
mod headers;
mod hostile;
mod names;
mod offline;
mod repository;
mod search;
mod secure;
mod sentences;
mod setup;
