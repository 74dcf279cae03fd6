//! Who may read what, how the Hub says no, and how much of it one may ask.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/client.rs"]
mod client;

use std::time::Duration;

use hearth_fake_hub::{Bucket, FakeHub, Gate};
use reqwest::{Response, StatusCode};
use serde_json::Value;

const HEN: &str = "hearth-demo/hen-GGUF";

async fn coop() -> FakeHub {
    let hub = FakeHub::start().await;
    hub.repo(HEN)
        .gated(Gate::Manual)
        .card("# Hen")
        .file("hen.gguf", "GGUF and so on");
    hub.repo("hearth-demo/open").file("open.gguf", "open");
    hub.account("ada", "hf_ada");
    hub
}

async fn ask(hub: &FakeHub, path: &str, token: &str) -> Response {
    let mut request = client::builder()
        .build()
        .unwrap()
        .get(format!("{}{path}", hub.url));
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    request.send().await.unwrap()
}

/// Status, error code and error message of a reply that says no.
async fn no(reply: Response) -> (u16, String, String) {
    let header = |name| {
        let value = reply.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    let (code, message) = (header("x-error-code"), header("x-error-message"));
    assert!(header("x-request-id").starts_with("Root="));
    let status = reply.status().as_u16();
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body["error"], message);
    (status, code, message)
}

#[tokio::test]
async fn a_gated_repo_is_listed_for_all_and_read_by_those_let_in() {
    let hub = coop().await;
    let file = format!("/{HEN}/resolve/main/hen.gguf");
    assert_eq!(
        ask(&hub, &format!("/api/models/{HEN}"), "").await.status(),
        StatusCode::OK
    );
    for token in ["", "hf_garbage"] {
        let (status, code, message) = no(ask(&hub, &file, token).await).await;
        assert_eq!((status, code.as_str()), (401, "GatedRepo"));
        assert!(message.contains("Please log in"), "{message}");
    }
    let (status, code, message) = no(ask(&hub, &file, "hf_ada").await).await;
    assert_eq!((status, code.as_str()), (403, "GatedRepo"));
    assert!(message.contains("not in the authorized list"), "{message}");
    assert_eq!(
        no(ask(&hub, &format!("/{HEN}/raw/main/README.md"), "").await)
            .await
            .0,
        401
    );

    hub.let_in("hf_ada", HEN);
    let reply = ask(&hub, &file, "hf_ada").await;
    assert_eq!(reply.text().await.unwrap(), "GGUF and so on");
    hub.revoke("hf_ada");
    assert_eq!(no(ask(&hub, &file, "hf_ada").await).await.0, 401);
}

#[tokio::test]
async fn the_terms_are_accepted_on_the_models_page() {
    let hub = coop().await;
    let page = ask(&hub, &format!("/{HEN}"), "").await.text().await.unwrap();
    let form = format!("action=\"/{HEN}/ask-access\"");
    assert!(page.contains(&form), "{page}");
    let url = format!("{}/{HEN}/ask-access", hub.url);
    assert_eq!(
        client::builder()
            .build()
            .unwrap()
            .post(url)
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    let reply = ask(&hub, &format!("/{HEN}/resolve/main/hen.gguf"), "hf_ada").await;
    assert_eq!(reply.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_depends_on_who_asks() {
    let hub = coop().await;
    for path in [
        "/api/models/hearth-demo/none",
        "/hearth-demo/none/resolve/main/a.gguf",
    ] {
        let (status, code, _) = no(ask(&hub, path, "").await).await;
        assert_eq!((status, code.as_str()), (401, "RepoNotFound"), "{path}");
        let (status, code, _) = no(ask(&hub, path, "hf_ada").await).await;
        assert_eq!((status, code.as_str()), (404, "RepoNotFound"), "{path}");
    }
    hub.remove_repo("hearth-demo/open");
    let (status, code, _) = no(ask(&hub, "/hearth-demo/open/resolve/main/open.gguf", "").await).await;
    assert_eq!((status, code.as_str()), (401, "RepoNotFound"));
    let revision = format!("/api/models/{HEN}/revision/v9");
    assert_eq!(no(ask(&hub, &revision, "").await).await.1, "RevisionNotFound");
    let nonsense = no(ask(&hub, "/what/is/this", "").await).await;
    assert_eq!(nonsense.0, 404);
}

#[tokio::test]
async fn a_token_that_was_never_given_out_is_told_so() {
    let hub = coop().await;
    for path in [
        "/api/whoami-v2",
        "/api/models",
        "/api/models/hearth-demo/open",
        "/api/models/hearth-demo/none",
        "/hearth-demo/open/resolve/main/open.gguf",
    ] {
        let (status, code, message) = no(ask(&hub, path, "hf_garbage").await).await;
        assert_eq!((status, code.as_str()), (401, ""), "{path}");
        assert_eq!(message, "Invalid credentials in Authorization header", "{path}");
    }
}

#[tokio::test]
async fn whoami_tells_the_accounts_name() {
    let hub = coop().await;
    let told: Value = ask(&hub, "/api/whoami-v2", "hf_ada").await.json().await.unwrap();
    assert_eq!((&told["type"], &told["name"]), (&"user".into(), &"ada".into()));
    assert_eq!(told["auth"]["accessToken"]["role"], "read");
    assert_eq!(no(ask(&hub, "/api/whoami-v2", "").await).await.0, 401);
}

#[tokio::test]
async fn every_reply_of_the_hub_tells_what_is_left() {
    let hub = coop().await;
    let limits = |reply: &Response| {
        let text = |name: &str| {
            let value = reply.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        (text("ratelimit"), text("ratelimit-policy"))
    };
    let (left, policy) = limits(&ask(&hub, "/api/models", "").await);
    assert!(left.unwrap().starts_with("\"api\";r=499;t="));
    assert_eq!(policy.unwrap(), "\"fixed window\";\"api\";q=500;w=300");
    let (left, _) = limits(&ask(&hub, "/api/models/none/none", "").await);
    assert!(
        left.unwrap().starts_with("\"api\";r=498;"),
        "also when it says no"
    );
    let still = client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let file = format!("{}/hearth-demo/open/resolve/main/open.gguf", hub.url);
    let reply = still.get(file).send().await.unwrap();
    assert!(limits(&reply).0.unwrap().starts_with("\"resolvers\";r=2999;"));
    let cdn = still
        .get(reply.headers()["location"].to_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(limits(&cdn), (None, None));
}

#[tokio::test]
async fn who_asks_too_much_waits_until_the_window_ends() {
    let hub = coop().await;
    hub.quota(Bucket::Api, 2);
    for _ in 0..2 {
        assert_eq!(ask(&hub, "/api/models", "").await.status(), StatusCode::OK);
    }
    let reply = ask(&hub, "/api/models", "").await;
    assert_eq!(reply.status(), StatusCode::TOO_MANY_REQUESTS);
    let left = reply.headers()["ratelimit"].to_str().unwrap().to_owned();
    assert!(left.starts_with("\"api\";r=0;t="), "{left}");
    let seconds: u64 = left.rsplit_once("t=").unwrap().1.parse().unwrap();
    assert_eq!(ask(&hub, "/api/models", "hf_ada").await.status(), StatusCode::OK);
    let file = ask(&hub, "/hearth-demo/open/resolve/main/open.gguf", "").await;
    assert_eq!(file.status(), StatusCode::OK);
    hub.advance_clock(Duration::from_secs(seconds));
    assert_eq!(ask(&hub, "/api/models", "").await.status(), StatusCode::OK);
}
