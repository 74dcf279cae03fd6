//! A Hugging Face Hub on loopback, true to what clients see of the real one, with every fault that a
//! network can have.
//!
//! ```
//! use hearth_fake_hub::{Content, FakeHub, Fault};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let hub = FakeHub::start().await;
//! hub.repo("hearth-demo/fox-GGUF")
//!     .licence("apache-2.0")
//!     .card("# Fox")
//!     .file("fox-Q8_0.gguf", Content::generated(1_000_000, 7));
//! hub.fault("fox-Q8_0.gguf", Fault::Reset { after: 300_000 }, 1);
//! assert!(hub.url.starts_with("http://127.0.0.1:"));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Two servers are started, at two ports: the Hub, which tells and redirects, and its CDN, which has
//! the bytes of large files. Both end when the [`FakeHub`] is dropped.

mod access;
mod answer;
mod api;
mod body;
mod catalogue;
mod cdn;
mod clock;
mod content;
mod demo;
mod describe;
mod fault;
mod hub;
mod limits;
mod log;
mod lookup;
mod page;
mod paging;
mod query;
mod ranges;
mod refusal;
mod repo;
mod resolve;
mod search;
mod state;
mod wire;

pub use catalogue::Gate;
pub use content::Content;
pub use demo::DemoError;
pub use fault::{Denial, Fault, FaultHandle, Stage};
pub use hub::FakeHub;
pub use limits::Bucket;
pub use log::{Request, Server};
pub use repo::RepoHandle;
