//! What the Hub tells of models and of their files.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/client.rs"]
mod client;

use hearth_fake_hub::{Content, FakeHub, Gate};
use reqwest::header::LINK;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

const FOX: &str = "hearth-demo/fox-GGUF";

async fn shelf() -> FakeHub {
    let hub = FakeHub::start().await;
    hub.repo(FOX)
        .task("text-generation")
        .licence("apache-2.0")
        .base_model("hearth-demo/fox")
        .tags(["conversational", "en"])
        .downloads(500)
        .likes(9)
        .trending(3)
        .dates("2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z")
        .gguf(1_500_000_000, "llama", 4096)
        .card("# Fox\n")
        .file("fox-Q8_0.gguf", Content::generated(1000, 1))
        .file("more/deep/fox-Q4_K_M.gguf", Content::generated(500, 2));
    hub.repo("hearth-demo/hen-GGUF")
        .task("text-generation")
        .licence("mit")
        .downloads(100)
        .likes(90)
        .trending(2)
        .dates("2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z")
        .gguf(7_000_000_000, "qwen3", 32_768)
        .gated(Gate::Manual)
        .file("hen-Q8_0.gguf", Content::generated(1000, 3));
    hub.repo("other-people/Fox-Pictures")
        .task("text-to-image")
        .downloads(9000)
        .trending(1)
        .file("fox.safetensors", Content::generated(1000, 4));
    hub
}

async fn get(hub: &FakeHub, path: &str) -> Response {
    client::builder()
        .build()
        .unwrap()
        .get(format!("{}{path}", hub.url))
        .send()
        .await
        .unwrap()
}

async fn json_of(hub: &FakeHub, path: &str) -> Value {
    let reply = get(hub, path).await;
    assert_eq!(reply.status(), StatusCode::OK, "{path}");
    reply.json().await.unwrap()
}

async fn ids(hub: &FakeHub, query: &str) -> Vec<String> {
    let found = json_of(hub, &format!("/api/models?{query}")).await;
    found
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_search_finds_by_every_parameter() {
    let hub = shelf().await;
    let (fox, hen, pictures) = (FOX, "hearth-demo/hen-GGUF", "other-people/Fox-Pictures");
    for (query, found) in [
        ("", vec![fox, hen, pictures]),
        ("search=FOX", vec![fox, pictures]),
        ("search=fox+gguf", vec![fox]),
        ("author=hearth-demo", vec![fox, hen]),
        ("filter=gguf", vec![fox, hen]),
        ("filter=gguf&filter=license:mit", vec![hen]),
        ("filter=base_model:quantized:hearth-demo/fox", vec![fox]),
        ("pipeline_tag=text-to-image", vec![pictures]),
        ("num_parameters=min:1B,max:2B", vec![fox]),
        ("num_parameters=min:2B", vec![hen]),
        ("gated=true", vec![hen]),
        ("gated=false", vec![fox, pictures]),
        ("sort=downloads", vec![pictures, fox, hen]),
        ("sort=likes", vec![hen, fox, pictures]),
        ("sort=lastModified", vec![fox, hen, pictures]),
        ("sort=createdAt", vec![hen, fox, pictures]),
        ("sort=downloads&limit=1", vec![pictures]),
        ("search=nothing-is-called-so", vec![]),
    ] {
        let mut ids = ids(&hub, query).await;
        let mut expected = found;
        if query == "sort=createdAt" || query == "sort=lastModified" {
            // Two of the three were made at the same moment.
            ids.truncate(1);
            expected.truncate(1);
        }
        assert_eq!(ids, expected, "{query}");
    }
    for nonsense in [
        "sort=size",
        "gated=maybe",
        "limit=0",
        "num_parameters=big",
        "cursor=abc",
        "expand=mood",
    ] {
        let reply = get(&hub, &format!("/api/models?{nonsense}")).await;
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{nonsense}");
    }
}

#[tokio::test]
async fn full_and_expand_choose_what_is_told() {
    let hub = shelf().await;
    let brief = &json_of(&hub, "/api/models?search=fox-gguf").await[0];
    assert_eq!(brief["downloads"], 500);
    assert_eq!(brief.get("sha"), None);
    let full = &json_of(&hub, "/api/models?search=fox-gguf&full=true").await[0];
    assert_eq!(full["author"], "hearth-demo");
    assert_eq!(full["gated"], false);
    assert_eq!(full["cardData"]["license"], "apache-2.0");
    assert_eq!(
        full["siblings"][1],
        json!({ "rfilename": "fox-Q8_0.gguf" }),
        "without sizes"
    );
    let expanded = json_of(&hub, "/api/models?search=hen&expand=gguf&expand=gated").await;
    let expected = json!([{
        "_id": expanded[0]["_id"],
        "id": "hearth-demo/hen-GGUF",
        "modelId": "hearth-demo/hen-GGUF",
        "gated": "manual",
        "gguf": { "total": 7_000_000_000u64, "architecture": "qwen3", "context_length": 32_768 },
    }]);
    assert_eq!(expanded, expected);
    let both = get(&hub, "/api/models?full=true&expand=gguf").await;
    assert_eq!(both.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_are_linked() {
    let hub = FakeHub::start().await;
    for number in 0..7 {
        hub.repo(&format!("hearth-demo/model-{number}")).downloads(number);
    }
    let mut url = format!("{}/api/models?sort=downloads&limit=3&expand=downloads", hub.url);
    let mut seen: Vec<Vec<u64>> = Vec::new();
    loop {
        let reply = client::builder().build().unwrap().get(&url).send().await.unwrap();
        let link = reply
            .headers()
            .get(LINK)
            .map(|link| link.to_str().unwrap().to_owned());
        let page: Vec<Value> = reply.json().await.unwrap();
        seen.push(
            page.iter()
                .map(|model| model["downloads"].as_u64().unwrap())
                .collect(),
        );
        let Some(link) = link else { break };
        url = link
            .strip_prefix('<')
            .unwrap()
            .strip_suffix(">; rel=\"next\"")
            .unwrap()
            .to_owned();
        assert!(
            url.contains("cursor=") && url.contains("expand=downloads"),
            "{url}"
        );
    }
    assert_eq!(seen, [vec![6, 5, 4], vec![3, 2, 1], vec![0]]);
    let elsewhere = url.replace("sort=downloads", "sort=likes");
    let reply = client::builder()
        .build()
        .unwrap()
        .get(elsewhere)
        .send()
        .await
        .unwrap();
    assert_eq!(
        reply.status(),
        StatusCode::BAD_REQUEST,
        "a cursor of another list"
    );
}

#[tokio::test]
async fn blobs_tell_sizes_and_sums() {
    let hub = shelf().await;
    let content = hub.repo(FOX).content("fox-Q8_0.gguf").unwrap();
    let plain = json_of(&hub, &format!("/api/models/{FOX}")).await;
    assert_eq!(plain["siblings"][0], json!({ "rfilename": "README.md" }));
    let model = json_of(&hub, &format!("/api/models/{FOX}?blobs=true")).await;
    assert_eq!(model["sha"], hub.repo(FOX).sha());
    assert_eq!(model["gguf"]["total"], 1_500_000_000u64);
    let [card, large, _deep] = &model["siblings"].as_array().unwrap()[..] else {
        panic!("{model}");
    };
    assert_eq!(card["rfilename"], "README.md");
    assert_eq!(card.get("lfs"), None);
    assert_eq!(card["blobId"].as_str().unwrap().len(), 40);
    assert_eq!(large["size"], 1000);
    assert_eq!(large["lfs"]["sha256"], content.sha256().unwrap());
    assert_eq!(large["lfs"]["size"], 1000);
    assert_eq!(large["lfs"]["pointerSize"], 125 + "1000".len());
    assert_ne!(large["blobId"], large["lfs"]["sha256"]);
}

#[tokio::test]
async fn a_tree_lists_folders_in_pages() {
    let hub = shelf().await;
    hub.tree_page(2);
    let sha = hub.repo(FOX).sha();
    let paths = |page: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let lines = page.as_array().unwrap().iter();
        lines
            .map(|line| (text(&line["type"]), text(&line["path"])))
            .collect()
    };
    let all = |lines: &[(&str, &str)]| -> Vec<(String, String)> {
        lines
            .iter()
            .map(|(kind, path)| (kind.to_string(), path.to_string()))
            .collect()
    };
    let reply = get(&hub, &format!("/api/models/{FOX}/tree/{sha}?recursive=true")).await;
    let link = reply.headers()[LINK].to_str().unwrap().to_owned();
    let first: Value = reply.json().await.unwrap();
    assert_eq!(
        paths(&first),
        all(&[("file", "README.md"), ("file", "fox-Q8_0.gguf")])
    );
    let large = &first[1];
    let content = hub.repo(FOX).content("fox-Q8_0.gguf").unwrap();
    assert_eq!(large["lfs"]["oid"], content.sha256().unwrap());
    assert_eq!(large["oid"].as_str().unwrap().len(), 40);
    assert_ne!(large["xetHash"], large["lfs"]["oid"]);
    assert_eq!(first[0].get("lfs"), None);
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let second: Value = client::builder()
        .build()
        .unwrap()
        .get(next)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        paths(&second),
        all(&[("directory", "more"), ("directory", "more/deep")])
    );

    hub.tree_page(1000);
    let flat = json_of(&hub, &format!("/api/models/{FOX}/tree/main")).await;
    assert_eq!(
        paths(&flat),
        all(&[
            ("file", "README.md"),
            ("file", "fox-Q8_0.gguf"),
            ("directory", "more")
        ])
    );
    let inner = json_of(&hub, &format!("/api/models/{FOX}/tree/main/more/deep")).await;
    assert_eq!(paths(&inner), all(&[("file", "more/deep/fox-Q4_K_M.gguf")]));
    let missing = get(&hub, &format!("/api/models/{FOX}/tree/main/nowhere")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(missing.headers()["x-error-code"], "EntryNotFound");
}

#[tokio::test]
async fn paths_info_is_silent_about_what_is_not_there() {
    let hub = shelf().await;
    let url = format!("{}/api/models/{FOX}/paths-info/main", hub.url);
    let asked = json!({ "paths": ["fox-Q8_0.gguf", "gone.gguf", "more"] });
    let reply = client::builder()
        .build()
        .unwrap()
        .post(&url)
        .json(&asked)
        .send()
        .await
        .unwrap();
    let told: Value = reply.json().await.unwrap();
    assert_eq!(told.as_array().unwrap().len(), 2);
    assert_eq!(
        (&told[0]["size"], &told[0]["path"]),
        (&json!(1000), &json!("fox-Q8_0.gguf"))
    );
    assert_eq!(told[1]["type"], "directory");
    let nonsense = client::builder()
        .build()
        .unwrap()
        .post(&url)
        .body("paths")
        .send()
        .await
        .unwrap();
    assert_eq!(nonsense.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_commit_stays_when_main_moves_on() {
    let hub = shelf().await;
    let old = hub.repo(FOX).branch("refs/pr/1").sha();
    let new = hub
        .repo(FOX)
        .commit()
        .without("fox-Q8_0.gguf")
        .file("fox-v2-Q8_0.gguf", "new")
        .sha();
    assert_ne!(old, new);
    let files = async |revision: &str| {
        let model = json_of(&hub, &format!("/api/models/{FOX}/revision/{revision}")).await;
        let files = model["siblings"].as_array().unwrap().iter();
        let files: Vec<_> = files
            .map(|file| file["rfilename"].as_str().unwrap().to_owned())
            .collect();
        (model["sha"].as_str().unwrap().to_owned(), files[1].clone())
    };
    assert_eq!(files("main").await, (new.clone(), "fox-v2-Q8_0.gguf".to_owned()));
    assert_eq!(files(&old).await, (old.clone(), "fox-Q8_0.gguf".to_owned()));
    assert_eq!(files("refs%2Fpr%2F1").await.0, old);
    let file = async |revision: &str| get(&hub, &format!("/{FOX}/resolve/{revision}/fox-Q8_0.gguf")).await;
    assert_eq!(file(&old).await.status(), StatusCode::OK);
    assert_eq!(file("main").await.headers()["x-error-code"], "EntryNotFound");
    hub.repo(FOX).forget_history();
    let gone = file(&old).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert_eq!(gone.headers()["x-error-code"], "RevisionNotFound");
}

#[tokio::test]
async fn a_wrong_case_and_an_old_name_are_redirected() {
    let hub = shelf().await;
    let still = client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let there = async |path: &str| {
        let reply = still.get(format!("{}{path}", hub.url)).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::TEMPORARY_REDIRECT, "{path}");
        reply.headers()["location"].to_str().unwrap().to_owned()
    };
    assert_eq!(
        there("/api/models/Hearth-Demo/Fox-gguf/tree/main?recursive=true").await,
        format!("/api/models/{FOX}/tree/main?recursive=true")
    );
    assert_eq!(
        there("/hearth-demo/FOX-GGUF/resolve/main/a%20b.gguf").await,
        format!("/{FOX}/resolve/main/a%20b.gguf")
    );
    hub.rename_repo(FOX, "hearth-demo/vixen-GGUF");
    assert_eq!(
        there(&format!("/api/models/{FOX}")).await,
        "/api/models/hearth-demo/vixen-GGUF"
    );
    assert_eq!(
        json_of(&hub, "/api/models/hearth-demo/vixen-GGUF").await["id"],
        "hearth-demo/vixen-GGUF"
    );
}

#[tokio::test]
async fn a_models_page_can_be_read() {
    let hub = shelf().await;
    let page = get(&hub, &format!("/{FOX}")).await;
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let page = page.text().await.unwrap();
    assert!(page.contains("# Fox") && page.contains("apache-2.0") && !page.contains("Agree"));
}
