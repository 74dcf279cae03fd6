//! One model of each kind of file: judged before it is loaded, and asked in the window and in a terminal.

use anyhow::{Context, Result};
use hearth_e2e::Home;
use hearth_fake_hub::FakeHub;
use hearth_fixtures::Quantisation;
use serde_json::{Value, json};

use crate::models::saying;

const SAYS: &str = "However I was packed, I say the same.";

#[tokio::test(flavor = "multi_thread")]
async fn a_gguf_file_is_judged_and_answers() -> Result<()> {
    let model = saying(SAYS)?.quantisation(Quantisation::Q4KM);
    is_judged_and_answers(&Home::with_model(&model)?, "scripted").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_safetensors_is_judged_and_answers() -> Result<()> {
    let home = Home::with_safetensors(&saying(SAYS)?, "Sixteen-Bits")?;
    is_judged_and_answers(&home, "Sixteen-Bits").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_uqff_is_judged_and_answers() -> Result<()> {
    let model = saying(SAYS)?.quantisation(Quantisation::Q8_0);
    is_judged_and_answers(&Home::with_uqff(&model, "Eight-Bits")?, "Eight-Bits").await
}

/// The model to pick, which is called `name` once it was.
async fn is_judged_and_answers(home: &Home, name: &str) -> Result<()> {
    let file = home.picked();
    let file = file.to_str().context("a folder with a strange name")?;
    let words = home.hearth(&["fit", file]).await?;
    assert!(
        words.starts_with("Here     fits\nMemory   ") && words.contains("tokens fit"),
        "{words}"
    );
    let verdict: Value = serde_json::from_str(&home.hearth(&["fit", file, "--json"]).await?)?;
    assert_eq!(
        (&verdict["label"], &verdict["context"]),
        (&json!("fits"), &json!(4096))
    );
    assert!(
        verdict["memory"]["weightsBytes"].as_u64() > Some(100_000),
        "{verdict}"
    );

    let window = home.open().await?;
    assert_eq!(window.load_picked().await?.model, name);
    window.ask("What do you say?").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, SAYS);
    window.close().await?;

    let said = home.hearth(&["chat", name, "-q", "And here?"]).await?;
    assert_eq!(said.trim_end(), SAYS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_all_kinds_is_one_list_the_best_first() -> Result<()> {
    let hub = FakeHub::start().await;
    let folder = tempfile::tempdir()?;
    let packed = |quantisation| Ok::<_, anyhow::Error>(saying(SAYS)?.quantisation(quantisation));
    packed(Quantisation::F16)?.write_safetensors(folder.path())?;
    packed(Quantisation::Q8_0)?.write_uqff(folder.path())?;
    packed(Quantisation::Q4KM)?.write(&folder.path().join("Three-Ways-Q4_K_M.gguf"))?;
    let mut repo = hub
        .repo("hearth-demo/Three-Ways")
        .licence("apache-2.0")
        .card("# Three ways\n\nThe same model, packed in each of them.")
        .tags(["uqff"]);
    for file in std::fs::read_dir(folder.path())? {
        let file = file?;
        repo = repo.file(&file.file_name().to_string_lossy(), std::fs::read(file.path())?);
    }
    hub.repo("hearth-demo/One-Way-UQFF")
        .licence("apache-2.0")
        .tags(["uqff", "mistral.rs"])
        .class("Qwen3ForCausalLM")
        .file("q8_0-0.uqff", "of no matter");
    let home = Home::near(&hub.url, &json!({ "models": [] }))?;
    let window = home.open().await?;
    window.click("place-discover").await?;
    window.until_there("hub-row").await?;
    let found: Vec<String> = window.ask_page(&each("hub-row", "dataset.repo")).await?;
    assert_eq!(found.len(), 2, "{found:?}");
    window.picture("kinds-discover").await?;

    window.click_text("[data-testid='hub-row']", "Three-Ways").await?;
    window.until_there("verdict-bar").await?;
    let names: Vec<String> = window.ask_page(&each("variant", "dataset.variant")).await?;
    assert_eq!(names, ["Q8_0", "Q4_K_M", "Q4_K", "Q5_K", "Q6_K"]);
    let verdicts: Vec<String> = window.ask_page(&each("verdict", "dataset.label")).await?;
    assert_eq!(verdicts, ["fits"; 5]);
    let said: Vec<String> = window.ask_page(&each("variant", "innerText")).await?;
    let recommended: Vec<bool> = said.iter().map(|words| words.contains("Recommended")).collect();
    assert_eq!(recommended, [true, false, false, false, false], "{said:?}");
    window.picture("kinds-repo").await?;
    Ok(())
}

/// A script that reads something of everything with this test id, from the top.
fn each(id: &str, what: &str) -> String {
    format!("return [...document.querySelectorAll(\"[data-testid='{id}']\")].map((found) => found.{what})")
}
