//! Exit statuses, so that a script can tell what happened without reading.

use std::process::ExitCode;

use hearth_app::ErrorCode;

/// What kind of failure it was. 2 is clap's, for a command line that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Anything without a status of its own.
    Failed = 1,
    /// No such model, repo or file.
    NotFound = 3,
    /// The engine cannot run it.
    CannotRun = 4,
    /// The Hub is out of reach, asks for a pause, or answers nonsense.
    Network = 5,
    /// The Hub wants a token or an accepted licence.
    Access = 6,
    /// No space is left.
    DiskFull = 7,
    /// A file is not what it should be.
    Damaged = 8,
    /// Another Hearth holds the chats.
    Busy = 9,
}

impl Exit {
    /// The status of an error.
    pub fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::NotFound | ErrorCode::FileMissing | ErrorCode::RepoGone => Self::NotFound,
            ErrorCode::UnsupportedArchitecture
            | ErrorCode::UnsupportedTensor
            | ErrorCode::BadTemplate
            | ErrorCode::DraftMismatch
            | ErrorCode::EngineCannot => Self::CannotRun,
            ErrorCode::Offline
            | ErrorCode::RateLimited
            | ErrorCode::NotJson
            | ErrorCode::ClockOff
            | ErrorCode::DownloadFailed => Self::Network,
            ErrorCode::Gated | ErrorCode::NeedsToken | ErrorCode::TokenWrong => Self::Access,
            ErrorCode::DiskFull => Self::DiskFull,
            ErrorCode::NotGguf
            | ErrorCode::TruncatedFile
            | ErrorCode::BadModel
            | ErrorCode::DownloadDamaged
            | ErrorCode::StoreCorrupt => Self::Damaged,
            ErrorCode::StoreInUse | ErrorCode::Busy => Self::Busy,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
