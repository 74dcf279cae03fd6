//! From a file's name to its bytes, as far as the Hub itself has a part in it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as FromState};
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::access::Caller;
use crate::answer::Spoilt;
use crate::catalogue::{Repo, Revision, is_large};
use crate::cdn;
use crate::content::Content;
use crate::fault::Fault;
use crate::lookup::encode_path;
use crate::ranges::Serving;
use crate::refusal::Refusal;
use crate::state::State;

const X_REPO_COMMIT: HeaderName = HeaderName::from_static("x-repo-commit");
const X_LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
const X_LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
const X_XET_HASH: HeaderName = HeaderName::from_static("x-xet-hash");

/// `org`, `name`, revision and file, as the path has them.
pub(crate) type FilePath = Path<(String, String, String, String)>;

/// A file that the caller may read, with where it is from.
struct Found {
    repo: Box<Repo>,
    revision: Revision,
    content: Content,
}

fn find(
    state: &State,
    caller: &Caller,
    Path((org, name, revision, path)): &FilePath,
    uri: &Uri,
) -> Result<Found, Refusal> {
    let repo = state.repo_for_files(caller, org, name, uri)?;
    let revision = repo
        .revision(revision)
        .cloned()
        .ok_or_else(|| Refusal::no_revision(revision))?;
    let content = revision.files.get(path).cloned().ok_or_else(Refusal::no_entry)?;
    Ok(Found {
        repo,
        revision,
        content,
    })
}

fn text(value: impl Into<String>) -> Result<HeaderValue, Refusal> {
    HeaderValue::try_from(value.into()).map_err(|_| Refusal::bad_request("A name that no header can hold."))
}

/// `/{org}/{name}/resolve/{revision}/{path}`: never the bytes, always where they are.
pub(crate) async fn resolve(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(Spoilt(fault)): Extension<Spoilt>,
    file: FilePath,
    uri: Uri,
) -> Result<Response, Refusal> {
    let Found {
        repo,
        revision,
        content,
    } = find(&state, &caller, &file, &uri)?;
    let path = &file.0.3;
    let hashes = content.hashes_soon().await?;
    let mut headers = HeaderMap::new();
    headers.insert(X_REPO_COMMIT, text(&revision.sha)?);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    if !is_large(path, &content) {
        let there = format!(
            "/api/resolve-cache/models/{}/{}/{}?etag=%22{}%22",
            repo.id,
            revision.sha,
            encode_path(path),
            hashes.git
        );
        headers.insert(ETAG, text(format!("\"{}\"", hashes.git))?);
        headers.insert(LOCATION, text(&there)?);
        let words = format!("Temporary Redirect. Redirecting to {there}");
        return Ok((StatusCode::TEMPORARY_REDIRECT, headers, words).into_response());
    }
    let there = cdn::sign(
        &state,
        &repo.id,
        &revision.sha,
        path,
        fault == Some(Fault::ExpiredLocation),
    );
    headers.insert(X_LINKED_SIZE, content.size().into());
    headers.insert(X_LINKED_ETAG, text(format!("\"{}\"", hashes.sha256))?);
    headers.insert(X_XET_HASH, text(hashes.xet)?);
    headers.insert(LOCATION, text(&there)?);
    let words = format!("Found. Redirecting to {there}");
    Ok((StatusCode::FOUND, headers, words).into_response())
}

/// `/api/resolve-cache/models/{org}/{name}/{sha}/{path}`: the bytes of a small file.
pub(crate) async fn resolve_cache(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(Spoilt(fault)): Extension<Spoilt>,
    headers: HeaderMap,
    file: FilePath,
    uri: Uri,
) -> Result<Response, Refusal> {
    let found = find(&state, &caller, &file, &uri)?;
    let hashes = found.content.hashes_soon().await?;
    let mut reply = Serving {
        content: found.content,
        etag: format!("\"{}\"", hashes.git),
        media_type: "text/plain; charset=utf-8",
        headers: &headers,
        largest_whole: u64::MAX,
        fault,
    }
    .reply();
    reply
        .headers_mut()
        .insert(X_REPO_COMMIT, text(found.revision.sha)?);
    Ok(reply)
}

/// `/{org}/{name}/raw/{revision}/{path}`: what git has of a file: its text, or the pointer to it.
pub(crate) async fn raw(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Extension(Spoilt(fault)): Extension<Spoilt>,
    headers: HeaderMap,
    file: FilePath,
    uri: Uri,
) -> Result<Response, Refusal> {
    let found = find(&state, &caller, &file, &uri)?;
    let content = if is_large(&file.0.3, &found.content) {
        pointer(&found.content).await?.into()
    } else {
        found.content
    };
    let etag = format!("\"{}\"", content.hashes_soon().await?.git);
    let mut reply = Serving {
        content,
        etag,
        media_type: "text/plain; charset=utf-8",
        headers: &headers,
        largest_whole: u64::MAX,
        fault,
    }
    .reply();
    reply
        .headers_mut()
        .insert(X_REPO_COMMIT, text(found.revision.sha)?);
    Ok(reply)
}

/// The text that stands in git for a file outside it.
pub(crate) async fn pointer(content: &Content) -> std::io::Result<String> {
    let sha256 = content.hashes_soon().await?.sha256;
    Ok(format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {}\n",
        content.size()
    ))
}
