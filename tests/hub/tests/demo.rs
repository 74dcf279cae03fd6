//! The demonstration's catalogue, and the program that offers it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/client.rs"]
mod client;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hearth_fake_hub::{DemoError, FakeHub};
use hearth_gguf::Header;
use reqwest::StatusCode;
use reqwest::header::RANGE;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn bard() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf")
}

/// One demonstration for all that is to be seen of it, because its models take a while to write.
#[tokio::test]
async fn the_demonstration_is_what_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FakeHub::start().await;
    hub.demo(&folder.path().join("models"), &bard()).unwrap();
    what_is_suggested_arrives_whole_and_is_what_was_said(&hub, &folder).await;
    every_kind_of_repo_is_there(&hub).await;
    a_split_model_can_be_joined(&hub, &folder).await;
    a_gated_model_is_given_to_who_was_let_in(&hub, &folder).await;
    a_model_that_is_only_shown_has_a_true_header_and_size(&hub, &folder).await;
}

async fn json_of(hub: &FakeHub, path: &str) -> Value {
    let reply = client::builder()
        .build()
        .unwrap()
        .get(format!("{}{path}", hub.url))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::OK, "{path}");
    reply.json().await.unwrap()
}

async fn files_of(hub: &FakeHub, id: &str) -> Vec<Value> {
    let model = json_of(hub, &format!("/api/models/{id}?blobs=true")).await;
    model["siblings"].as_array().unwrap().clone()
}

/// Downloads a file and checks it against the sum that the listing tells.
async fn fetch(hub: &FakeHub, id: &str, file: &Value, into: &Path) -> Header {
    let name = file["rfilename"].as_str().unwrap();
    let reply = client::builder()
        .build()
        .unwrap()
        .get(format!("{}/{id}/resolve/main/{name}", hub.url))
        .bearer_auth(FakeHub::DEMO_TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::OK, "{id}: {name}");
    let bytes = reply.bytes().await.unwrap();
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(sum, file["lfs"]["sha256"], "{id}: {name}");
    let path = into.join(name.rsplit('/').next().unwrap());
    std::fs::write(&path, bytes).unwrap();
    Header::open(&path).unwrap_or_else(|error| panic!("{id}: {name}: {error}"))
}

async fn what_is_suggested_arrives_whole_and_is_what_was_said(hub: &FakeHub, folder: &TempDir) {
    let list = std::fs::read(folder.path().join("models/suggestions.json")).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    let models = list["models"].as_array().unwrap();
    assert!(models.len() >= 3);
    for model in models {
        let (id, variant) = (
            model["repo"].as_str().unwrap(),
            model["variant"].as_str().unwrap(),
        );
        let files = files_of(hub, id).await;
        let is_it = |file: &&Value| {
            let name = file["rfilename"].as_str().unwrap();
            name.ends_with(&format!("-{variant}.gguf"))
        };
        let file = files.iter().find(is_it).unwrap();
        assert_eq!(file["size"], model["sizeBytes"]);
        let header = fetch(hub, id, file, folder.path()).await;
        assert_eq!(header.architecture(), model["shape"]["architecture"].as_str());
        let weights: u64 = header
            .tensors
            .iter()
            .map(|tensor| tensor.weights().unwrap())
            .sum();
        assert_eq!(model["parameters"], weights, "{id}");
        let told = &json_of(hub, &format!("/api/models/{id}?expand=gguf")).await["gguf"];
        assert_eq!(told["total"], weights, "{id}");
        assert_eq!(told["context_length"], header.context_length().unwrap(), "{id}");
    }
}

async fn every_kind_of_repo_is_there(hub: &FakeHub) {
    let all = json_of(hub, "/api/models?limit=100&full=true").await;
    assert!(all.as_array().unwrap().len() >= 12);
    for model in all.as_array().unwrap() {
        let id = model["id"].as_str().unwrap();
        assert!(model["tags"].as_array().unwrap().iter().any(|tag| {
            let tag = tag.as_str().unwrap();
            tag.starts_with("license:")
        }));
        assert!(model["downloads"].as_u64().unwrap() > 0);
        let card = client::builder()
            .build()
            .unwrap()
            .get(format!("{}/{id}/resolve/main/README.md", hub.url))
            .bearer_auth(FakeHub::DEMO_TOKEN)
            .send()
            .await
            .unwrap();
        let gated = model["gated"] != false;
        let expected = if gated {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::OK
        };
        assert_eq!(card.status(), expected, "{id}");
    }
    let without = json_of(hub, "/api/models?filter=gguf&limit=100").await;
    assert!(without.as_array().unwrap().len() < all.as_array().unwrap().len());
}

async fn a_split_model_can_be_joined(hub: &FakeHub, folder: &TempDir) {
    let lantern = "hearth-demo/Lantern-9M-GGUF";
    let mut shards = Vec::new();
    for file in files_of(hub, lantern).await {
        if file["rfilename"].as_str().unwrap().contains("-of-00003") {
            shards.push(fetch(hub, lantern, &file, folder.path()).await);
        }
    }
    assert_eq!(shards.len(), 3);
    Header::join(shards).unwrap();
}

async fn a_gated_model_is_given_to_who_was_let_in(hub: &FakeHub, folder: &TempDir) {
    let sealed = "hearth-demo/Sealed-Letter-9M-GGUF";
    hub.let_in(FakeHub::DEMO_TOKEN, sealed);
    let files = files_of(hub, sealed).await;
    let file = files.iter().find(|file| file.get("lfs").is_some()).unwrap();
    fetch(hub, sealed, file, folder.path()).await;
}

async fn a_model_that_is_only_shown_has_a_true_header_and_size(hub: &FakeHub, folder: &TempDir) {
    let id = "basalt-demo/Basalt-70B-Instruct-GGUF";
    let files = files_of(hub, id).await;
    let file = files
        .iter()
        .find(|file| file["rfilename"].as_str().unwrap().contains("Q4_K_M"))
        .unwrap();
    let size = file["size"].as_u64().unwrap();
    assert!((38_000_000_000..45_000_000_000).contains(&size), "{size}");
    let name = file["rfilename"].as_str().unwrap();
    let reply = client::builder()
        .build()
        .unwrap()
        .get(format!("{}/{id}/resolve/main/{name}", hub.url))
        .header(RANGE, "bytes=0-9999999")
        .send()
        .await
        .unwrap();
    assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT);
    let path = folder.path().join("header.gguf");
    std::fs::write(&path, reply.bytes().await.unwrap()).unwrap();
    // The rest as a hole, so that the header's claims can be held against the size.
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(size)
        .unwrap();
    assert_eq!(Header::open(&path).unwrap().architecture(), Some("llama"));
}

#[tokio::test]
async fn a_demonstration_without_the_built_in_model_says_which_file_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let hub = FakeHub::start().await;
    let missing = folder.path().join("no-such-file.gguf");
    let error = hub.demo(folder.path(), &missing).unwrap_err();
    assert!(matches!(error, DemoError::File { .. }));
    assert!(error.to_string().contains("no-such-file.gguf"), "{error}");
}

#[tokio::test]
async fn the_program_prints_its_url_and_ends_with_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.gguf");
    std::fs::write(&path, "GGUF of one's own").unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_fake-hub"))
        .args(["--latency", "1", "--generated", "1000", "--file"])
        .arg(&path)
        .arg("--demo")
        .arg(folder.path().join("demo"))
        .arg("--bard")
        .arg(bard())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(program.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let url = url.trim();
    let get = async |path: &str| {
        let reply = client::builder()
            .build()
            .unwrap()
            .get(format!("{url}/hearth-demo/{path}"))
            .send()
            .await
            .unwrap();
        reply.bytes().await.unwrap()
    };
    assert_eq!(get("files/resolve/main/own.gguf").await, "GGUF of one's own");
    assert_eq!(get("files/resolve/main/made-up.gguf").await.len(), 1000);
    let bard = std::fs::read(bard()).unwrap();
    assert_eq!(get("Bard-2M-GGUF/resolve/main/Bard-2M-Q8_0.gguf").await, bard);
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
    assert!(
        client::builder()
            .build()
            .unwrap()
            .get(url)
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
}
