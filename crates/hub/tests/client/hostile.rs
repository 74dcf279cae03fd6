//! Servers that mean harm, or are no Hub at all.

use std::io::Write;

use hearth_hub::{Hub, HubError, SearchQuery, Timeouts};
use hearth_store::Store;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::setup::{TOKEN, Vault, client, path, repo_id, store};

/// A server that gives every connection the same bytes and then closes it, and tells what it was asked.
struct Raw {
    hub: Hub,
    url: String,
    asked: tokio::sync::mpsc::UnboundedReceiver<String>,
    _kept: (Store, TempDir),
}

async fn serving(answer: impl Into<Vec<u8>>) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = answer.into();
    let (tell, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (answer, tell) = (answer.clone(), tell.clone());
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let length = connection.read(&mut head).await.unwrap_or(0);
                let _ = tell.send(String::from_utf8_lossy(&head[..length]).into_owned());
                // A client that has read enough hangs up.
                let _ = connection.write_all(&answer).await;
            });
        }
    });
    let (store, folder) = store().await;
    Raw {
        hub: client(&url, &store, &Vault::holding(TOKEN), Timeouts::default()),
        url,
        asked,
        _kept: (store, folder),
    }
}

fn json(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

async fn search_error(answer: impl Into<Vec<u8>>) -> HubError {
    let server = serving(answer).await;
    server.hub.search(&SearchQuery::default()).await.unwrap_err()
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n[";
    let error = search_error(head).await;
    assert!(
        matches!(error, HubError::TooLarge { limit_bytes, .. } if limit_bytes == 16 << 20),
        "{error}"
    );
}

#[tokio::test]
async fn a_small_answer_that_unpacks_to_a_large_one_is_cut_off() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        packed.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1 << 18);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
    let mut answer = format!("{head}content-length: {}\r\n\r\n", packed.len()).into_bytes();
    answer.extend(packed);
    let error = search_error(answer).await;
    assert!(matches!(error, HubError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_unpacked_is_not_understood() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n";
    let error = search_error(format!("{head}not gzip!")).await;
    assert!(matches!(error, HubError::BadAnswer { .. }), "{error}");
}

#[tokio::test]
async fn json_of_another_kind_is_not_understood_and_not_kept() {
    for body in ["{}", "null", "[1,2", "\"\u{0}\"", ""] {
        let server = serving(json(body)).await;
        for _ in 0..2 {
            let error = server.hub.search(&SearchQuery::default()).await.unwrap_err();
            assert!(matches!(error, HubError::BadAnswer { .. }), "{body:?}: {error}");
        }
    }
}

#[tokio::test]
async fn models_that_make_no_sense_are_left_out_of_a_list() {
    let body =
        r#"[{"id":"../../etc"},{"id":"a/b","downloads":-1},{"id":5},7,{"id":"good/one-GGUF","gated":null}]"#;
    let server = serving(json(body)).await;
    let page = server.hub.search(&SearchQuery::default()).await.unwrap();
    let ids: Vec<_> = page.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids, ["good/one-GGUF"]);
}

#[tokio::test]
async fn a_web_page_without_its_kind_is_still_a_web_page() {
    let error = search_error("HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n  <html>Log in!").await;
    assert!(matches!(error, HubError::NotJson { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_on_a_computer_whose_clock_is_off_speaks_of_the_clock() {
    let head = "HTTP/1.1 403 Forbidden\r\ndate: Wed, 21 Oct 2015 07:28:00 GMT\r\ncontent-length: 0\r\n\r\n";
    let error = search_error(head).await;
    assert!(
        matches!(error, HubError::ClockOff { minutes: Some(minutes) } if minutes > 1_000_000),
        "{error}"
    );
    assert!(error.to_string().contains("minutes ahead"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_another_kind_of_address_is_not_followed() {
    for location in ["file:///etc/passwd", "ftp://example.com/x"] {
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let error = search_error(answer).await;
        assert!(matches!(error, HubError::Insecure { .. }), "{error}");
    }
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirect_to_another_port() {
    let mut there = serving(json("[]")).await;
    let location = &there.url;
    let mut here = serving(format!(
        "HTTP/1.1 307 Temporary\r\nlocation: {location}/x\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    here.hub.search(&SearchQuery::default()).await.unwrap();
    let (first, second) = (
        here.asked.recv().await.unwrap(),
        there.asked.recv().await.unwrap(),
    );
    assert!(first.contains(TOKEN));
    assert!(
        second.starts_with("GET /x") && !second.contains(TOKEN),
        "{second}"
    );
}

#[tokio::test]
async fn a_part_of_a_file_is_taken_out_of_an_endless_one() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\nGGUF\x03\0\0\0".to_vec();
    answer.resize(answer.len() + (1 << 20), 0);
    let server = serving(answer).await;
    let commit = "a".repeat(40).parse().unwrap();
    let metadata = server
        .hub
        .metadata(&repo_id(), &commit, &path("fox.gguf"))
        .await
        .unwrap();
    assert!(metadata.is_empty());
}
