//! Downloads over real sockets from a Hub that lies, breaks off and forgets, onto real disks that fill up.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod disk;
mod faults;
mod kill;
mod placing;
mod queue;
mod setup;
