//! The way of every request: noted, delayed, spoilt if a test wants it, routed, and told its limits.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName, HeaderValue, LOCATION, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tower::ServiceExt;

use crate::access::Caller;
use crate::body::pour;
use crate::fault::{Asked, Denial, Fault, Stage};
use crate::limits::{Bucket, Standing};
use crate::log::{self, Server};
use crate::ranges;
use crate::refusal::Refusal;
use crate::state::State;
use crate::wire::Ending;

/// A page such as a network with a log-in of its own puts in the place of every other.
const SIGN_IN: &str = "<!doctype html><html><head><title>Welcome</title></head>\
     <body><h1>Welcome to the guest network</h1><p>Please sign in to go on.</p></body></html>";

/// The fault of a request, for the handlers that show it.
#[derive(Clone)]
pub(crate) struct Spoilt(pub Option<Fault>);

/// One of the two servers.
#[derive(Clone)]
pub(crate) struct Site {
    pub server: Server,
    pub state: Arc<State>,
    pub router: Router,
}

fn stage_of(server: Server, path: &str) -> Option<Stage> {
    if server == Server::Cdn || path.starts_with("/api/resolve-cache/") {
        return Some(Stage::Bytes);
    }
    if path.starts_with("/api/") {
        return Some(Stage::Api);
    }
    match path.split('/').nth(3) {
        Some("resolve") => Some(Stage::Resolve),
        Some("raw") => Some(Stage::Bytes),
        _ => None,
    }
}

impl Site {
    pub async fn answer(&self, request: Request, ending: Ending) -> Response {
        let state = &self.state;
        let path = percent_decode_str(request.uri().path())
            .decode_utf8_lossy()
            .into_owned();
        let range = request
            .headers()
            .get(RANGE)
            .and_then(|header| header.to_str().ok())
            .map(String::from);
        let entry = state.log.add(log::Request {
            server: self.server,
            method: request.method().to_string(),
            path: path.clone(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            range: range.clone(),
            had_authorization: request.headers().contains_key(AUTHORIZATION),
            status: 0,
            bytes_sent: 0,
        });
        let pace = *state.pace.lock();
        tokio::time::sleep(pace.latency).await;

        let stage = stage_of(self.server, &path);
        let fault = state.faults.take(&Asked {
            stage,
            path: &path,
            is_head: request.method() == Method::HEAD,
            range: range.and_then(|header| ranges::parse(&header, u64::MAX)?.ok()),
        });
        let caller = state.accounts.lock().caller(request.headers());
        let mut standing = (self.server == Server::Hub).then(|| {
            let bucket = Bucket::of(&path);
            state
                .limits
                .lock()
                .count(bucket, caller.payer(), state.clock.now())
        });
        if let Some(Fault::TooManyRequests { retry_in }) = fault {
            standing = standing.map(|standing| standing.spent_for(retry_in));
        }
        let mut reply = match standing {
            Some(standing) if standing.exhausted => too_many(),
            _ => match fault {
                Some(Fault::NoReply) => pending().await,
                Some(Fault::Outage { lasts }) => {
                    let state = Arc::clone(state);
                    tokio::spawn(async move {
                        state.online.send_replace(false);
                        tokio::time::sleep(lasts).await;
                        state.online.send_replace(true);
                    });
                    // This connection is among those that break.
                    pending().await
                }
                ref fault => match self.instead(fault.as_ref(), &request) {
                    Some(reply) => reply,
                    None => self.route(request, fault.clone(), caller, stage).await,
                },
            },
        };
        self.sign(&mut reply, standing.as_ref(), fault.as_ref());
        entry.status.store(reply.status().as_u16(), Ordering::Relaxed);
        let bandwidth = pace.bandwidth.filter(|_| stage == Some(Stage::Bytes));
        pour(reply, fault.as_ref(), bandwidth, entry, ending)
    }

    async fn route(
        &self,
        mut request: Request,
        fault: Option<Fault>,
        caller: Caller,
        stage: Option<Stage>,
    ) -> Response {
        let moves = fault == Some(Fault::NewCommit);
        if moves && stage == Some(Stage::Resolve) {
            self.state.catalogue.lock().move_on(request.uri().path());
        }
        let path = request.uri().path().to_owned();
        request.extensions_mut().insert(Spoilt(fault));
        request.extensions_mut().insert(caller);
        // The router's error type has no values.
        let reply = self.router.clone().oneshot(request).await.into_response();
        if moves && stage == Some(Stage::Api) {
            self.state.catalogue.lock().move_on(&path);
        }
        reply
    }

    /// The reply that takes the place of the right one.
    fn instead(&self, fault: Option<&Fault>, request: &Request) -> Option<Response> {
        match fault? {
            Fault::Unavailable => {
                let message = "The service is temporarily unavailable.".to_owned();
                Some(Refusal::Error(StatusCode::SERVICE_UNAVAILABLE, None, message).into_response())
            }
            Fault::Unauthorised(Denial::RepoNotFound) => Some(Refusal::no_repo(true).into_response()),
            Fault::Unauthorised(Denial::GatedRepo) => {
                let mut parts = request.uri().path().trim_start_matches("/api/models").split('/');
                let id = format!(
                    "{}/{}",
                    parts.nth(1).unwrap_or_default(),
                    parts.next().unwrap_or_default()
                );
                Some(Refusal::gated_to_strangers(&id).into_response())
            }
            Fault::Unauthorised(Denial::BadToken) => Some(Refusal::bad_token().into_response()),
            Fault::Html => {
                let media_type = HeaderValue::from_static("text/html; charset=utf-8");
                Some(([(CONTENT_TYPE, media_type)], SIGN_IN).into_response())
            }
            Fault::RedirectLoop => {
                let here = request.uri().path_and_query()?.as_str();
                let host = match self.server {
                    Server::Hub => &self.state.hub,
                    Server::Cdn => &self.state.cdn,
                };
                let here = HeaderValue::try_from(format!("{host}{here}")).ok()?;
                Some((StatusCode::FOUND, [(LOCATION, here)], Body::empty()).into_response())
            }
            _ => None,
        }
    }

    /// The headers that every reply has.
    fn sign(&self, reply: &mut Response, standing: Option<&Standing>, fault: Option<&Fault>) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let date_off_by = match fault {
            Some(Fault::WrongDate { off_by }) => *off_by,
            _ => 0,
        };
        let mut texts = vec![
            (DATE, self.state.clock.http_date(date_off_by)),
            (
                HeaderName::from_static("x-request-id"),
                format!("Root=1-hearth-{number:08x}"),
            ),
        ];
        if let Some(standing) = standing {
            texts.push((HeaderName::from_static("ratelimit"), standing.rate_limit()));
            texts.push((HeaderName::from_static("ratelimit-policy"), standing.policy()));
        }
        let headers = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)));
        reply.headers_mut().extend(headers);
    }
}

fn too_many() -> Response {
    let message = "We had to rate limit you. Wait a while, or log in for higher limits.".to_owned();
    Refusal::Error(StatusCode::TOO_MANY_REQUESTS, None, message).into_response()
}
