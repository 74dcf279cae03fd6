//! Every fault, as it is on the wire: read from a plain socket, because clients hide much.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/client.rs"]
mod client;

use std::time::Duration;

use hearth_fake_hub::{Content, Denial, FakeHub, Fault, Server, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const FOX: &str = "hearth-demo/fox-GGUF";
const FILE: &str = "/hearth-demo/fox-GGUF/resolve/main/fox.gguf";
const SIZE: u64 = 1_000_000;
/// Long enough for anything on loopback that is going to come.
const SOON: Duration = Duration::from_secs(3);

async fn fox() -> FakeHub {
    let hub = FakeHub::start().await;
    hub.repo(FOX)
        .card("# Fox")
        .file("fox.gguf", Content::generated(SIZE, 1));
    hub
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Finished,
    Reset,
    StillOpen,
}

/// What came over a connection.
struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
    end: End,
}

impl Heard {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Asks with `Connection: close` and listens until the connection ends or nothing more comes.
async fn ask(url: &str, range: Option<&str>) -> Heard {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let range = range.map_or(String::new(), |range| format!("Range: bytes={range}\r\n"));
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\n{range}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let end = loop {
        match timeout(SOON, stream.read(&mut buffer)).await {
            Err(_) => break End::StillOpen,
            Ok(Ok(0)) => break End::Finished,
            Ok(Ok(length)) => heard.extend(&buffer[..length]),
            Ok(Err(error)) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                break End::Reset;
            }
        }
    };
    let split = heard.windows(4).position(|window| window == b"\r\n\r\n");
    let (head, body) = split.map_or((vec![], vec![]), |at| {
        (heard[..at].to_vec(), heard[at + 4..].to_vec())
    });
    let head = String::from_utf8(head).unwrap();
    Heard {
        status: head.get(9..12).map_or(0, |status| status.parse().unwrap()),
        head,
        body,
        end,
    }
}

async fn ask_hub(hub: &FakeHub, path: &str) -> Heard {
    ask(&format!("{}{path}", hub.url), None).await
}

/// Follows the redirect of [`FILE`] and reads a range of it.
async fn download(hub: &FakeHub, range: Option<&str>) -> Heard {
    let redirect = ask_hub(hub, FILE).await;
    assert_eq!(redirect.status, 302);
    ask(redirect.header("location").unwrap(), range).await
}

fn content(hub: &FakeHub) -> Content {
    hub.repo(FOX).content("fox.gguf").unwrap()
}

/// That the fault is used up and nothing is wrong any more.
async fn assert_sound(hub: &FakeHub) {
    let heard = download(hub, Some("10-99")).await;
    assert_eq!(
        (heard.status, heard.header("content-range")),
        (206, Some("bytes 10-99/1000000"))
    );
    assert_eq!(heard.body, content(hub).read(10, 90).unwrap());
    assert_eq!(heard.end, End::Finished);
}

#[tokio::test]
async fn an_expired_location_is_refused_by_the_cdn() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::ExpiredLocation, 1);
    let heard = download(&hub, None).await;
    assert_eq!(heard.status, 403);
    assert!(String::from_utf8(heard.body).unwrap().contains("AccessDenied"));
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_range_is_ignored() {
    let hub = fox().await;
    let fault = hub.fault("fox.gguf", Fault::IgnoreRange, 1);
    assert_eq!(
        download(&hub, None).await.status,
        200,
        "a request without a range does not show it"
    );
    assert_eq!(fault.fired(), 0);
    let heard = download(&hub, Some("10-99")).await;
    assert_eq!((heard.status, heard.header("content-range")), (200, None));
    assert_eq!(heard.body, content(&hub).read(0, SIZE).unwrap());
    assert_eq!(fault.fired(), 1);
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_body_ends_early_in_good_order() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::ShortBody { after: 600_001 }, 1);
    let heard = download(&hub, Some("0-899999")).await;
    assert_eq!(
        (heard.status, heard.header("content-length")),
        (206, Some("900000"))
    );
    assert_eq!(heard.body, content(&hub).read(0, 600_001).unwrap());
    assert_eq!(heard.end, End::Finished);
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_body_ends_in_a_reset() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::Reset { after: 100_000 }, 2);
    for _ in 0..2 {
        let heard = download(&hub, Some("0-899999")).await;
        assert_eq!(heard.status, 206);
        assert_eq!(heard.end, End::Reset);
        assert_eq!(heard.body, content(&hub).read(0, 100_000).unwrap());
    }
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_body_stops_and_the_connection_stays() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::Stall { after: 5000 }, 1);
    let heard = download(&hub, None).await;
    assert_eq!(
        (heard.status, heard.header("content-length")),
        (200, Some("1000000"))
    );
    assert_eq!(heard.body, content(&hub).read(0, 5000).unwrap());
    assert_eq!(heard.end, End::StillOpen);
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_body_comes_in_drops() {
    let hub = fox().await;
    let every = Duration::from_millis(20);
    hub.fault("fox.gguf", Fault::Trickle { bytes: 10, every }, 1);
    let redirect = ask_hub(&hub, FILE).await;
    let started = std::time::Instant::now();
    let heard = ask(redirect.header("location").unwrap(), Some("0-99")).await;
    assert!(
        started.elapsed() >= 9 * every,
        "ten drops have nine pauses between them: {:?}",
        started.elapsed()
    );
    assert_eq!(heard.body, content(&hub).read(0, 100).unwrap());
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_content_range_has_the_wrong_total() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::WrongTotal, 1);
    let heard = download(&hub, Some("10-99")).await;
    assert_eq!(
        (heard.status, heard.header("content-range")),
        (206, Some("bytes 10-99/1000001"))
    );
    assert_eq!(heard.body.len(), 90);
    assert_sound(&hub).await;
}

#[tokio::test]
async fn another_range_comes_than_was_asked_for() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::OtherRange, 2);
    let heard = download(&hub, Some("10-99")).await;
    assert_eq!(
        (heard.status, heard.header("content-range")),
        (206, Some("bytes 11-100/1000000"))
    );
    assert_eq!(heard.body, content(&hub).read(11, 90).unwrap());
    let heard = download(&hub, Some("999990-")).await;
    assert_eq!(heard.header("content-range"), Some("bytes 999989-999998/1000000"));
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_content_length_is_wrong_either_way() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::ContentLength { off_by: 7 }, 1);
    let heard = download(&hub, Some("0-89")).await;
    assert_eq!(heard.header("content-length"), Some("97"));
    assert_eq!((heard.body.len(), heard.end), (90, End::Finished));
    hub.fault("fox.gguf", Fault::ContentLength { off_by: -7 }, 1);
    let heard = download(&hub, Some("0-89")).await;
    assert_eq!(heard.header("content-length"), Some("83"));
    assert_eq!(heard.header("content-range"), Some("bytes 0-89/1000000"));
    assert_eq!((heard.body.len(), heard.end), (83, End::Finished));
    assert_sound(&hub).await;
}

#[tokio::test]
async fn one_byte_is_bad() {
    let hub = fox().await;
    let fault = hub.fault("fox.gguf", Fault::BadByte { at: 500_000 }, 1);
    assert_sound(&hub).await;
    assert_eq!(fault.fired(), 0, "the byte was not in that range");
    let heard = download(&hub, Some("499999-500001")).await;
    let sound = content(&hub).read(499_999, 3).unwrap();
    assert_eq!((heard.body[0], heard.body[2]), (sound[0], sound[2]));
    assert_ne!(heard.body[1], sound[1]);
    assert_eq!(download(&hub, Some("499999-500001")).await.body, sound);
}

#[tokio::test]
async fn main_moves_on_between_listing_and_download() {
    let hub = fox().await;
    let (old, old_content) = (hub.repo(FOX).sha(), content(&hub));
    hub.fault("", Fault::NewCommit, 1).at(Stage::Api);
    let listing = ask_hub(&hub, &format!("/api/models/{FOX}?blobs=true")).await;
    assert!(
        String::from_utf8_lossy(&listing.body).contains(&old),
        "the listing is the old one"
    );
    let redirect = ask_hub(&hub, FILE).await;
    assert_ne!(redirect.header("x-repo-commit"), Some(old.as_str()));
    assert_ne!(content(&hub).sha256().unwrap(), old_content.sha256().unwrap());
    assert_eq!(content(&hub).size(), SIZE);
    let pinned = ask_hub(&hub, &FILE.replace("main", &old)).await;
    assert_eq!(pinned.header("x-repo-commit"), Some(old.as_str()));

    hub.fault("fox.gguf", Fault::NewCommit, 1);
    let moved = ask_hub(&hub, FILE).await;
    assert_ne!(moved.header("x-repo-commit"), redirect.header("x-repo-commit"));
    assert_ne!(moved.header("x-linked-etag"), redirect.header("x-linked-etag"));
    assert_sound(&hub).await;
}

#[tokio::test]
async fn refusals_come_with_their_codes() {
    let hub = fox().await;
    hub.fault("/resolve/", Fault::TooManyRequests { retry_in: 55 }, 1);
    let heard = ask_hub(&hub, FILE).await;
    assert_eq!(
        (heard.status, heard.header("ratelimit")),
        (429, Some("\"resolvers\";r=0;t=55"))
    );
    for (denial, code, message) in [
        (
            Denial::RepoNotFound,
            Some("RepoNotFound"),
            "Invalid username or password.",
        ),
        (
            Denial::GatedRepo,
            Some("GatedRepo"),
            "Access to model hearth-demo/fox-GGUF is restricted",
        ),
        (
            Denial::BadToken,
            None,
            "Invalid credentials in Authorization header",
        ),
    ] {
        for path in [FILE.to_owned(), format!("/api/models/{FOX}/tree/main")] {
            hub.fault("", Fault::Unauthorised(denial), 1);
            let heard = ask_hub(&hub, &path).await;
            assert_eq!((heard.status, heard.header("x-error-code")), (401, code));
            assert!(
                heard.header("x-error-message").unwrap().starts_with(message),
                "{}",
                heard.head
            );
        }
    }
    for stage in [Stage::Resolve, Stage::Bytes] {
        hub.fault("fox.gguf", Fault::Unavailable, 1).at(stage);
    }
    assert_eq!(ask_hub(&hub, FILE).await.status, 503);
    assert_eq!(download(&hub, None).await.status, 503);
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_guest_network_answers_with_its_own_page() {
    let hub = fox().await;
    hub.fault("/api/models", Fault::Html, 1);
    let heard = ask_hub(&hub, "/api/models").await;
    assert_eq!(
        (heard.status, heard.header("content-type")),
        (200, Some("text/html; charset=utf-8"))
    );
    assert!(heard.body.starts_with(b"<!doctype html>"));
    assert!(ask_hub(&hub, "/api/models").await.body.starts_with(b"["));
}

#[tokio::test]
async fn a_redirect_leads_to_itself() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::RedirectLoop, 30);
    let url = format!("{}{FILE}", hub.url);
    let heard = ask(&url, None).await;
    assert_eq!(
        (heard.status, heard.header("location")),
        (302, Some(url.as_str()))
    );
    let error = client::builder()
        .build()
        .unwrap()
        .get(&url)
        .send()
        .await
        .unwrap_err();
    assert!(error.is_redirect(), "{error}");
    hub.clear_faults();
    assert_sound(&hub).await;
}

#[tokio::test]
async fn the_clock_of_a_reply_is_off() {
    let hub = fox().await;
    hub.fault("/api/models", Fault::WrongDate { off_by: -86_400 }, 1);
    let wrong = ask_hub(&hub, "/api/models").await;
    let right = ask_hub(&hub, "/api/models").await;
    let moment = |heard: &Heard| {
        let date = heard.header("date").unwrap();
        jiff::fmt::rfc2822::parse(date).unwrap().timestamp().as_second()
    };
    let apart = moment(&right) - moment(&wrong);
    assert!((86_400..86_410).contains(&apart), "{apart}");
    hub.advance_clock(Duration::from_secs(7200));
    let ahead = moment(&ask_hub(&hub, "/api/models").await) - moment(&right);
    assert!((7200..7210).contains(&ahead), "{ahead}");
}

#[tokio::test]
async fn a_request_is_never_answered() {
    let hub = fox().await;
    hub.fault("/api/models", Fault::NoReply, 1);
    let heard = ask_hub(&hub, "/api/models").await;
    assert_eq!((heard.head.as_str(), heard.end), ("", End::StillOpen));
    assert_eq!(ask_hub(&hub, "/api/models").await.status, 200);
}

#[tokio::test]
async fn connections_break_and_are_refused_until_it_comes_back() {
    let hub = fox().await;
    hub.fault("fox.gguf", Fault::Stall { after: 10 }, 1);
    let redirect = ask_hub(&hub, FILE).await;
    let there = redirect.header("location").unwrap().to_owned();
    let stalled = tokio::spawn(async move { ask(&there, None).await.end });
    let is_stalled = || {
        let requests = hub.requests();
        let last = requests.last().unwrap();
        last.server == Server::Cdn && last.bytes_sent == 10
    };
    while !is_stalled() {
        tokio::task::yield_now().await;
    }
    hub.go_offline().await;
    assert_ne!(stalled.await.unwrap(), End::StillOpen);
    for url in [&hub.url, &hub.cdn_url] {
        let error = TcpStream::connect(url.strip_prefix("http://").unwrap())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    hub.come_back().await;
    assert_sound(&hub).await;
}

#[tokio::test]
async fn an_outage_begins_with_a_request_and_ends_by_itself() {
    let hub = fox().await;
    let lasts = Duration::from_millis(300);
    hub.fault("fox.gguf", Fault::Outage { lasts }, 1).at(Stage::Bytes);
    let heard = download(&hub, None).await;
    assert_eq!(heard.head, "");
    assert_ne!(heard.end, End::StillOpen);
    let host = hub.url.strip_prefix("http://").unwrap().to_owned();
    while TcpStream::connect(&host).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hub.come_back().await;
    assert_sound(&hub).await;
}

#[tokio::test]
async fn a_fault_at_a_small_file_and_at_json_is_on_the_wire_too() {
    let hub = fox().await;
    hub.fault("/api/models", Fault::ShortBody { after: 20 }, 1)
        .at(Stage::Api);
    let heard = ask_hub(&hub, "/api/models").await;
    assert_eq!((heard.body.len(), heard.end), (20, End::Finished));
    hub.fault("README.md", Fault::Reset { after: 3 }, 1);
    let redirect = ask_hub(&hub, &format!("/{FOX}/resolve/main/README.md")).await;
    let there = redirect.header("location").unwrap().to_owned();
    let heard = ask_hub(&hub, &there).await;
    assert_eq!((heard.body.len(), heard.end), (3, End::Reset));
}

#[tokio::test]
async fn replies_wait_and_downloads_are_slowed_when_told() {
    let hub = fox().await;
    hub.latency(Duration::from_millis(100));
    let started = std::time::Instant::now();
    assert_eq!(ask_hub(&hub, "/api/models").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(100));
    hub.latency(Duration::ZERO);
    hub.bandwidth(Some(2_000_000));
    let started = std::time::Instant::now();
    assert_eq!(download(&hub, None).await.body.len() as u64, SIZE);
    assert!(
        started.elapsed() >= Duration::from_millis(450),
        "{:?}",
        started.elapsed()
    );
}
