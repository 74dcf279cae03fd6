//! The connection: rustls on ring, with the certificates that this system trusts.

use std::sync::Arc;

use reqwest::redirect::Policy;
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use url::{Host, Url};

use crate::{HubError, Timeouts};

/// A client that follows no redirect by itself: whoever follows one decides what goes along.
pub(crate) fn client(endpoint: &Url, timeouts: Timeouts) -> Result<reqwest::Client, HubError> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("hearth/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.stall);
    let builder = if is_loopback(endpoint) {
        builder.no_proxy()
    } else {
        builder
    };
    tls()
        .map_err(|error| error.to_string())
        .and_then(|tls| {
            builder
                .tls_backend_preconfigured(tls)
                .build()
                .map_err(|error| error.to_string())
        })
        .map_err(|detail| HubError::Insecure {
            host: host(endpoint),
            detail,
        })
}

fn tls() -> Result<ClientConfig, rustls::Error> {
    Ok(
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth(),
    )
}

/// The computer that a URL names, as it is shown to a person.
pub(crate) fn host(url: &Url) -> String {
    url.host_str().unwrap_or("the Hub").to_owned()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
