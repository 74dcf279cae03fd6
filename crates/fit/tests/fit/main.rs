//! Verdicts on published models, and what holds for all.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cards;
mod properties;
mod published;
mod refused;
mod shapes;
mod verdicts;
