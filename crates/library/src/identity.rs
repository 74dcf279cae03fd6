//! Which file a path leads to, whatever its name: two hard links, or a link and its target, are one file.

use std::io;
use std::path::Path;

/// Tells a file from every other one on this computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    volume: u64,
    file: u64,
}

/// What the system says of a file, links followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) identity: Identity,
    /// How many names it has: hard links, symbolic ones not counted.
    pub(crate) names: u64,
    pub(crate) size_bytes: u64,
}

#[cfg(unix)]
pub(crate) fn facts(path: &Path) -> io::Result<Facts> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path)?;
    Ok(Facts {
        identity: Identity {
            volume: metadata.dev(),
            file: metadata.ino(),
        },
        names: metadata.nlink(),
        size_bytes: metadata.len(),
    })
}

#[cfg(windows)]
pub(crate) fn facts(path: &Path) -> io::Result<Facts> {
    let handle = winapi_util::Handle::from_path_any(path)?;
    let information = winapi_util::file::information(&handle)?;
    Ok(Facts {
        identity: Identity {
            volume: information.volume_serial_number(),
            file: information.file_index(),
        },
        names: information.number_of_links(),
        size_bytes: information.file_size(),
    })
}
