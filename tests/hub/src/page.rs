//! The web page of a model, where the terms of a gated one are accepted.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State as FromState};
use axum::http::Uri;
use axum::response::{Html, Redirect};

use crate::access::Caller;
use crate::catalogue::Gate;
use crate::refusal::Refusal;
use crate::state::State;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `GET /{org}/{name}`
pub(crate) async fn show(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name)): Path<(String, String)>,
    uri: Uri,
) -> Result<Html<String>, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    let id = escape(&repo.id);
    let card = escape(repo.card.as_deref().unwrap_or("No model card."));
    let licence = escape(repo.licence.as_deref().unwrap_or("unknown"));
    let terms = match repo.gate {
        Gate::Open => String::new(),
        Gate::Auto | Gate::Manual => format!(
            "<form method=post action=\"/{id}/ask-access\"><p>You need to agree to share your name \
             to access this model.</p><button>Agree and access repository</button></form>"
        ),
    };
    Ok(Html(format!(
        "<!doctype html><meta charset=utf-8><title>{id}</title><h1>{id}</h1><p>Licence: {licence}</p>{terms}<pre>{card}</pre>"
    )))
}

/// `POST /{org}/{name}/ask-access`. There is no log-in here: every account that there is gets in.
pub(crate) async fn accept(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path((org, name)): Path<(String, String)>,
    uri: Uri,
) -> Result<Redirect, Refusal> {
    let repo = state.repo(&caller, &org, &name, &uri)?;
    for account in state.accounts.lock().0.values_mut() {
        account.let_in.insert(repo.id.clone());
    }
    Ok(Redirect::to(&format!("/{}", repo.id)))
}
