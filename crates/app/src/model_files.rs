//! The files of a model on this computer, and what they say of themselves.

use std::path::{Path, PathBuf};

use hearth_engine::EngineError;
use hearth_engine::protocol::Fault;
use hearth_gguf::{Header, ShardName, shard_name};

use crate::{ErrorCode, ErrorReport};

/// All files of the model that `path` is one of: itself, or the shards beside it, in order.
pub(crate) fn shards(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(ShardName { count, .. }) = ShardName::parse(&name) else {
        return vec![path.to_path_buf()];
    };
    (0..count)
        .filter_map(|index| shard_name(&name, index, count))
        .map(|shard| path.with_file_name(shard))
        .collect()
}

/// Reads the header of a whole model, off the runtime's threads.
///
/// # Errors
/// What is wrong with the first file that is.
pub(crate) async fn read_header(files: Vec<PathBuf>) -> Result<Header, ErrorReport> {
    let read = tokio::task::spawn_blocking(move || {
        let fault = |path: &Path, error| EngineError::from(Fault::of_file(path, &error));
        let open = |path: &PathBuf| Header::open(path).map_err(|error| fault(path, error));
        let parts = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let first = files.first().map_or(Path::new(""), PathBuf::as_path);
        Header::join(parts).map_err(|error| fault(first, error))
    });
    match read.await {
        Ok(header) => Ok(header?),
        Err(error) => Err(ErrorReport::new(ErrorCode::Internal, error.to_string())),
    }
}
