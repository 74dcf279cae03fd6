//! What Hearth does, without a window: the use cases that join store, engine and model files.
//!
//! The shell and every other edge call [`App`]; nothing here knows Tauri, HTTP or SQL.

mod account;
mod app;
mod chats;
mod computer;
mod copies;
mod devices;
mod discover;
mod downloads;
mod error;
mod events;
mod library;
mod lock;
mod measured;
mod model_files;
mod models;
mod online;
mod places;
mod recommended;
mod replies;
mod search;
mod settings;
mod speculation;
mod state;
mod suggestions;
mod thought;

pub use app::{App, AppConfig, Start};
pub use computer::{RunsWell, ThisComputer};
pub use copies::QuantisedCopy;
pub use devices::ComputeOn;
// What the verdict commands return.
pub use hearth_fit::Verdict;

pub use discover::{DraftSuggestion, RepoPage, VariantRow, VariantState};
pub use downloads::Download;
pub use error::{ErrorCode, ErrorReport};
pub use events::{AppEvent, Subscription};
pub use library::{DeletePreview, FoundModel, LibraryEntry, MeasuredSpeed};
pub use models::Model;
pub use search::{HubPage, HubQuery, HubRow, HubSort};
pub use settings::Settings;
pub use speculation::{DraftChoice, MeasuredSpeculation, ModelSpeculation};
pub use state::{EngineState, RunsOn};
pub use suggestions::Suggestion;
