//! The terminal program as a person runs it: real processes, a real database, a Hub on loopback, the real worker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod kinds;
mod safetensors;
mod uqff;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hearth_fake_hub::{FakeHub, Gate};
use hearth_fixtures::{ModelFile, Script};
use serde_json::Value;
use tempfile::TempDir;

const REPO: &str = "hearth-demo/Fox-GGUF";
const FOX: &str = "The quick brown fox jumps over a lazy dog.";

/// A person's folders, and the Hub they reach.
struct Place {
    folder: TempDir,
    hub: String,
}

impl Place {
    fn near(hub: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            hub: hub.to_owned(),
        }
    }

    async fn hearth(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
        command
            .args(arguments)
            .env("HEARTH_DATA", self.folder.path().join("data"))
            .env("HF_HOME", self.folder.path().join("huggingface"))
            .env("HF_ENDPOINT", &self.hub)
            .env_remove("HF_TOKEN")
            .env_remove("HEARTH_LOG");
        // The Hub answers on this runtime's threads.
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    /// The answer as JSON; the command must succeed.
    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.hearth(&[arguments, &["--json"]].concat()).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The exit status and the sentence of a command that must fail.
    async fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.hearth(arguments).await;
        assert!(output.stdout.is_empty(), "an error is not an answer");
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), error)
    }
}

/// A Hub with one model that says [`FOX`].
async fn hub() -> FakeHub {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fox.gguf");
    ModelFile::scripted(&Script::saying(FOX).unwrap())
        .write(&path)
        .unwrap();
    let hub = FakeHub::start().await;
    hub.repo(REPO)
        .licence("apache-2.0")
        .card("# Fox")
        .gguf(1_000_000, "qwen3", 4096)
        .file("Fox-F16.gguf", std::fs::read(&path).unwrap());
    hub
}

/// The ids on a page of a search.
fn found(page: &Value) -> Vec<&str> {
    let models = page["models"].as_array().unwrap();
    models.iter().map(|model| model["id"].as_str().unwrap()).collect()
}

/// Name, verdict and whether it is recommended, of each variant of a repository.
fn judged(page: &Value) -> Vec<(&str, &str, bool)> {
    let variants = page["variants"].as_array().unwrap();
    let told = variants.iter().map(|variant| {
        let label = variant["verdict"]["label"].as_str();
        (
            variant["name"].as_str().unwrap(),
            label.unwrap_or("?"),
            variant["recommended"] == true,
        )
    });
    told.collect()
}

/// All files below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let within = |path: PathBuf| if path.is_dir() { walk(&path) } else { vec![path] };
    entries.flat_map(|entry| within(entry.unwrap().path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_found_judged_pulled_listed_asked_and_removed() {
    let hub = hub().await;
    let place = Place::near(&hub.url);

    let computer = place.json(&["machine"]).await;
    assert!(computer["machine"]["memory"]["totalBytes"].as_u64().unwrap() > 0);

    let page = place.json(&["search", "fox"]).await;
    assert_eq!(page["models"][0]["id"], REPO);

    let page = place.json(&["fit", REPO]).await;
    assert_eq!(page["variants"][0]["name"], "F16");
    let verdict = place
        .json(&["fit", &format!("{REPO}:F16"), "--context", "1024"])
        .await;
    assert_eq!(
        (&verdict["label"], &verdict["context"]),
        (&"fits".into(), &1024.into())
    );

    let download = place.json(&["pull", &format!("{REPO}:F16")]).await;
    assert_eq!(download["state"], "done");

    // What is here needs no Hub.
    hub.go_offline().await;
    let library = place.json(&["list"]).await;
    let ours = library
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["repo"] == REPO)
        .unwrap();
    let name = ours["model"]["name"].as_str().unwrap();
    assert_eq!(name, "Fox-F16");

    let output = place.hearth(&["chat", name, "-q", "What do you say?"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), FOX);

    let removed = place.json(&["rm", name]).await;
    assert_eq!(removed["freedBytes"], ours["model"]["sizeBytes"]);
    let library = place.json(&["list"]).await;
    assert!(
        library
            .as_array()
            .unwrap()
            .iter()
            .all(|entry| entry["repo"] != REPO)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_exit_status_and_a_sentence() {
    let hub = hub().await;
    hub.repo("hearth-demo/Empty").file("README.md", "# Nothing");
    hub.repo("hearth-demo/Gated-GGUF")
        .gated(Gate::Auto)
        .file("gated-Q8_0.gguf", vec![0; 5000]);
    let place = Place::near(&hub.url);
    let cases = [
        (vec!["fit", "hearth-demo/Nowhere"], 3),
        (vec!["fit", "hearth-demo/Empty"], 3),
        (vec!["fit", "no repo at all"], 1),
        (vec!["pull", "hearth-demo/Fox-GGUF:Q9"], 3),
        (vec!["rm", "nothing"], 3),
        (vec!["fit", "hearth-demo/Gated-GGUF:Q8_0"], 6),
    ];
    for (arguments, status) in cases {
        let (found, error) = place.failure(&arguments).await;
        assert_eq!(found, status, "{arguments:?}: {error}");
        assert!(error.starts_with("error: ") && error.len() > 30, "{error}");
    }
    hub.go_offline().await;
    let (status, error) = place.failure(&["search", "something new"]).await;
    assert_eq!(status, 5, "{error}");
}
