//! From nothing to a chat that stays.

use anyhow::Result;
use hearth_e2e::{Home, eventually};

use crate::models::counting;

const QUESTION: &str = "Good morrow, friend. What news from the court?";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_leads_to_a_chat_that_is_there_the_next_time() -> Result<()> {
    let home = Home::new()?;
    let window = home.open().await?;
    let page = window.page().await?;
    assert_eq!(page.engine, "noModel");
    assert!(page.chats.is_empty() && page.messages.is_empty(), "{page:?}");
    window.picture("welcome").await?;

    window.click_button("Try the built-in Bard").await?;
    window.until_ready().await?;
    window.picture("built-in").await?;
    window.ask(QUESTION).await?;
    let page = window
        .until("the question as a chat", |page| page.chats == [QUESTION])
        .await?;
    assert_eq!(page.open_chat.as_deref(), Some(QUESTION));
    let reply = window.until_reply_is("complete").await?;
    assert!(!reply.text.is_empty());
    window.picture("reply").await?;
    window.close().await?;

    let window = home.open().await?;
    let page = window.open_chat(QUESTION).await?;
    assert_eq!(page.chats, [QUESTION]);
    assert_eq!(page.messages[0].text, QUESTION);
    assert_eq!(page.reply(), Some(&reply));
    assert_eq!(
        page.engine, "asleep",
        "a start costs no memory until something is asked"
    );
    window.picture("asleep").await?;
    window.ask("And what of the king?").await?;
    let page = window
        .until("a second reply", |page| {
            page.messages.len() == 4 && page.reply_is("complete")
        })
        .await?;
    assert_ne!(page.reply().map(|second| &second.id), Some(&reply.id));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_takes_its_time_says_so() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    window.click_button("Open a model file").await?;
    // A disk that does not answer, as far as the window can tell.
    let worker = eventually("the worker has started", async || window.worker()).await?;
    worker.freeze()?;
    let page = window
        .until("that the model loads", |page| page.engine == "loading")
        .await?;
    assert!(
        page.engine_words.starts_with("Loading") && page.engine_words.ends_with('%'),
        "{}",
        page.engine_words
    );
    window.picture("loading").await?;
    worker.thaw()?;
    window.until_ready().await?;
    Ok(())
}
