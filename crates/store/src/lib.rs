//! Chats, models, downloads, cached pages of the Hub, measurements and settings in one SQLite file. The only
//! crate that knows SQL.
//!
//! A chat is a tree of messages; see [`Store::begin_turn`]. A reply has its row before the first word
//! is generated, and a [`ReplyWriter`] adds to it every [`FLUSH_INTERVAL`], so a crash costs no more.
//!
//! # After changing a query or a migration
//!
//! Queries are checked while compiling, against `.sqlx/` beside this crate's `Cargo.toml`, so a fresh
//! clone needs no database. To write `.sqlx/` anew, make an empty database of the new schema and let
//! the query macros look at it (any SQLite shell will do; sqlx's own command line tool is not needed):
//!
//! ```sh
//! DB="${TMPDIR:-/tmp}/hearth-schema.db"
//! rm -f "$DB" crates/store/.sqlx/*.json
//! cat crates/store/migrations/*.sql | sqlite3 "$DB"
//! touch crates/store/src/lib.rs
//! DATABASE_URL="sqlite:$DB" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$PWD/crates/store/.sqlx" \
//!     cargo check -p hearth-store --tests
//! ```
//!
//! `tests/store/queries.rs` fails when `.sqlx/` and the migrations disagree.

mod backup;
mod chats;
mod error;
mod inspect;
mod lock;
mod measurements;
mod messages;
mod models;
mod open;
mod pages;
mod reply_writer;
mod set_aside;
mod settings;
mod store;
mod transfers;
mod turns;
mod types;

pub use error::StoreError;
pub use measurements::{Measurement, NewMeasurement};
pub use models::{ModelFileRecord, ModelRecord, NewModel};
pub use pages::CachedPage;
pub use reply_writer::{FLUSH_INTERVAL, ReplyWriter};
pub use store::Store;
pub use transfers::{
    NewTransfer, NewTransferFile, Segment, TransferCause, TransferFailure, TransferFile, TransferRecord,
    TransferState,
};
pub use turns::Parent;
pub use types::{Chat, Message, MessageRole, MessageStatus, ReplyStats, Speculation, StopReason, Turn};
