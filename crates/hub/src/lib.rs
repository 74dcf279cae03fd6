//! The Hugging Face Hub: search, repositories, and transfers that lose nothing. The only crate that opens connections.
//!
//! Every answer is taken for hostile: sizes are bounded, names are parsed ([`RepoId`], [`RepoPath`], [`Revision`],
//! [`Commit`]) before they become part of a URL or of a path on disk, and the access token goes to the Hub's own
//! address only, whatever a redirect says. What was answered once is kept in the store, so that browsing without a
//! connection shows what was seen.
//!
//! # Why not hf-hub
//!
//! hf-hub 1.0.0 was weighed for the listing half and left out. It depends on hf-xet with no feature to leave it out
//! (280 crates, with aws-lc-rs, which on Windows may ask for CMake), sets no timeout, reads answers of any size into
//! memory, does not honour `RateLimit`, searches by one filter only, and loses the sha256 of a tree's files. What
//! would have been left for it is one request (`whoami-v2`).

mod account;
mod cache;
mod card;
mod error;
mod hub;
mod model;
mod names;
mod pages;
mod rate;
mod refusal;
mod remote_checkpoint;
mod remote_header;
mod repository;
mod request;
mod search;
mod tls;
mod token;
pub mod transfer;
mod variants;

pub use account::Account;
pub use cache::HubCache;
pub use error::HubError;
pub use hub::{Hub, HubConfig, Timeouts};
pub use model::{Gated, HubModel};
pub use names::{Commit, NameKind, RepoId, RepoPath, Revision};
pub use repository::{Repo, RepoFile};
pub use search::{SearchPage, SearchQuery, Sort};
pub use token::{Keychain, Token, TokenVault};
pub use variants::{Kind, Variant, quantisation, uqff_quantisation, variants};
