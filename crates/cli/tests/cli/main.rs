//! The terminal program as a person runs it: real processes, a real database, a Hub on loopback, the real worker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::process::{Command, Output};

use hearth_fake_hub::{Content, FakeHub, Gate};
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

/// The same model as its makers saved it, beside the files that such repositories have as well.
fn with_safetensors(hub: &FakeHub) {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelFile::scripted(&Script::saying(FOX).unwrap());
    let weights = std::fs::read(model.write_safetensors(folder.path()).unwrap()).unwrap();
    let mut repo = hub
        .repo("hearth-demo/Fox")
        .tags(["transformers", "conversational"])
        .safetensors(1_000_000, "LlamaForCausalLM", None)
        .file("model.safetensors", weights)
        .file("consolidated.safetensors", "once more")
        .file("tokenizer.model", "another form");
    for (name, text) in model.safetensors_companions() {
        repo = repo.file(name, text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_safetensors_goes_the_same_way_and_is_quantised_to_what_was_asked() {
    let hub = hub().await;
    with_safetensors(&hub);
    let place = Place::near(&hub.url);

    let page = place.json(&["search", "fox"]).await;
    let mut found: Vec<_> = page["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| (model["id"].as_str().unwrap(), model["verdict"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("hearth-demo/Fox", "fits"), (REPO, "fits")]);

    let page = place.json(&["fit", "hearth-demo/Fox"]).await;
    let variants: Vec<_> = page["variants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| (variant["name"].as_str().unwrap(), variant["recommended"] == true))
        .collect();
    assert_eq!(
        variants,
        [("Q8_0", true), ("Q4_K", false), ("Q5_K", false), ("Q6_K", false)],
        "the best for this computer comes first"
    );

    let download = place.json(&["pull", "hearth-demo/Fox:Q5_K"]).await;
    assert_eq!(
        (&download["state"], &download["variant"]),
        (&"done".into(), &"Q5_K".into())
    );
    let ours = |library: Value| {
        let mut entries = library.as_array().unwrap().clone();
        entries.retain(|entry| entry["repo"] == "hearth-demo/Fox");
        let [entry] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        entry.clone()
    };
    let entry = ours(place.json(&["list"]).await);
    assert_eq!(
        (&entry["model"]["name"], &entry["quantisation"]),
        (&"Fox".into(), &"Q5_K".into())
    );

    // Another quantisation of what is here needs no second download.
    hub.forget_requests();
    place.json(&["pull", "hearth-demo/Fox:Q4_K"]).await;
    let weights = hub
        .requests()
        .into_iter()
        .filter(|asked| asked.path.ends_with("model.safetensors"));
    assert_eq!(weights.count(), 0);
    assert_eq!(ours(place.json(&["list"]).await)["quantisation"], "Q4_K");

    hub.go_offline().await;
    let output = place.hearth(&["chat", "Fox", "-q", "What do you say?"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), FOX);
    let removed = place.json(&["rm", "Fox"]).await;
    assert_eq!(removed["freedBytes"], entry["model"]["sizeBytes"]);
}

/// A repository of UQFF, of two quantisations of one model: what Hearth itself keeps, published.
async fn with_uqff(hub: &FakeHub) {
    with_safetensors(hub);
    let place = Place::near(&hub.url);
    let mut files = std::collections::BTreeMap::new();
    for level in ["Q8_0", "Q4_K"] {
        place.json(&["pull", &format!("hearth-demo/Fox:{level}")]).await;
        place.json(&["keep", "Fox"]).await;
        let kept = walk(&place.folder.path().join("data/quantised"));
        files.extend(kept.into_iter().map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        }));
    }
    let mut repo = hub.repo("hearth-demo/Fox-UQFF");
    for (name, bytes) in files {
        repo = repo.file(&name, bytes);
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let within = |path: std::path::PathBuf| if path.is_dir() { walk(&path) } else { vec![path] };
    entries.flat_map(|entry| within(entry.unwrap().path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_uqff_shows_its_quantisations_and_they_share_what_they_share() {
    let hub = hub().await;
    with_uqff(&hub).await;
    let place = Place::near(&hub.url);
    let page = place.json(&["fit", "hearth-demo/Fox-UQFF"]).await;
    let variants: Vec<_> = (page["variants"].as_array().unwrap().iter())
        .map(|variant| {
            let label = variant["verdict"]["label"].as_str();
            (
                variant["name"].as_str().unwrap(),
                label,
                variant["recommended"] == true,
            )
        })
        .collect();
    assert_eq!(
        variants,
        [("Q8_0", Some("fits"), true), ("Q4_K", Some("fits"), false)],
        "{page}"
    );
    for level in ["Q8_0", "Q4_K"] {
        place
            .json(&["pull", &format!("hearth-demo/Fox-UQFF:{level}")])
            .await;
    }
    hub.go_offline().await;
    let says = async |name: &str| {
        let output = place.hearth(&["chat", name, "-q", "What do you say?"]).await;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for name in ["Fox-UQFF Q8_0", "Fox-UQFF Q4_K"] {
        assert_eq!(says(name).await, FOX);
    }
    // What both need goes with the last of them.
    let cache = place.folder.path().join("huggingface");
    place.json(&["rm", "Fox-UQFF Q8_0"]).await;
    assert_eq!(says("Fox-UQFF Q4_K").await, FOX);
    let first = walk(&cache).len();
    place.json(&["rm", "Fox-UQFF Q4_K"]).await;
    let left = walk(&cache);
    assert!(left.len() < first, "{left:?}");
    assert!(
        left.iter().all(|path| !path.ends_with("residual.safetensors")),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_kept_quantised_and_answers_from_its_copy() {
    let hub = hub().await;
    with_safetensors(&hub);
    let place = Place::near(&hub.url);
    place.json(&["pull", "hearth-demo/Fox:Q4_K"]).await;
    hub.go_offline().await;
    let kept = place.json(&["keep", "Fox"]).await;
    let copy = |library: Value| {
        let entries = library.as_array().unwrap().clone();
        let entry = entries.into_iter().find(|entry| entry["model"]["name"] == "Fox");
        entry.unwrap()["quantisedCopy"].clone()
    };
    let shown = copy(place.json(&["list"]).await);
    assert_eq!(
        (&shown["state"], &shown["quantisation"], &shown["bytes"]),
        (&"kept".into(), &"Q4_K".into(), &kept["bytes"])
    );
    let output = place.hearth(&["chat", "Fox", "-q", "What do you say?"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), FOX);
    place.json(&["keep", "Fox", "--drop"]).await;
    assert_eq!(copy(place.json(&["list"]).await)["state"], "offered");
    let (status, error) = place.failure(&["keep", "Bard"]).await;
    assert!(
        status == 1 && error.contains("as its files are"),
        "{status}: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn safetensors_that_do_not_run_are_refused_before_a_byte_of_their_weights() {
    let hub = hub().await;
    let config = |text: &str| text.to_owned();
    let weights = || Content::generated(5_000_000, 7);
    for (name, config) in [
        (
            "Unknown",
            config(r#"{"architectures":["NewestForCausalLM"],"auto_map":{}}"#),
        ),
        (
            "Packed",
            config(r#"{"architectures":["LlamaForCausalLM"],"quantization_config":{"quant_method":"gptq"}}"#),
        ),
        ("Untokenised", config(r#"{"architectures":["LlamaForCausalLM"]}"#)),
    ] {
        hub.repo(&format!("hearth-demo/{name}"))
            .file("config.json", config)
            .file("model.safetensors", weights());
    }
    hub.repo("hearth-demo/Halved")
        .file("config.json", "{}")
        .file("model-00001-of-00002.safetensors", weights());
    let place = Place::near(&hub.url);
    for (name, expected) in [
        (
            "Unknown",
            "“NewestForCausalLM”, is not known to the engine, and code that comes with a model is never run",
        ),
        ("Packed", "quantised by gptq"),
        ("Untokenised", "tokenizer.json"),
    ] {
        let page = place.json(&["fit", &format!("hearth-demo/{name}")]).await;
        let reason = page["variants"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{reason}");
        assert!(
            page["variants"]
                .as_array()
                .unwrap()
                .iter()
                .all(|variant| variant["recommended"] == false)
        );
    }
    let (_, error) = place.failure(&["fit", "hearth-demo/Halved"]).await;
    assert!(error.contains("all its files of weights"), "{error}");
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
