//! Model files that cannot be used: each is refused in words that name its fault, and nothing else suffers.

use std::fs;

use anyhow::{Context, Result};
use hearth_e2e::{Alert, Home, Page, Window};
use hearth_fixtures::BadFile;

use crate::models::saying;

const QUESTION: &str = "Speak, gentle lady: whom dost thou love?";

async fn with_a_chat(home: &Home) -> Result<Window> {
    let window = home.open().await?;
    window.click_button("Try the built-in Bard").await?;
    window.until_ready().await?;
    window.ask(QUESTION).await?;
    window.until_reply_is("complete").await?;
    Ok(window)
}

/// What is wrong with the file, wherever the window says so.
fn fault(page: &Page) -> Option<Alert> {
    page.pick_failure.clone().or_else(|| page.trouble.clone())
}

async fn refused(window: &Window) -> Result<Alert> {
    let page = window
        .until("why the file is refused", |page| fault(page).is_some())
        .await?;
    fault(&page).context("the fault is gone")
}

async fn answers_with_the_built_in_model(window: &Window) -> Result<()> {
    window.click("model-button").await?;
    window.click_button("Built in").await?;
    window.until_ready().await?;
    let before = window.page().await?;
    assert_eq!(before.chats, [QUESTION], "the chats are as they were");
    assert_eq!(before.trouble, None);
    window.ask("What is thy quarrel with the king?").await?;
    window
        .until("another reply", |page| {
            page.messages.len() == before.messages.len() + 2 && page.reply_is("complete")
        })
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_refused_in_words_and_nothing_else_suffers() -> Result<()> {
    let home = Home::new()?;
    let window = with_a_chat(&home).await?;
    for (bad, expected) in [
        (BadFile::NotGguf, "not a GGUF"),
        (BadFile::TruncatedHeader, "incomplete"),
        (BadFile::TruncatedWeights, "incomplete"),
        (BadFile::UnknownArchitecture, "“cohere2”"),
        (BadFile::Iq4XsTensor, "IQ4_XS"),
        (BadFile::Mxfp4Tensor, "MXFP4"),
        (BadFile::BadTemplate, "chat template"),
    ] {
        bad.write(&home.picked())?;
        window.click("model-button").await?;
        window.click("open-file").await?;
        let alert = refused(&window).await.with_context(|| format!("{bad:?}"))?;
        assert!(alert.text.contains(expected), "{bad:?}: {}", alert.text);
        assert!(
            alert.text.contains(". "),
            "{bad:?} says what to do: {}",
            alert.text
        );
        if matches!(bad, BadFile::NotGguf | BadFile::UnknownArchitecture) {
            window
                .picture(if bad == BadFile::NotGguf {
                    "bad-file-picked"
                } else {
                    "bad-file"
                })
                .await?;
        }
        if window.page().await?.pick_failure.is_some() {
            window.press(thirtyfour::Key::Escape + "").await?;
            window
                .until("the list closed", |page| page.pick_failure.is_none())
                .await?;
        } else {
            window.click("model-button").await?;
            window.click_button("Built in").await?;
            window
                .until("the built-in model", |page| {
                    page.engine == "ready" && page.trouble.is_none()
                })
                .await?;
        }
    }
    answers_with_the_built_in_model(&window).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_missed_when_it_is_needed() -> Result<()> {
    let home = Home::with_model(&saying("I am here.")?)?;
    let window = with_a_chat(&home).await?;
    window.load_picked().await?;
    window
        .until("the picked model", |page| {
            page.model == "scripted" && page.engine == "ready"
        })
        .await?;
    window.close().await?;
    fs::remove_file(home.picked())?;

    let window = home.open().await?;
    window.open_chat(QUESTION).await?;
    window.ask("Are you there?").await?;
    let reply = window.until_reply_is("error").await?;
    let note = reply.note.unwrap_or_default();
    assert!(note.contains("scripted.gguf is no longer there"), "{note}");
    let page = window
        .until("that the file is gone", |page| page.engine == "failed")
        .await?;
    assert_eq!(page.engine_words, "File is gone");
    assert_eq!(page.trouble, None, "what the reply says is not said twice");
    window.picture("file-gone").await?;
    window.click("model-button").await?;
    window.picture("model-list").await?;
    window.press(thirtyfour::Key::Escape + "").await?;

    saying("I am back.")?.write(&home.picked())?;
    window.click("regenerate").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, "I am back.");
    Ok(())
}
