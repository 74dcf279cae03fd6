//! Where candle's operations between the products run.
//!
//! candle shares norms, rotations and the like out with rayon. Handing one of a single token over to rayon's threads, and
//! being woken when it is done, takes several times as long as the operation; so a pass of few tokens runs *on* a thread of
//! rayon's, which shares with nobody, and a pass of many on one that shares with all.

use std::sync::LazyLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Tokens from which sharing pays.
const MANY: usize = 32;

/// One thread; none where the system gives none.
static ALONE: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    pool.inspect_err(|error| tracing::error!("no thread for passes of few tokens: {error}"))
        .ok()
});

/// Does the work of a pass over so many tokens.
pub fn run<T: Send>(tokens: usize, work: impl FnOnce() -> T + Send) -> T {
    match &*ALONE {
        Some(alone) if tokens < MANY => alone.install(work),
        _ => rayon::scope(|_| work()),
    }
}
