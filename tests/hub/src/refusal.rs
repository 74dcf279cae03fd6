//! Replies that say no, in the Hub's words.

use axum::Json;
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(crate) const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
pub(crate) const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// What the Hub says of a token that it never gave out.
const BAD_TOKEN: &str = "Invalid credentials in Authorization header";

/// Why a request is not answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A status, the Hub's code for it if it has one, and a sentence.
    Error(StatusCode, Option<&'static str>, String),
    /// The same thing is at another path of this server.
    Moved(String),
}

impl Refusal {
    /// A repo that is not there, or that the caller may not know of: the Hub does not tell which.
    pub fn no_repo(anonymous: bool) -> Self {
        if anonymous {
            let message = "Invalid username or password.".to_owned();
            return Self::Error(StatusCode::UNAUTHORIZED, Some("RepoNotFound"), message);
        }
        let message = "Repository not found".to_owned();
        Self::Error(StatusCode::NOT_FOUND, Some("RepoNotFound"), message)
    }

    pub fn no_revision(name: &str) -> Self {
        let message = format!("Invalid rev id: {name}");
        Self::Error(StatusCode::NOT_FOUND, Some("RevisionNotFound"), message)
    }

    pub fn no_entry() -> Self {
        let message = "Entry not found".to_owned();
        Self::Error(StatusCode::NOT_FOUND, Some("EntryNotFound"), message)
    }

    /// A gated repo and nobody that the Hub knows: without a token and with a wrong one alike.
    pub fn gated_to_strangers(id: &str) -> Self {
        let message = format!(
            "Access to model {id} is restricted. You must have access to it and be authenticated to access it. Please log in."
        );
        Self::Error(StatusCode::UNAUTHORIZED, Some("GatedRepo"), message)
    }

    /// A gated repo and an account that was not let in.
    pub fn gated_to_account(id: &str) -> Self {
        let message = format!(
            "Access to model {id} is restricted and you are not in the authorized list. Visit its page to ask for access."
        );
        Self::Error(StatusCode::FORBIDDEN, Some("GatedRepo"), message)
    }

    pub fn bad_token() -> Self {
        Self::Error(StatusCode::UNAUTHORIZED, None, BAD_TOKEN.to_owned())
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::Error(StatusCode::BAD_REQUEST, None, message.into())
    }

    /// JSON that is not what was asked for.
    pub fn unreadable(why: String) -> Self {
        Self::Error(StatusCode::UNPROCESSABLE_ENTITY, None, why)
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        let message = format!("A file of this fake Hub cannot be read: {error}");
        Self::Error(StatusCode::INTERNAL_SERVER_ERROR, None, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Moved(path) => match HeaderValue::from_str(&path) {
                Ok(path) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, path)]).into_response(),
                Err(_) => StatusCode::BAD_REQUEST.into_response(),
            },
            Self::Error(status, code, message) => {
                let mut reply = (status, Json(json!({ "error": message }))).into_response();
                let headers = reply.headers_mut();
                if let Some(code) = code {
                    headers.insert(X_ERROR_CODE, HeaderValue::from_static(code));
                }
                if let Ok(message) = HeaderValue::from_str(&message) {
                    headers.insert(X_ERROR_MESSAGE, message);
                }
                reply
            }
        }
    }
}
