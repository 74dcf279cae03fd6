//! Everything without a mouse.

use anyhow::Result;
use hearth_e2e::{Home, Page};
use thirtyfour::Key;

use crate::models::counting;

/// Controls that a screen reader could not name.
const NAMELESS: &str = r#"
return [...document.querySelectorAll("button, a, input, textarea, select, [role=button], [role=dialog], dialog")]
  .filter((control) => {
    const labels = [...(control.labels ?? [])].map((label) => label.innerText).join("");
    const text = control.matches("button, a") ? control.innerText : "";
    return !(control.getAttribute("aria-label") || labels || text || "").trim();
  })
  .map((control) => control.outerHTML)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    assert_eq!(window.ask_page::<Vec<String>>(NAMELESS).await?, [""; 0]);
    window.load_picked().await?;

    window.press(Key::Control + "n").await?;
    window.until_focus_is("composer-input").await?;
    window.press("Count to a thousand." + Key::Enter).await?;
    window.until_reply_has(20).await?;
    assert_eq!(window.ask_page::<Vec<String>>(NAMELESS).await?, [""; 0]);
    window.press(Key::Escape + "").await?;
    window.until_reply_is("stopped").await?;

    window.press(Key::Control + "n").await?;
    window
        .until("an empty chat", |page| {
            page.messages.is_empty() && page.open_chat.is_none()
        })
        .await?;
    window.until_focus_is("composer-input").await?;
    window.press("Count to a million." + Key::Enter).await?;
    window.until_reply_has(20).await?;
    window.press(Key::Escape + "").await?;
    window.until_reply_is("stopped").await?;
    let both = ["Count to a million.", "Count to a thousand."];
    window.until("both chats", |page| page.chats == both).await?;

    window.focus_chat("Count to a million.").await?;
    window.press(Key::F2 + "").await?;
    window.until_focus_is("rename-input").await?;
    window.picture_as_is("rename").await?;
    window.press(Key::Control + "a").await?;
    window.press("Patience" + Key::Enter).await?;
    window
        .until("the new name", |page| page.chats == ["Patience", both[1]])
        .await?;

    window.focus_chat("Patience").await?;
    window.press(Key::Delete + "").await?;
    window
        .until("the chat deleted", |page| {
            page.chats == [both[1]] && !page.notices.is_empty()
        })
        .await?;
    window.picture("undo").await?;
    window.press(Key::Control + "z").await?;
    let back =
        |page: &Page| page.chats == ["Patience", both[1]] && page.open_chat.as_deref() == Some("Patience");
    window.until("the chat back", back).await?;
    window
        .until("its messages", |page| page.messages.len() == 2)
        .await?;

    window.press(Key::Control + "b").await?;
    window.until("no sidebar", |page| page.chats.is_empty()).await?;
    window.press(Key::Control + "b").await?;
    window.until("the sidebar", |page| page.chats.len() == 2).await?;
    for opener in ["model-button", "settings"] {
        window.focus(opener).await?;
        window.press(Key::Enter + "").await?;
        window.until_dialog(true).await?;
        assert_eq!(window.ask_page::<Vec<String>>(NAMELESS).await?, [""; 0]);
        window.press(Key::Escape + "").await?;
        window.until_dialog(false).await?;
        window.until_focus_is(opener).await?;
    }
    Ok(())
}
