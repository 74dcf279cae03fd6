//! The real worker under the real supervisor.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../common/chat.rs"]
mod chat;
mod prompts;
mod replies;
mod safetensors;
mod speculation;
mod stage;
mod thoughts;
mod uqff;
