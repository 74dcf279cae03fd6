//! Chats, models, downloads, cached pages of the Hub, measurements and settings in one SQLite file. The only
//! crate that knows SQL.
//!
//! A chat is a tree of messages; see [`Store::begin_turn`]. A reply has its row before the first word
//! is generated, and a [`ReplyWriter`] adds to it every [`FLUSH_INTERVAL`], so a crash costs no more.
//!
//! # After changing a query or a migration
//!
//! Queries are checked while compiling, against `.sqlx/` beside this crate's `Cargo.toml`, so a fresh
//! clone needs no database. `cargo xtask sqlx` writes it anew.
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
mod speculation;
mod store;
mod transfer_record;
mod transfers;
mod turns;
mod types;

pub use error::StoreError;
pub use measurements::{Measurement, NewMeasurement};
pub use models::{ModelFileRecord, ModelRecord, NewModel};
pub use pages::CachedPage;
pub use reply_writer::{FLUSH_INTERVAL, ReplyWriter};
pub use speculation::{SpeculationKey, SpeculationMeasurement};
pub use store::Store;
pub use transfer_record::{
    NewTransfer, NewTransferFile, Segment, TransferCause, TransferFailure, TransferFile, TransferRecord,
    TransferState,
};
pub use turns::Parent;
pub use types::{Chat, Message, MessageRole, MessageStatus, ReplyStats, Speculation, StopReason, Turn};
