//! Guessing ahead: a draft is chosen, what it brings is measured, and a reply says what was guessed.

use std::path::Path;

use anyhow::Result;
use hearth_e2e::Home;

use crate::models::spelling;

/// In the library's row of Bard.
const ROW: &str = "document.querySelector('[data-model-id=\"built-in-bard\"]')";

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_chosen_and_what_it_brings_is_measured() -> Result<()> {
    let home = Home::new()?;
    let draft = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models/bard-draft-Q8_0.gguf");
    std::fs::copy(draft, home.picked())?;
    let window = home.open().await?;
    window.click("place-library").await?;
    window.until_there("import-file").await?;
    window.click("import-file").await?;
    window
        .until("the draft in the library", |page| {
            page.notices
                .iter()
                .any(|notice| notice.contains("is in your library"))
        })
        .await?;

    window
        .ask_page::<()>(&format!(
            "{ROW}.querySelector('[data-testid=speculation] button').click()"
        ))
        .await?;
    // A select opens a menu of the system's, which a WebDriver does not reach.
    let chosen: String = window
        .ask_page(&format!(
            "const list = {ROW}.querySelector('select');
             list.selectedIndex = [...list.options].findIndex((one) => one.text.startsWith('The chat and'));
             list.dispatchEvent(new Event('change', {{ bubbles: true }}));
             return list.selectedOptions[0]?.text ?? ''"
        ))
        .await?;
    assert!(chosen.starts_with("The chat and"), "{chosen}");
    window.picture("guessing-draft").await?;

    window
        .ask_page::<()>(&format!("{ROW}.querySelector('[aria-label^=Measure]').click()"))
        .await?;
    window.until_there("speculation-measured").await?;
    window.picture("guessing-measured").await?;
    let line: String = window
        .ask_page(&format!(
            "return {ROW}.querySelector('[data-testid=speculation] button').innerText"
        ))
        .await?;
    assert!(line.contains("measured here"), "{line}");

    window.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_says_what_was_guessed_of_it() -> Result<()> {
    let letters: String = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect();
    let home = Home::with_model(&spelling(&letters)?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    // What it says stands in the question.
    window.ask(&letters).await?;
    window.until_reply_is("complete").await?;
    let figures = "[...document.querySelectorAll('[data-testid=message] button[aria-expanded]')].at(-1)";
    window.ask_page::<()>(&format!("{figures}.click()")).await?;
    window.picture("guessing-figures").await?;
    let words: String = window
        .ask_page("return [...document.querySelectorAll('[data-testid=message] dl')].at(-1).innerText")
        .await?;
    assert!(
        words.contains("Guessed ahead") && words.contains("right"),
        "{words}"
    );
    window.close().await
}
