//! Models of safetensors, from a folder and from the Hub: quantised while they are loaded, and then models as any other.

use anyhow::Result;
use hearth_e2e::Home;
use hearth_fake_hub::FakeHub;
use serde_json::json;

use crate::models::saying;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_safetensors_is_opened_judged_and_answers() -> Result<()> {
    let home = Home::with_safetensors(
        &saying("I was published in sixteen bits.")?,
        "Sixteen-1B-Instruct",
    )?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("How were you published?").await?;
    let reply = window.until_reply_is("complete").await?;
    assert_eq!(reply.text, "I was published in sixteen bits.");

    window.click("place-library").await?;
    window.until_there("library-entry").await?;
    let entries: Vec<String> = window
        .ask_page("return [...document.querySelectorAll('[data-testid=\"library-entry\"]')].map(e => e.textContent)")
        .await?;
    let entry = entries.iter().find(|entry| entry.contains("Sixteen-1B-Instruct"));
    assert!(entry.is_some_and(|entry| entry.contains("Q8_0")), "{entries:?}");
    window.picture("safetensors").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repo_of_safetensors_is_judged_at_every_quantisation_downloaded_and_answers() -> Result<()> {
    let hub = FakeHub::start().await;
    let folder = tempfile::tempdir()?;
    let model = saying("I was shortened on the way in.")?;
    let weights = std::fs::read(model.write_safetensors(folder.path())?)?;
    let mut repo = hub
        .repo("hearth-demo/Sixteen-1B-Instruct")
        .licence("apache-2.0")
        .card("# Sixteen\n\nPublished in sixteen bits.")
        .tags(["transformers", "conversational"])
        .safetensors(1_000_000, "LlamaForCausalLM", None)
        .file("model.safetensors", weights);
    for (name, text) in model.safetensors_companions() {
        repo = repo.file(name, text);
    }
    let home = Home::near(&hub.url, &json!({ "models": [] }))?;
    let window = home.open().await?;
    window.click("place-discover").await?;
    window.until_there("hub-row").await?;
    window.picture("safetensors-discover").await?;
    window.click("hub-row").await?;
    window.until_there("verdict-bar").await?;
    let names: Vec<String> = window
        .ask_page(
            "return [...document.querySelectorAll('[data-testid=\"variant\"]')].map(e => e.dataset.variant)",
        )
        .await?;
    assert_eq!(names, ["Q8_0", "Q4_K", "Q5_K", "Q6_K"]);
    window.picture("safetensors-repo").await?;
    // The last, which is not the one that would be taken by itself.
    window.click("fetch").await?;
    window.until_there("chat-with").await?;
    window.until_there("here").await?;
    window.picture("safetensors-repo-here").await?;
    window.click("chat-with").await?;
    window.until_ready().await?;
    window.ask("What happened to you?").await?;
    let reply = window.until_reply_is("complete").await?;
    assert_eq!(reply.text, "I was shortened on the way in.");
    window.click("place-library").await?;
    window.until_there("shortening").await?;
    let chosen: String = window
        .ask_page("return document.querySelector('[data-testid=\"shortening\"] select').selectedOptions[0].textContent")
        .await?;
    assert_eq!(chosen, "Q6_K, very close to the original");
    window.picture("safetensors-library").await?;
    Ok(())
}
