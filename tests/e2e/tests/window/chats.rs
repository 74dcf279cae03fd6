//! The list of chats, and what the settings say.

use anyhow::Result;
use hearth_e2e::Home;

use crate::models::saying;

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept() -> Result<()> {
    let home = Home::with_model(&saying("Gladly.")?)?;
    let window = home.open().await?;
    let chosen = "return document.querySelector('[data-testid=\"settings-dialog\"] input:checked')?.parentElement.innerText.trim()";
    window.click("settings").await?;
    assert_eq!(window.ask_page::<String>(chosen).await?, "15 min");
    window.picture("settings").await?;
    window.click_text("label", "60 min").await?;
    window.close().await?;

    let window = home.open().await?;
    window.click("settings").await?;
    assert_eq!(window.ask_page::<String>(chosen).await?, "60 min");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_unloaded_and_wakes_with_the_next_question() -> Result<()> {
    let home = Home::with_model(&saying("Good morning.")?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    let worker = window.worker()?;
    assert!(worker.is_some());
    window.click("model-button").await?;
    window.click_button("Unload").await?;
    window
        .until("that the model sleeps", |page| page.engine == "asleep")
        .await?;
    assert_eq!(window.worker()?, None, "the memory is free");
    window.press(thirtyfour::Key::Escape + "").await?;
    window.ask("Are you awake?").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, "Good morning.");
    Ok(())
}
