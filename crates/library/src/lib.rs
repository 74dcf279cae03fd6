//! Models on disk: those of other programs, found and never touched, our own, verified and deleted, and quantised copies of both.
//!
//! Everything here reads the disk and blocks; a caller on an async runtime uses a blocking thread. What is found is
//! hostile until proven otherwise: walks are bounded in depth and number, links lead round in no circle, and a name or
//! a description of another program that makes no sense is skipped with a line in the log.

mod copies;
mod digest;
mod elsewhere;
mod error;
mod identity;
mod model;
mod removal;
mod roots;
mod small_file;
mod walk;

pub use copies::{Copied, Copies};
pub use digest::{sha256, verify};
pub use elsewhere::find_elsewhere;
pub use error::LibraryError;
pub use model::{Found, FoundFile, Owner};
pub use removal::{Freed, Kept, ModelFiles, delete, what_delete_frees};
pub use roots::Roots;
