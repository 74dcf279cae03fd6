//! What the UI can ask for: each command parses, calls the app, and returns its error.

pub mod account;
pub mod chats;
pub mod computer;
pub mod discover;
pub mod downloads;
pub mod engine;
pub mod library;
pub mod links;
pub mod models;
pub mod replies;
pub mod settings;
pub mod speculation;
pub mod store;
