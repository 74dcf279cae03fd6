//! From a file's name to its bytes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/client.rs"]
mod client;

use std::time::Duration;

use hearth_fake_hub::{Content, FakeHub, Server};
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

const FOX: &str = "hearth-demo/fox-GGUF";
const SIZE: u64 = 1_000_000;

async fn fox() -> FakeHub {
    let hub = FakeHub::start().await;
    hub.repo(FOX)
        .licence("apache-2.0")
        .card("# Fox\n")
        .file("sub folder/fox-Q8_0.gguf", Content::generated(SIZE, 1))
        .file("fox-Q8_0.gguf", Content::generated(SIZE, 2));
    hub
}

/// A client that shows redirects instead of following them.
fn still() -> Client {
    client::builder().redirect(Policy::none()).build().unwrap()
}

fn header(headers: &HeaderMap, name: impl reqwest::header::AsHeaderName) -> &str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_large_file_is_at_a_signed_url_of_the_cdn() {
    let hub = fox().await;
    let content = hub.repo(FOX).content("fox-Q8_0.gguf").unwrap();
    let url = format!("{}/{FOX}/resolve/main/fox-Q8_0.gguf", hub.url);
    for request in [still().head(&url), still().get(&url)] {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::FOUND);
        let headers = reply.headers().clone();
        assert_eq!(header(&headers, "x-repo-commit"), hub.repo(FOX).sha());
        assert_eq!(header(&headers, "x-linked-size"), "1000000");
        assert_eq!(
            header(&headers, "x-linked-etag"),
            format!("\"{}\"", content.sha256().unwrap())
        );
        let there = header(&headers, LOCATION);
        assert!(
            there.starts_with(&hub.cdn_url) && there.contains("Expires="),
            "{there}"
        );
        assert_ne!(
            header(&headers, CONTENT_LENGTH),
            "1000000",
            "that of the redirect, not of the file"
        );

        let reply = still().get(there).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(
            header(reply.headers(), ETAG),
            format!("\"{}\"", header(&headers, "x-xet-hash"))
        );
        assert_ne!(header(&headers, "x-xet-hash"), content.sha256().unwrap());
        assert_eq!(header(reply.headers(), CONTENT_LENGTH), "1000000");
        assert_eq!(reply.bytes().await.unwrap(), content.read(0, SIZE).unwrap());
    }
}

#[tokio::test]
async fn ranges_are_exact() {
    let hub = fox().await;
    let path = "sub folder/fox-Q8_0.gguf";
    let content = hub.repo(FOX).content(path).unwrap();
    let url = format!("{}/{FOX}/resolve/main/sub%20folder/fox-Q8_0.gguf", hub.url);
    let client = client::builder().build().unwrap();
    for (range, told, start, length) in [
        ("bytes=0-0", "bytes 0-0/1000000", 0, 1),
        (
            "bytes=262143-524289",
            "bytes 262143-524289/1000000",
            262_143,
            262_147,
        ),
        ("bytes=999990-", "bytes 999990-999999/1000000", 999_990, 10),
        ("bytes=-10", "bytes 999990-999999/1000000", 999_990, 10),
        ("bytes=5-99999999", "bytes 5-999999/1000000", 5, 999_995),
    ] {
        let reply = client.get(&url).header(RANGE, range).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(header(reply.headers(), CONTENT_RANGE), told);
        assert_eq!(header(reply.headers(), "accept-ranges"), "bytes");
        assert_eq!(
            reply.bytes().await.unwrap(),
            content.read(start, length).unwrap(),
            "{range}"
        );
    }
    let beyond = client
        .get(&url)
        .header(RANGE, "bytes=1000000-")
        .send()
        .await
        .unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(beyond.headers(), CONTENT_RANGE), "bytes */1000000");
}

#[tokio::test]
async fn if_range_with_the_sha256_gives_the_whole_file() {
    let hub = fox().await;
    let url = format!("{}/{FOX}/resolve/main/fox-Q8_0.gguf", hub.url);
    let sha256 = hub.repo(FOX).content("fox-Q8_0.gguf").unwrap().sha256().unwrap();
    let ask = |etag: String| {
        client::builder()
            .build()
            .unwrap()
            .get(&url)
            .header(RANGE, "bytes=0-9")
            .header(IF_RANGE, etag)
            .send()
    };
    let reply = ask(format!("\"{sha256}\"")).await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    let etag = header(reply.headers(), ETAG).to_owned();
    assert_eq!(ask(etag).await.unwrap().status(), StatusCode::PARTIAL_CONTENT);
}

#[tokio::test]
async fn a_signed_url_expires_and_cannot_be_made_up() {
    let hub = fox().await;
    let url = format!("{}/{FOX}/resolve/main/fox-Q8_0.gguf", hub.url);
    let reply = still().head(&url).send().await.unwrap();
    let there = header(reply.headers(), LOCATION).to_owned();
    let status = async |url: &str| still().get(url).send().await.unwrap().status();
    assert_eq!(status(&there).await, StatusCode::OK);
    assert_eq!(
        status(&there.replace("Expires=", "Expires=9")).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(&there.replace("fox-Q8", "fox-Q4")).await,
        StatusCode::FORBIDDEN
    );
    hub.advance_clock(Duration::from_secs(3500));
    assert_eq!(status(&there).await, StatusCode::OK);
    hub.advance_clock(Duration::from_secs(101));
    assert_eq!(status(&there).await, StatusCode::FORBIDDEN);

    hub.signed_for(Duration::from_secs(60));
    let reply = still().head(&url).send().await.unwrap();
    let there = header(reply.headers(), LOCATION).to_owned();
    assert_eq!(status(&there).await, StatusCode::OK);
    hub.advance_clock(Duration::from_secs(61));
    assert_eq!(status(&there).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_small_file_is_on_the_hub_itself() {
    let hub = fox().await;
    let url = format!("{}/{FOX}/resolve/main/README.md", hub.url);
    let reply = still().head(&url).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::TEMPORARY_REDIRECT);
    let there = header(reply.headers(), LOCATION);
    let sha = hub.repo(FOX).sha();
    assert!(
        there.starts_with(&format!("/api/resolve-cache/models/{FOX}/{sha}/README.md")),
        "{there}"
    );

    let reply = client::builder().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(header(reply.headers(), "x-repo-commit"), sha);
    let etag = header(reply.headers(), ETAG).to_owned();
    assert_eq!(etag.len(), 42, "a sha1 in quotation marks");
    assert_eq!(
        reply.text().await.unwrap(),
        "---\nlicense: apache-2.0\n---\n# Fox\n"
    );
    let known = client::builder()
        .build()
        .unwrap()
        .get(&url)
        .header(IF_NONE_MATCH, etag)
        .send()
        .await
        .unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn raw_gives_what_git_has() {
    let hub = fox().await;
    let raw = async |path: &str| {
        let url = format!("{}/{FOX}/raw/main/{path}", hub.url);
        still().get(url).send().await.unwrap().text().await.unwrap()
    };
    assert!(raw("README.md").await.ends_with("# Fox\n"));
    let sha256 = hub.repo(FOX).content("fox-Q8_0.gguf").unwrap().sha256().unwrap();
    assert_eq!(
        raw("fox-Q8_0.gguf").await,
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 1000000\n")
    );
}

#[tokio::test]
async fn very_large_files_are_only_given_in_ranges() {
    let hub = fox().await;
    hub.largest_whole(SIZE - 1);
    let url = format!("{}/{FOX}/resolve/main/fox-Q8_0.gguf", hub.url);
    let whole = client::builder().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::BAD_REQUEST);
    let range = client::builder()
        .build()
        .unwrap()
        .get(&url)
        .header(RANGE, "bytes=0-")
        .send()
        .await
        .unwrap();
    assert_eq!(range.status(), StatusCode::PARTIAL_CONTENT);
}

#[tokio::test]
async fn every_request_is_in_the_log() {
    let hub = fox().await;
    hub.account("ada", "hf_ada");
    let url = format!("{}/{FOX}/resolve/main/fox-Q8_0.gguf", hub.url);
    let client = client::builder().build().unwrap();
    let request = client.get(&url).bearer_auth("hf_ada").header(RANGE, "bytes=0-99");
    request.send().await.unwrap().bytes().await.unwrap();
    let [redirect, file] = &hub.requests()[..] else {
        panic!("{:?}", hub.requests());
    };
    assert_eq!(
        (redirect.server, redirect.status, redirect.had_authorization),
        (Server::Hub, 302, true)
    );
    assert_eq!(
        (file.server, file.status, file.had_authorization),
        (Server::Cdn, 206, false),
        "no token goes to the CDN"
    );
    assert_eq!(
        (file.range.as_deref(), file.bytes_sent),
        (Some("bytes=0-99"), 100)
    );
    assert!(file.path.ends_with("/fox-Q8_0.gguf") && file.query.contains("Expires="));
    hub.forget_requests();
    assert_eq!(hub.requests(), []);
}
