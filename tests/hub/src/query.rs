//! Queries, in which a key may come several times.

use axum::http::Uri;

/// The keys and values of a query, decoded, in their order.
pub(crate) fn query_of(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

/// The first value of a key.
pub(crate) fn value_of<'a>(query: &'a [(String, String)], key: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(known, _)| known == key)
        .map(|(_, value)| value.as_str())
}
