//! What can be known before the weights are read: a file that cannot run is refused in milliseconds.

use std::path::PathBuf;

use hearth_engine::protocol::Fault;
use hearth_engine::support;
use hearth_gguf::Header;

/// Reads the headers of all shards and refuses what the engine would fail on.
///
/// # Errors
/// The first [`Fault`] found, in the order missing, unreadable, not GGUF, incomplete, then those of [`support::check`].
pub fn check(files: &[PathBuf]) -> Result<Header, Fault> {
    let first = files.first().ok_or(Fault::NoModel)?;
    let open = |path: &PathBuf| Header::open(path).map_err(|error| Fault::of_file(path, &error));
    let parts = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let header = Header::join(parts).map_err(|error| Fault::of_file(first, &error))?;
    support::check(&header)?;
    Ok(header)
}
