//! The server of large files: whoever has a signed URL that has not expired may read.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as FromState};
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::answer::Spoilt;
use crate::catalogue::Lookup;
use crate::content::{Content, hex};
use crate::lookup::encode_path;
use crate::ranges::Serving;
use crate::refusal::Refusal;
use crate::resolve::FilePath;
use crate::state::State;

/// A URL of the CDN for one file at one commit, good for a while or expired already.
pub(crate) fn sign(state: &State, id: &str, sha: &str, path: &str, expired: bool) -> String {
    let good_for = state.pace.lock().signed_for.as_secs() as i64;
    let expires = state.clock.now() + if expired { -60 } else { good_for };
    let there = format!("/xet-bridge-us/{id}/{sha}/{}", encode_path(path));
    let signature = signature(state, &there, expires);
    let cdn = &state.cdn;
    format!("{cdn}{there}?Expires={expires}&Signature={signature}&Key-Pair-Id=HEARTH")
}

fn signature(state: &State, path: &str, expires: i64) -> String {
    hex(&Sha256::digest(format!("{} {path} {expires}", state.cdn)))
}

/// Whether the URL was signed here and is still good.
fn is_good(state: &State, uri: &Uri) -> bool {
    let mut expires = None;
    let mut signed = String::new();
    for (key, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match key.as_ref() {
            "Expires" => expires = value.parse::<i64>().ok(),
            "Signature" => signed = value.into_owned(),
            _ => {}
        }
    }
    expires
        .is_some_and(|expires| state.clock.now() < expires && signed == signature(state, uri.path(), expires))
}

fn content(state: &State, Path((org, name, sha, path)): &FilePath) -> Option<Content> {
    let catalogue = state.catalogue.lock();
    let repo = match catalogue.look_up(&format!("{org}/{name}")) {
        Lookup::Found(repo) => repo,
        // Renamed since the URL was signed.
        Lookup::Elsewhere(there) => Box::new(catalogue.repos.get(&there)?.clone()),
        Lookup::Missing => return None,
    };
    repo.revision(sha)?.files.get(path).cloned()
}

fn storage_error(status: StatusCode, code: &str, message: &str) -> Response {
    let words = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let media_type = HeaderValue::from_static("application/xml");
    (status, [(CONTENT_TYPE, media_type)], words).into_response()
}

/// The bytes of a large file.
pub(crate) async fn download(
    FromState(state): FromState<Arc<State>>,
    Extension(Spoilt(fault)): Extension<Spoilt>,
    headers: HeaderMap,
    file: FilePath,
    uri: Uri,
) -> Result<Response, Refusal> {
    if !is_good(&state, &uri) {
        return Ok(storage_error(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "Access denied",
        ));
    }
    let Some(content) = content(&state, &file) else {
        return Ok(storage_error(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
        ));
    };
    let etag = format!("\"{}\"", content.hashes_soon().await?.xet);
    let largest_whole = state.pace.lock().largest_whole;
    Ok(Serving {
        content,
        etag,
        media_type: "application/octet-stream",
        headers: &headers,
        largest_whole,
        fault,
    }
    .reply())
}
