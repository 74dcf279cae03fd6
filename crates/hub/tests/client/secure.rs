//! Connections that are not to be trusted.

use std::sync::Arc;

use hearth_hub::{HubError, SearchQuery, Timeouts};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::setup::{TOKEN, Vault, client, store};

/// A server whose certificate nobody vouches for; counts the bytes that clients trust it with.
async fn serving(years: std::ops::Range<i32>) -> (String, Arc<tokio::sync::Mutex<usize>>) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.start, 1, 1);
    params.not_after = date_time_ymd(years.end, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let heard = Arc::new(tokio::sync::Mutex::new(0));
    let count = Arc::clone(&heard);
    tokio::spawn(async move {
        loop {
            let (connection, _) = listener.accept().await.unwrap();
            if let Ok(mut connection) = acceptor.accept(connection).await {
                let mut head = [0; 1024];
                *count.lock().await += connection.read(&mut head).await.unwrap_or(0);
            }
        }
    });
    (url, heard)
}

async fn error_from(url: &str) -> HubError {
    let (store, _folder) = store().await;
    let hub = client(url, &store, &Vault::holding(TOKEN), Timeouts::default());
    hub.search(&SearchQuery::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_sent_nothing() {
    let (url, heard) = serving(2020..2090).await;
    let error = error_from(&url).await;
    let HubError::Insecure { host, detail } = &error else {
        panic!("{error}")
    };
    assert_eq!(host, "localhost");
    assert!(!detail.is_empty());
    assert_eq!(*heard.lock().await, 0);
}

#[tokio::test]
async fn a_certificate_out_of_its_dates_speaks_of_the_clock() {
    for years in [2010..2012, 2080..2090] {
        let (url, heard) = serving(years).await;
        assert_eq!(error_from(&url).await, HubError::ClockOff { minutes: None });
        assert_eq!(*heard.lock().await, 0);
    }
}
