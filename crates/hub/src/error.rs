//! What can go wrong with the Hub, in words.

use std::time::Duration;

use hearth_store::TransferCause;

use crate::names::NameKind;
use crate::{RepoId, RepoPath, Revision};

/// Why the Hub did not give what was asked. The text says what happened; [`HubError::advice`] what to do next.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HubError {
    /// No connection: no network, no such name, refused, reset.
    #[error("{host} cannot be reached ({detail}).")]
    Offline {
        /// The computer that was called.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// The connection was there, and nothing came for too long.
    #[error("{host} did not answer in time.")]
    Timeout {
        /// The computer that was called.
        host: String,
    },
    /// The secure connection was refused by this side.
    #[error("The connection to {host} is not secure, so nothing was sent ({detail}).")]
    Insecure {
        /// The computer that was called.
        host: String,
        /// What is wrong with its certificate or protocol.
        detail: String,
    },
    /// Too many requests.
    #[error("The Hub asks for a pause of {} s: too many requests came from this connection.", retry_in.as_secs())]
    RateLimited {
        /// How long the Hub wants no request.
        retry_in: Duration,
    },
    /// The access token is not one that the Hub knows.
    #[error("The Hub does not accept the access token.")]
    TokenWrong,
    /// Only to be had with an access token.
    #[error("{what} can only be had with an access token.")]
    NeedsToken {
        /// What was asked for.
        what: String,
    },
    /// The publisher wants a person to accept conditions first.
    #[error("{repo} is given only to people who accepted its publisher's conditions.")]
    Gated {
        /// The repository.
        repo: RepoId,
        /// The page on which the conditions are accepted.
        page_url: String,
        /// Whether the request carried an access token: with one, the conditions are what is missing.
        with_token: bool,
    },
    /// The Hub says no, and gives its own reason or none.
    #[error("The Hub refuses this: {reason}.")]
    Refused {
        /// The Hub's words, or its status.
        reason: String,
    },
    /// No such repository, or a private one: the Hub does not tell them apart.
    #[error("The Hub has no public model called {repo}.")]
    RepoNotFound {
        /// The repository.
        repo: RepoId,
    },
    /// The repository is there and the branch, tag or commit is not.
    #[error("{repo} has no version called {revision}.")]
    RevisionNotFound {
        /// The repository.
        repo: RepoId,
        /// The branch, tag or commit.
        revision: Revision,
    },
    /// The repository is there and the file is not.
    #[error("{repo} has no file called {path}.")]
    EntryNotFound {
        /// The repository.
        repo: RepoId,
        /// The file.
        path: RepoPath,
    },
    /// A web page came instead of data: a hotel's or a company's log-in page, or an address that is no Hub.
    #[error("{host} answered with a web page instead of data.")]
    NotJson {
        /// The computer that was called.
        host: String,
    },
    /// The answer is data of another kind than the Hub's.
    #[error("{host} gave an answer that Hearth does not understand ({detail}).")]
    BadAnswer {
        /// The computer that was called.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The answer is larger than any real one.
    #[error("{host} gave an answer of more than {} MB, which no real one has.", limit_bytes.div_ceil(1 << 20))]
    TooLarge {
        /// The computer that was called.
        host: String,
        /// The most that is read, in bytes.
        limit_bytes: u64,
    },
    /// This computer's clock disagrees with the Hub's, and the Hub refused.
    #[error("This computer's clock seems to be wrong{}, so the Hub's answer cannot be trusted.", minutes_off(*minutes))]
    ClockOff {
        /// Minutes this computer is ahead; negative when behind; none where only the certificate's dates tell.
        minutes: Option<i64>,
    },
    /// The Hub has a fault of its own.
    #[error("The Hub has a problem of its own (status {status}).")]
    Server {
        /// The HTTP status.
        status: u16,
    },
    /// A name that the Hub cannot have meant, or that is not safe on a disk.
    #[error("`{name}` cannot be used as a {kind}: {problem}.")]
    BadName {
        /// What it is the name of.
        kind: NameKind,
        /// Its first characters, control characters made visible.
        name: String,
        /// Which rule it breaks.
        problem: String,
    },
    /// `HF_ENDPOINT` holds no address.
    #[error("The environment variable HF_ENDPOINT is `{text}`, which is not an address.")]
    BadEndpoint {
        /// What it holds.
        text: String,
    },
    /// A repository without a model that Hearth can read.
    #[error("{repo} has no GGUF file, and no config.json with all its files of weights (.safetensors).")]
    NoModel {
        /// The repository.
        repo: RepoId,
    },
    /// A remote model file whose header is damaged.
    #[error("{path} is not a model file that can be read: {problem}.")]
    BadHeader {
        /// The file.
        path: RepoPath,
        /// What its reader says.
        problem: String,
    },
    /// The system has no keychain, or it refuses.
    #[error("This computer's keychain does not answer, so no access token can be kept in it ({detail}).")]
    Keychain {
        /// What the keychain said.
        detail: String,
    },
    /// The token is set outside of Hearth, which cannot take it away.
    #[error("The access token comes from the environment variable HF_TOKEN.")]
    TokenFromEnvironment,
}

impl HubError {
    /// What kind of thing it is, as far as it decides what can help.
    pub fn cause(&self) -> TransferCause {
        match self {
            Self::Offline { .. } | Self::Timeout { .. } | Self::Insecure { .. } => TransferCause::Offline,
            Self::RateLimited { .. } => TransferCause::RateLimited,
            Self::TokenWrong => TransferCause::TokenWrong,
            Self::NeedsToken { .. } => TransferCause::NeedsToken,
            Self::Gated { .. } => TransferCause::Gated,
            Self::RepoNotFound { .. }
            | Self::RevisionNotFound { .. }
            | Self::EntryNotFound { .. }
            | Self::NoModel { .. } => TransferCause::RepoGone,
            Self::NotJson { .. } | Self::BadAnswer { .. } | Self::TooLarge { .. } => TransferCause::NotJson,
            Self::ClockOff { .. } => TransferCause::ClockOff,
            _ => TransferCause::Other,
        }
    }

    /// What a person can do about it, in one or two sentences.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Offline { .. } => {
                "Check the internet connection and try again. What was seen before can still be browsed."
            }
            Self::Timeout { .. } => "The connection may be slow or interrupted. Try again in a moment.",
            Self::Insecure { .. } => {
                "A company network or a security program may be in between. Try another network, or ask whoever \
                 looks after this one."
            }
            Self::RateLimited { .. } => {
                "Wait that long and try again. An access token of your own gives a larger share."
            }
            Self::TokenWrong => {
                "Make a new token with read access at huggingface.co/settings/tokens and enter it in Hearth's settings."
            }
            Self::NeedsToken { .. } => {
                "Make a token with read access at huggingface.co/settings/tokens and enter it in Hearth's settings."
            }
            Self::Gated {
                with_token: false, ..
            } => {
                "Open the model's page, sign in and accept the conditions; then enter an access token in Hearth's \
                 settings and try again."
            }
            Self::Gated { with_token: true, .. } => {
                "Open the model's page and accept the conditions with the account of your access token, then try \
                 again. Some publishers take a while to approve."
            }
            Self::Refused { .. } => "Open the model's page to see what its publisher asks for.",
            Self::RepoNotFound { .. } => {
                "It may have been renamed, taken away or made private. Search for it again; a private model needs \
                 the access token of someone who may see it."
            }
            Self::RevisionNotFound { .. } | Self::EntryNotFound { .. } => {
                "Its publisher has changed it since it was listed. Open the model again to see what is there now."
            }
            Self::NotJson { .. } => {
                "This network may want you to log in first: open a web page in your browser, then try again. If \
                 HF_ENDPOINT is set, check that it is right."
            }
            Self::BadAnswer { .. } | Self::TooLarge { .. } => {
                "Try again later. If HF_ENDPOINT is set, check that it is the address of a Hub."
            }
            Self::ClockOff { .. } => "Set this computer's date and time, then try again.",
            Self::Server { .. } => "Nothing is wrong on this computer. Try again in a few minutes.",
            Self::BadName { .. } => "Check the name, or choose the model from the search.",
            Self::BadEndpoint { .. } => "Set it to an address such as https://huggingface.co, or remove it.",
            Self::NoModel { .. } => "Look for a repository of the same model with GGUF in its name.",
            Self::BadHeader { .. } => "Choose another file or another publisher's copy of this model.",
            Self::Keychain { .. } => {
                "Set the token in the environment variable HF_TOKEN instead, and start Hearth again."
            }
            Self::TokenFromEnvironment => "Remove HF_TOKEN where it is set, and start Hearth again.",
        }
    }

    /// Whether what was seen before is a better answer than this: the Hub is out of reach, not of another opinion.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::Offline { .. }
                | Self::Timeout { .. }
                | Self::Insecure { .. }
                | Self::RateLimited { .. }
                | Self::NotJson { .. }
                | Self::ClockOff { .. }
                | Self::Server { .. }
        )
    }
}

fn minutes_off(minutes: Option<i64>) -> String {
    match minutes {
        None => String::new(),
        Some(minutes) if minutes >= 0 => format!(" (about {minutes} minutes ahead)"),
        Some(minutes) => format!(" (about {} minutes behind)", minutes.unsigned_abs()),
    }
}
