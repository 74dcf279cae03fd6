//! What is left when a process is killed.

use std::time::Duration;

use anyhow::{Context, Result};
use hearth_e2e::{Home, Page, eventually};

use crate::models::{counted, counting};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_app_leaves_no_worker_and_loses_no_more_than_a_moment() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("Count, please.").await?;
    let seen = window.until_reply_has(20).await?.text;
    // What has been in view for a second is promised to be on the disk.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        window.page().await?.reply_is("streaming"),
        "the reply was over before the app was killed"
    );
    window.kill().await?;

    let window = home.open().await?;
    let page = window.open_chat("Count, please.").await?;
    assert_eq!(page.chats, ["Count, please."]);
    assert_eq!(page.messages.len(), 2);
    let reply = page.reply().context("no reply")?;
    let whole = counted()?;
    assert_eq!(reply.status, "interrupted");
    assert!(
        reply.text.starts_with(&seen),
        "seen {seen:?}, kept {:?}",
        reply.text
    );
    assert!(
        whole.starts_with(&reply.text) && reply.text.len() < whole.len(),
        "{}",
        reply.text
    );
    assert!(reply.note.is_some(), "the window says that it was cut short");
    window.picture("interrupted").await?;

    window.click("regenerate").await?;
    let again = window.until_reply_has(20).await?;
    assert!(whole.starts_with(&again.text), "{}", again.text);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_while_idle_is_started_again_and_the_window_says_why() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    let worker = window.worker()?.context("no worker holds the model")?;
    worker.kill()?;
    eventually("the window has said what happened", async || {
        let troubles = window.seen().await?.troubles;
        Ok(troubles
            .iter()
            .any(|trouble| trouble.contains("signal 9"))
            .then_some(()))
    })
    .await?;
    window
        .until("that all is well again", |page| {
            page.engine == "ready" && page.trouble.is_none()
        })
        .await?;
    window.ask("Count, please.").await?;
    window.until_reply_has(20).await?;

    // It has not answered since: a second death is not answered with another start.
    window.worker()?.context("no worker answers")?.kill()?;
    let page = window
        .until("that the engine has stopped", |page| page.engine == "failed")
        .await?;
    assert_eq!(page.engine_words, "Stopped working");
    let note = window.until_reply_is("interrupted").await?.note;
    let note = note.context("the reply does not say why")?;
    assert!(note.contains("signal 9"), "{note}");
    let trouble = window.page().await?.trouble;
    assert_eq!(trouble, None, "what the reply says is not said twice");
    window.picture("engine-died").await?;
    window.click_button("Try again").await?;
    window.until_ready().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_mid_reply_leaves_what_it_said_and_the_next_question_is_answered() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("Count, please.").await?;
    let seen = window.until_reply_has(20).await?;
    window.worker()?.context("no worker answers")?.kill()?;
    let cut = window.until_reply_is("interrupted").await?;
    assert!(
        cut.text.starts_with(&seen.text),
        "{} became {}",
        seen.text,
        cut.text
    );
    let note = cut.note.unwrap_or_default();
    assert!(note.contains("signal 9"), "{note}");

    window.until_ready().await?;
    window.picture("worker-killed").await?;
    window.ask("Count again, please.").await?;
    let counts = |page: &Page| {
        page.messages.len() == 4
            && page
                .reply()
                .is_some_and(|reply| reply.status == "streaming" && reply.text.len() > 20)
    };
    window.until("a reply to the next question", counts).await?;
    Ok(())
}
