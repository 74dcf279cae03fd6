//! What the Hub tells of one model, of its files, and of the caller.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as FromState};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::Caller;
use crate::catalogue::{Repo, Revision};
use crate::content::{Content, hex};
use crate::describe::{BRIEF, FULL, model, sibling, tree_file, tree_folder, wanted};
use crate::paging::Page;
use crate::query::{query_of, value_of};
use crate::refusal::Refusal;
use crate::state::State;
use sha1::{Digest, Sha1};

/// `GET /api/models/{org}/{name}`
pub(crate) async fn info(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    tell(*repo, &uri).await
}

/// `GET /api/models/{org}/{name}/revision/{revision}`
pub(crate) async fn info_at(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name, revision)): Path<(String, String, String)>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let mut repo = state.repo(&caller, &org, &name, &uri)?;
    repo.head = at(&repo, &revision)?;
    tell(*repo, &uri).await
}

fn at(repo: &Repo, revision: &str) -> Result<Revision, Refusal> {
    repo.revision(revision)
        .cloned()
        .ok_or_else(|| Refusal::no_revision(revision))
}

async fn tell(repo: Repo, uri: &Uri) -> Result<Response, Refusal> {
    let query = query_of(uri);
    let all: Vec<&str> = BRIEF
        .into_iter()
        .chain(FULL)
        .chain(["gguf", "usedStorage"])
        .collect();
    let mut told = model(&repo, &wanted(&query, &all)?);
    if value_of(&query, "blobs") == Some("true") && told.get("siblings").is_some() {
        let mut siblings = Vec::new();
        for (path, content) in &repo.head.files {
            siblings.push(sibling(path, content).await?);
        }
        told["siblings"] = siblings.into();
    }
    Ok(Json(told).into_response())
}

/// `GET /api/models/{org}/{name}/tree/{revision}`
pub(crate) async fn tree(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name, revision)): Path<(String, String, String)>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    list(&state, at(&repo, &revision)?, "", &uri).await
}

/// `GET /api/models/{org}/{name}/tree/{revision}/{folder}`
pub(crate) async fn tree_of_folder(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name, revision, folder)): Path<(String, String, String, String)>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    let folder = format!("{}/", folder.trim_end_matches('/'));
    list(&state, at(&repo, &revision)?, &folder, &uri).await
}

/// One line of a tree.
enum Line {
    Folder(String),
    File(String, Content),
}

async fn list(state: &State, revision: Revision, folder: &str, uri: &Uri) -> Result<Response, Refusal> {
    let query = query_of(uri);
    let recursive = matches!(value_of(&query, "recursive"), Some("true" | "1"));
    let mut folders = BTreeSet::new();
    let mut lines = Vec::new();
    for (path, content) in &revision.files {
        let Some(below) = path.strip_prefix(folder) else {
            continue;
        };
        for (at, _) in below.match_indices('/') {
            let inner = format!("{folder}{}", &below[..at]);
            if (recursive || !below[..at].contains('/')) && folders.insert(inner.clone()) {
                lines.push(Line::Folder(inner));
            }
        }
        if recursive || !below.contains('/') {
            lines.push(Line::File(path.clone(), content.clone()));
        }
    }
    if lines.is_empty() && !folder.is_empty() {
        return Err(Refusal::no_entry());
    }
    let asked = value_of(&query, "limit").and_then(|limit| limit.parse().ok());
    let longest = state.pace.lock().tree_page;
    let page = Page::of(uri, &query, asked.unwrap_or(longest).clamp(1, longest))?;
    let mut entries: Vec<Value> = Vec::new();
    for line in lines.iter().skip(page.start).take(page.length) {
        entries.push(match line {
            Line::Folder(path) => tree_folder(path),
            Line::File(path, content) => tree_file(path, content).await?,
        });
    }
    Ok(page.reply(&state.hub, uri, &query, entries, lines.len()))
}

/// What `paths-info` is sent.
#[derive(Deserialize)]
struct Paths {
    paths: Vec<String>,
}

/// `POST /api/models/{org}/{name}/paths-info/{revision}`; a path that is not there is not spoken of.
pub(crate) async fn paths_info(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name, revision)): Path<(String, String, String)>,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    let revision = at(&repo, &revision)?;
    let asked: Paths =
        serde_json::from_slice(&body).map_err(|error| Refusal::unreadable(error.to_string()))?;
    let mut entries = Vec::new();
    for path in &asked.paths {
        if let Some(content) = revision.files.get(path) {
            entries.push(tree_file(path, content).await?);
        } else if revision
            .files
            .keys()
            .any(|file| file.starts_with(&format!("{path}/")))
        {
            entries.push(tree_folder(path));
        }
    }
    Ok(Json(entries).into_response())
}

/// `GET /api/whoami-v2`
pub(crate) async fn whoami(Extension(caller): Extension<Caller>) -> Result<Response, Refusal> {
    let Caller::Known(account) = caller else {
        return Err(Refusal::bad_token());
    };
    let name = &account.name;
    let told = json!({
        "type": "user",
        "id": hex(&Sha1::digest(name)[..12]),
        "name": name,
        "fullname": name,
        "email": format!("{name}@example.org"),
        "emailVerified": true,
        "isPro": false,
        "orgs": [],
        "auth": {
            "type": "access_token",
            "accessToken": { "displayName": "hearth", "role": "read", "createdAt": "2026-01-01T00:00:00.000Z" },
        },
    });
    Ok(Json(told).into_response())
}
