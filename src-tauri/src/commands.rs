//! What the UI can ask for: each command parses, calls the app, and returns its error.

pub mod chats;
pub mod engine;
pub mod links;
pub mod models;
pub mod replies;
pub mod settings;
pub mod store;
