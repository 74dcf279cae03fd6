//! What Hearth does, without a window: the use cases that join store, engine and model files.
//!
//! The shell and every other edge call [`App`]; nothing here knows Tauri, HTTP or SQL.

mod app;
mod chats;
mod error;
mod events;
mod models;
mod replies;
mod settings;
mod state;

pub use app::{App, AppConfig, Start};
pub use error::{ErrorCode, ErrorReport};
pub use events::{AppEvent, Subscription};
pub use models::Model;
pub use settings::Settings;
pub use state::EngineState;
