//! Replies: how they arrive, how they look, how they are stopped and asked for again.

use anyhow::Result;
use hearth_e2e::{Home, eventually};

use crate::models::{counted, counting, saying, saying_slowly};

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_arrives_word_by_word_and_exactly() -> Result<()> {
    let numbers: Vec<String> = (1..=400).map(|number| number.to_string()).collect();
    let sentence = format!(
        "The quick brown fox jumps over the lazy dog, then counts the sheep: {}; and falls asleep.",
        numbers.join(", ")
    );
    let home = Home::with_model(&saying_slowly(&sentence)?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("What did you see?").await?;
    let reply = window.until_reply_is("complete").await?;
    assert_eq!(reply.text, sentence);

    let steps = window.seen().await?.texts;
    assert!(steps.len() >= 2, "the window showed no more than {steps:?}");
    for pair in steps.windows(2) {
        assert!(pair[1].starts_with(&pair[0]), "{pair:?}");
    }
    assert!(sentence.starts_with(&steps[0]) && steps[0].len() < sentence.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn markdown_is_rendered() -> Result<()> {
    let text = "Here is a **short** program:\n\n```python\ndef greet(name):\n    return f\"Hello, {name}!\"\n```\n\n\
                | Tea | Minutes |\n| --- | ---: |\n| Green | 2 |\n| Black | 4 |\n\n- It steeps.\n- You `wait`.\n\n\
                > Then <b>drink</b> it.\n";
    let home = Home::with_model(&saying(text)?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("How do I make tea?").await?;
    window.until_reply_is("complete").await?;
    let texts = |selector: &str| {
        format!(
            "return [...document.querySelectorAll('[data-role=\"assistant\"] {selector}')].map(e => e.textContent)"
        )
    };
    let code: Vec<String> = window.ask_page(&texts("pre code")).await?;
    assert_eq!(code.len(), 1);
    assert_eq!(
        code[0].trim_end(),
        "def greet(name):\n    return f\"Hello, {name}!\""
    );
    let cells: Vec<String> = window.ask_page(&texts("table :is(th, td)")).await?;
    assert_eq!(cells, ["Tea", "Minutes", "Green", "2", "Black", "4"]);
    let rest: Vec<String> = window.ask_page(&texts(":is(strong, li, blockquote)")).await?;
    assert_eq!(
        rest,
        ["short", "It steeps.", "You wait.", "Then <b>drink</b> it."].map(str::to_owned)
    );
    eventually("the code is coloured", async || {
        let colours: usize = window
            .ask_page("return document.querySelectorAll('pre code span').length")
            .await?;
        Ok((colours > 1).then_some(()))
    })
    .await?;
    window.picture("markdown").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_asked_for_again_and_its_question_edited() -> Result<()> {
    let home = Home::with_model(&counting()?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("Count, please.").await?;
    window.until_reply_has(40).await?;
    window.picture("answering").await?;
    window.click("stop").await?;
    let first = window.until_reply_is("stopped").await?;
    let whole = counted()?;
    assert!(
        whole.starts_with(&first.text) && first.text.len() < whole.len(),
        "{}",
        first.text
    );
    assert_eq!(first.note.as_deref(), Some("Stopped"));
    window.picture("stopped").await?;

    window.click("regenerate").await?;
    let second = window.until_reply_has(40).await?;
    assert_ne!(second.id, first.id);
    window.click("stop").await?;
    let second = window.until_reply_is("stopped").await?;
    assert_eq!(second.version.as_deref(), Some("2/2"));
    window.click_labelled("Version before").await?;
    let page = window
        .until("the first version", |page| {
            page.reply().is_some_and(|reply| reply.id == first.id)
        })
        .await?;
    assert_eq!(
        page.reply().map(|reply| &reply.text),
        Some(&first.text),
        "nothing of it is lost"
    );

    window.click("edit-message").await?;
    window.fill("edit-input", "Count once more.").await?;
    window.picture("editing").await?;
    window.click("edit-resend").await?;
    window.until_reply_has(10).await?;
    window.click("stop").await?;
    window.until_reply_is("stopped").await?;
    let page = window.page().await?;
    assert_eq!(page.messages.len(), 2, "a branch of its own: {page:?}");
    assert_eq!(page.messages[0].text, "Count once more.");
    assert_eq!(page.messages[0].version.as_deref(), Some("2/2"));
    window.picture("branch").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_too_long_for_the_context_says_by_how_much() -> Result<()> {
    let home = Home::with_model(&saying("Yes, that fits.")?.context(64))?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask(&"Do you remember all of this? ".repeat(20)).await?;
    let reply = window.until_reply_is("error").await?;
    let note = reply.note.unwrap_or_default();
    let numbers: Vec<usize> = note
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let holds = note.trim_end().contains("context holds 64");
    assert!(holds && numbers.len() >= 2, "{note}");
    // One more than the difference: a token of reply has to fit, too.
    assert_eq!(numbers[0], numbers[1] + 1 - 64, "{note}");
    window.picture("too-long").await?;

    window.click("new-chat").await?;
    window.ask("Hi").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, "Yes, that fits.");
    Ok(())
}
