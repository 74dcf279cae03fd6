//! Errors as they cross to the UI.

use hearth_engine::protocol::Fault;
use hearth_engine::{EngineError, WorkerError};
use hearth_fit::Reason;
use hearth_hub::HubError;
use hearth_hub::transfer::TransferError;
use hearth_library::LibraryError;
use hearth_store::{StoreError, TransferCause};
use serde::Serialize;
use serde_json::{Value, json};
use ts_rs::TS;

/// What kind of error it is. The UI switches on this and never on text, so a code exists only if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The file is of another kind.
    NotGguf,
    /// Part of the file is missing.
    TruncatedFile,
    /// The engine does not know the model's architecture.
    UnsupportedArchitecture,
    /// The engine does not know the model's quantisation.
    UnsupportedTensor,
    /// The model's chat template does not work.
    BadTemplate,
    /// The draft model has another vocabulary than the model.
    DraftMismatch,
    /// The model file contradicts itself.
    BadModel,
    /// The file is gone.
    FileMissing,
    /// The chat does not fit the context.
    PromptTooLong,
    /// The worker process ended.
    EngineDied,
    /// The worker program is missing or from another release.
    EngineMissing,
    /// Something else is in progress.
    Busy,
    /// No model is chosen.
    NoModel,
    /// The chat, message or model is not there any more.
    NotFound,
    /// The database may not be written.
    StoreReadOnly,
    /// The database is damaged.
    StoreCorrupt,
    /// The database is from a newer Hearth.
    StoreNewer,
    /// Another program holds the database.
    StoreInUse,
    /// No space is left.
    DiskFull,
    /// A value from the UI makes no sense.
    InvalidInput,
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
    /// The repo, or the version or file in it, is not there, or has no model.
    RepoGone,
    /// Something that is not the Hub answered.
    NotJson,
    /// This computer's clock is wrong.
    ClockOff,
    /// A download stopped; what arrived is kept.
    DownloadFailed,
    /// What arrived is not what was published.
    DownloadDamaged,
    /// The folder that downloads go to is not there.
    FolderGone,
    /// The engine cannot run this model.
    EngineCannot,
    /// Anything else.
    Internal,
}

/// An error for the person in front of the screen.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ErrorReport {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What happened, to what, and what to do next.
    pub message: String,
    /// Numbers and names behind the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional, type = "unknown")]
    pub details: Option<Value>,
}

impl ErrorReport {
    /// A report without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: None,
        }
    }
}

impl From<EngineError> for ErrorReport {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        let (code, details) = match &error {
            EngineError::Replaced => (ErrorCode::Busy, None),
            EngineError::Worker(WorkerError::NotStarted { .. } | WorkerError::OtherVersion { .. }) => {
                (ErrorCode::EngineMissing, None)
            }
            EngineError::Worker(WorkerError::Died { status, .. }) => {
                (ErrorCode::EngineDied, Some(json!({ "status": status })))
            }
            EngineError::Worker(WorkerError::Misbehaved { .. }) => (ErrorCode::EngineDied, None),
            EngineError::Fault(fault) => (fault_code(fault), serde_json::to_value(fault).ok()),
        };
        Self {
            code,
            message,
            details,
        }
    }
}

fn fault_code(fault: &Fault) -> ErrorCode {
    match fault {
        Fault::FileMissing { .. } => ErrorCode::FileMissing,
        Fault::NotGguf { .. } => ErrorCode::NotGguf,
        Fault::Truncated { .. } => ErrorCode::TruncatedFile,
        Fault::UnsupportedArchitecture { .. } => ErrorCode::UnsupportedArchitecture,
        Fault::UnsupportedTensor { .. } => ErrorCode::UnsupportedTensor,
        Fault::BadTemplate { .. } => ErrorCode::BadTemplate,
        Fault::DraftMismatch { .. } => ErrorCode::DraftMismatch,
        Fault::BadModel { .. } | Fault::Unreadable { .. } => ErrorCode::BadModel,
        Fault::PromptTooLong { .. } => ErrorCode::PromptTooLong,
        Fault::NoModel => ErrorCode::NoModel,
        Fault::Busy => ErrorCode::Busy,
        Fault::Panicked { .. } | Fault::CardFull { .. } | Fault::CardFailed { .. } => ErrorCode::EngineDied,
        Fault::Misunderstood { .. } => ErrorCode::EngineMissing,
        Fault::Engine { .. } | Fault::NotKept { .. } => ErrorCode::Internal,
    }
}

impl From<TransferCause> for ErrorCode {
    fn from(cause: TransferCause) -> Self {
        match cause {
            TransferCause::Offline => Self::Offline,
            TransferCause::RateLimited => Self::RateLimited,
            TransferCause::TokenWrong => Self::TokenWrong,
            TransferCause::NeedsToken => Self::NeedsToken,
            TransferCause::Gated => Self::Gated,
            TransferCause::RepoGone => Self::RepoGone,
            TransferCause::NotJson => Self::NotJson,
            TransferCause::ClockOff => Self::ClockOff,
            TransferCause::DiskFull => Self::DiskFull,
            TransferCause::FolderGone => Self::FolderGone,
            TransferCause::Damaged => Self::DownloadDamaged,
            TransferCause::Other => Self::DownloadFailed,
        }
    }
}

impl From<HubError> for ErrorReport {
    fn from(error: HubError) -> Self {
        let code = match &error {
            HubError::BadName { .. } => ErrorCode::InvalidInput,
            HubError::BadHeader { .. } => ErrorCode::BadModel,
            other => match other.cause() {
                TransferCause::Other => ErrorCode::Internal,
                cause => cause.into(),
            },
        };
        let details = match &error {
            HubError::RateLimited { retry_in } => Some(json!({ "retryInSeconds": retry_in.as_secs() })),
            HubError::Gated { repo, with_token, .. } => {
                Some(json!({ "repo": repo.as_str(), "withToken": with_token }))
            }
            _ => None,
        };
        let message = format!("{error} {}", error.advice());
        Self {
            code,
            message: message.trim_end().to_owned(),
            details,
        }
    }
}

impl From<TransferError> for ErrorReport {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::Hub(error) => error.into(),
            TransferError::Store(error) => error.into(),
            error => Self::new(error.cause().into(), error.to_string()),
        }
    }
}

impl From<LibraryError> for ErrorReport {
    fn from(error: LibraryError) -> Self {
        let code = match &error {
            LibraryError::Damaged { .. } => ErrorCode::DownloadDamaged,
            LibraryError::Imported | LibraryError::NotOurs { .. } => ErrorCode::InvalidInput,
            LibraryError::NoSpace { .. } => ErrorCode::DiskFull,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Reason> for ErrorReport {
    fn from(reason: Reason) -> Self {
        let details = serde_json::to_value(&reason).ok();
        Self {
            code: ErrorCode::EngineCannot,
            message: reason.to_string(),
            details,
        }
    }
}

impl From<StoreError> for ErrorReport {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::ReadOnly { .. } => ErrorCode::StoreReadOnly,
            StoreError::Corrupt { .. } => ErrorCode::StoreCorrupt,
            StoreError::Newer { .. } => ErrorCode::StoreNewer,
            StoreError::InUse { .. } => ErrorCode::StoreInUse,
            StoreError::Full { .. } => ErrorCode::DiskFull,
            StoreError::NotFound { .. } => ErrorCode::NotFound,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}
