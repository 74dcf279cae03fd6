//! A model that can think before it answers: asked to, it does, and what it thought is apart from its answer.

use anyhow::Result;
use hearth_e2e::Home;
use hearth_fixtures::THINKING;

use crate::models::saying;

#[tokio::test(flavor = "multi_thread")]
async fn a_thought_is_asked_for_and_stands_apart_from_the_answer() -> Result<()> {
    let model = saying("One, and one more: that should be it.\n</think>\n\nIt is two.")?.template(THINKING);
    let home = Home::with_model(&model)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.until_there("think").await?;
    window.click("think").await?;
    window.ask("What is one and one?").await?;
    let reply = window.until_reply_is("complete").await?;
    assert_eq!(reply.text, "What it thought first\nIt is two.");
    window.click_button("What it thought first").await?;
    let thought: String = window
        .ask_page("return document.querySelector('[data-testid=\"thought\"]').innerText")
        .await?;
    assert!(thought.contains("One, and one more"), "{thought}");
    window.picture("thinking").await?;
    Ok(())
}
