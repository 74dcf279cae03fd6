//! From an empty disk to an answer, by way of the Hub.

use anyhow::{Context, Result};
use hearth_e2e::{Home, Window};
use hearth_fake_hub::{FakeHub, Fault};
use hearth_fixtures::ModelFile;
use serde_json::{Value, json};

use crate::models::saying;

const REPO: &str = "hearth-demo/Fox-GGUF";
const FILE: &str = "Fox-F16.gguf";
const FOX: &str = "The quick brown fox jumps over a lazy dog.";

/// A Hub with one model, and the list that suggests it.
async fn hub_with(model: &ModelFile) -> Result<(FakeHub, Value)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(FILE);
    model.write(&path)?;
    let bytes = std::fs::read(&path)?;
    let size = bytes.len();
    let hub = FakeHub::start().await;
    hub.repo(REPO)
        .licence("apache-2.0")
        .card("# Fox\n\nSays **one sentence**, whatever it is asked.")
        .gguf(1_000_000, "qwen3", 4096)
        .file(FILE, bytes);
    let suggestions = json!({ "models": [{
        "repo": REPO, "variant": "F16", "name": "Fox", "sizeBytes": size, "parameters": 1_000_000,
        "licence": "apache-2.0", "why": "Says one sentence, whatever it is asked.",
        "shape": {
            "architecture": "qwen3", "layers": 2, "embedding": 256, "feedForward": 256, "heads": 4, "kvHeads": 2,
            "headLength": 64, "vocabulary": 512, "trainedContext": 4096
        }
    }] });
    Ok((hub, suggestions))
}

async fn words_of(window: &Window, id: &str) -> Result<String> {
    let script = format!("return document.querySelector(\"[data-testid='{id}']\")?.innerText ?? ''");
    window.ask_page(&script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_is_led_from_an_empty_disk_to_an_answer() -> Result<()> {
    let (hub, suggestions) = hub_with(&saying(FOX)?).await?;
    let home = Home::near(&hub.url, &suggestions)?;
    let window = home.open().await?;
    window.until_there("measure").await?;
    window.until_there("suggestion").await?;
    let words = words_of(&window, "suggestion").await?;
    assert!(
        words.contains("Fox") && words.contains("Says one sentence"),
        "{words}"
    );
    window.picture("first-run").await?;

    window.click("fetch").await?;
    window.until_there("chat-with").await?;
    window.picture("first-run-downloaded").await?;
    window.click("chat-with").await?;
    window.until_ready().await?;
    window.ask("What do you say?").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, FOX);
    window.picture("first-run-answered").await?;
    window.close().await?;

    // The next start is offline, and the model is there.
    hub.go_offline().await;
    let window = home.open().await?;
    window.click("place-library").await?;
    window.until_there("library-entry").await?;
    let words = words_of(&window, "library-entry").await?;
    assert!(words.contains("Fox"), "{words}");
    window.picture("library").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repo_is_found_judged_and_downloaded_past_a_broken_connection() -> Result<()> {
    let (hub, suggestions) = hub_with(&saying(FOX)?).await?;
    hub.fault(FILE, Fault::Reset { after: 100_000 }, 2);
    let home = Home::near(&hub.url, &suggestions)?;
    let window = home.open().await?;
    window.click("place-discover").await?;
    window.until_there("hub-row").await?;
    window.picture("discover").await?;
    window.click("hub-row").await?;
    window.until_there("variant").await?;
    window.until_there("verdict-bar").await?;
    window.picture("repo").await?;
    window.click("fetch").await?;
    window.until_there("chat-with").await?;
    let cache = home.hub_cache().join("models--hearth-demo--Fox-GGUF/snapshots");
    let commit = std::fs::read_dir(&cache)?.next().context("no snapshot")??;
    assert!(commit.path().join(FILE).exists());
    window.click("place-downloads").await?;
    window.picture("downloads").await?;
    window.click("place-computer").await?;
    window.picture("computer").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_hub_there_is_a_sentence_and_a_way_on() -> Result<()> {
    let home = Home::new()?;
    let window = home.open().await?;
    window.click("place-discover").await?;
    window.until_there("hub-trouble").await?;
    let words = words_of(&window, "hub-trouble").await?;
    assert!(words.contains("cannot be reached"), "{words}");
    window.picture("discover-offline").await?;
    Ok(())
}
