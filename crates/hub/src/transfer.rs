//! Downloads that lose nothing.
//!
//! A transfer is pinned to a commit and a checksum for each file, reserves its space before it fetches a byte, and
//! ends in one of two states: every file right and in its place, or resumable with all that had arrived. Its promise
//! rests on an order that never changes: bytes are written, then synced, then told to the store; a whole file is
//! hashed, then synced, then renamed, then linked, then told to the store.
//!
//! No request carries If-Range: the ETag of the Hub's storage is of its own chunking and changes with the server that
//! answers. What a range belongs to is proven by the commit in the address and by the checksum at the end.

mod backoff;
mod bandwidth;
mod digest;
mod error;
mod fetch;
mod file;
mod ledger;
mod part;
mod place;
mod progress;
mod queue;
mod run;
mod source;
mod work;

pub use error::TransferError;
pub use progress::TransferProgress;
pub use queue::{TransferEvent, TransferLimits, Transfers};
