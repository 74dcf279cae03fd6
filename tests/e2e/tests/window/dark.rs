//! The window on a dark desktop.

use anyhow::Result;
use hearth_e2e::Home;
use hearth_fixtures::BadFile;

use crate::models::saying;

#[tokio::test(flavor = "multi_thread")]
async fn a_dark_desktop_gets_a_dark_window() -> Result<()> {
    let home = Home::with_model(&saying(
        "Use `let`:\n\n```rust\nlet tea = \"green\";\n```\n\nThat is all.",
    )?)?;
    let window = home.open_in_the_dark().await?;
    let dark: bool = window
        .ask_page("return matchMedia('(prefers-color-scheme: dark)').matches")
        .await?;
    assert!(dark);
    let ink: String = window
        .ask_page("return getComputedStyle(document.body).color")
        .await?;
    let paper: String = window
        .ask_page("return getComputedStyle(document.body).backgroundColor")
        .await?;
    assert!(brightness(&ink) > brightness(&paper) + 300, "{ink} on {paper}");
    window.picture("dark-welcome").await?;
    window.load_picked().await?;
    window.ask("How do I name a value?").await?;
    window.until_reply_is("complete").await?;
    window.picture("dark-reply").await?;
    window.click("settings").await?;
    window.picture("dark-settings").await?;
    window.press(thirtyfour::Key::Escape + "").await?;
    BadFile::UnknownArchitecture.write(&home.picked())?;
    window.click("model-button").await?;
    window.picture("dark-model-list").await?;
    window.click("open-file").await?;
    window
        .until("why the file is refused", |page| page.trouble.is_some())
        .await?;
    window.picture("dark-bad-file").await?;
    Ok(())
}

/// The sum of the three channels of "rgb(1, 2, 3)".
fn brightness(colour: &str) -> u32 {
    colour
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|part| part.parse::<u32>().ok())
        .take(3)
        .sum()
}
