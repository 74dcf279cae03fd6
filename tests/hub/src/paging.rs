//! Long lists in pages, with an opaque cursor in a Link header that leads to the next.

use axum::Json;
use axum::http::Uri;
use axum::http::header::{HeaderValue, LINK};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::content::hex;
use crate::refusal::Refusal;

/// The part of a list that a request is for.
pub(crate) struct Page {
    pub start: usize,
    pub length: usize,
}

/// A list's identity: its path and query but for where it is read. Cursors of one list do not fit
/// another.
fn identity(uri: &Uri, query: &[(String, String)]) -> String {
    let mut serializer = form_urlencoded::Serializer::new(format!("{}?", uri.path()));
    serializer.extend_pairs(query.iter().filter(|(key, _)| key != "cursor"));
    serializer.finish()
}

fn cursor(identity: &str, start: usize) -> String {
    format!(
        "{}{start:x}",
        &hex(&Sha256::digest(format!("{start} of {identity}")))[..16]
    )
}

impl Page {
    /// The page that a query's cursor leads to, or the first.
    ///
    /// # Errors
    /// 400 when the cursor is none of this list.
    pub fn of(uri: &Uri, query: &[(String, String)], length: usize) -> Result<Self, Refusal> {
        let mut start = 0;
        if let Some((_, asked)) = query.iter().find(|(key, _)| key == "cursor") {
            let number = asked
                .get(16..)
                .and_then(|number| usize::from_str_radix(number, 16).ok());
            start = number
                .filter(|&start| cursor(&identity(uri, query), start) == *asked)
                .ok_or_else(|| Refusal::bad_request("Invalid cursor"))?;
        }
        Ok(Self { start, length })
    }

    /// These entries of a list of `total`.
    pub fn reply(
        &self,
        host: &str,
        uri: &Uri,
        query: &[(String, String)],
        entries: Vec<Value>,
        total: usize,
    ) -> Response {
        let next = self.start + entries.len();
        let mut reply = Json(entries).into_response();
        if next < total {
            let identity = identity(uri, query);
            let joint = if identity.ends_with('?') { "" } else { "&" };
            let link = format!(
                "<{host}{identity}{joint}cursor={}>; rel=\"next\"",
                cursor(&identity, next)
            );
            let link = HeaderValue::try_from(link);
            reply.headers_mut().extend(link.map(|link| (LINK, link)));
        }
        reply
    }
}
