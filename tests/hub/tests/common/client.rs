//! The client of these tests.

use reqwest::ClientBuilder;

/// A client to be finished. Built with the whole workspace, reqwest speaks TLS and asks for a provider of it, though
/// these tests need none.
pub fn builder() -> ClientBuilder {
    // A second call finds the first one's.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
