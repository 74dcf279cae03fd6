//! A folder of safetensors, opened by its weights: quantised while it is loaded, and then a model as any other.

use anyhow::Result;
use hearth_e2e::Home;

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
