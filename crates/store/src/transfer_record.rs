//! What a download is: the files of one repo at one commit, and what became of them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a download is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(rename_all = "camelCase")]
pub enum TransferState {
    /// Waits for those before it.
    Queued,
    /// Fetches; found so after a crash, it is to go on.
    Running,
    /// Waits for the person.
    Paused,
    /// Ended by what [`TransferRecord::failure`] tells; what was fetched is kept.
    Failed,
    /// Every file is whole and in its place.
    Done,
}

/// What kind of thing ended a download, as far as it decides what can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "camelCase")]
#[sqlx(rename_all = "camelCase")]
pub enum TransferCause {
    /// The Hub is out of reach.
    Offline,
    /// The Hub asks for a pause.
    RateLimited,
    /// The Hub does not accept the access token.
    TokenWrong,
    /// Only to be had with an access token.
    NeedsToken,
    /// The publisher's conditions have not been accepted.
    Gated,
    /// The repo, its version or the file is not there any more.
    RepoGone,
    /// Something that is not the Hub answered.
    NotJson,
    /// This computer's clock is wrong.
    ClockOff,
    /// No space is left.
    DiskFull,
    /// The folder is not there or may not be written.
    FolderGone,
    /// What arrived is not what was published.
    Damaged,
    /// Anything else.
    Other,
}

/// Why a download failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferFailure {
    /// What kind of thing it was.
    pub cause: TransferCause,
    /// What happened and what to do, for the person.
    pub sentence: String,
}

/// A download of some files of one repo at one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferRecord {
    /// A UUID, version 7.
    pub id: String,
    /// "org/name".
    pub repo: String,
    /// The commit.
    pub revision: String,
    /// What the person calls it.
    pub name: String,
    /// Which of the repo's variants it is; none for downloads of versions before this was kept.
    pub variant: Option<String>,
    /// What it is doing.
    pub state: TransferState,
    /// Why it failed.
    pub failure: Option<TransferFailure>,
    /// Its place in the queue: smaller is earlier. Places have gaps.
    pub position: i64,
    /// When it was asked for, in milliseconds since 1970.
    pub created_at: i64,
    /// What it fetches, by ordinal.
    pub files: Vec<TransferFile>,
}

/// One file of a download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferFile {
    /// The place among the files of the download, from 0.
    pub ordinal: u32,
    /// The name inside the repo.
    pub path: String,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// Lower-case hexadecimal; none where the Hub knows none.
    pub sha256: Option<String>,
    /// What the Hub's cache names the blob by.
    pub etag: String,
    /// What is on the disk, in order; empty before the first byte and once complete.
    pub segments: Vec<Segment>,
    /// It is whole and in its place.
    pub complete: bool,
}

/// A range of a file that is fetched from its start to its end. Offsets and counts are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
    /// How many bytes from the start are on the disk for good: written and synced.
    pub done: u64,
}

/// A download to queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTransfer {
    /// "org/name".
    pub repo: String,
    /// The commit.
    pub revision: String,
    /// What the person calls it.
    pub name: String,
    /// Which of the repo's variants it is.
    pub variant: String,
    /// What to fetch, in the order in which it is fetched.
    pub files: Vec<NewTransferFile>,
}

/// A file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTransferFile {
    /// The name inside the repo; no two files of a download have the same.
    pub path: String,
    /// Bytes of the whole file.
    pub size_bytes: u64,
    /// Lower-case hexadecimal; none where the Hub knows none.
    pub sha256: Option<String>,
    /// What the Hub's cache names the blob by.
    pub etag: String,
}
