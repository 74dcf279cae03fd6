//! A database that cannot be opened.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use anyhow::{Context, Result};
use hearth_e2e::{Alert, Home, Window};

use crate::models::saying;

async fn with_a_chat() -> Result<Home> {
    let home = Home::with_model(&saying("Of course.")?)?;
    let window = home.open().await?;
    window.load_picked().await?;
    window.ask("Will you remember this?").await?;
    window.until_reply_is("complete").await?;
    window.close().await?;
    Ok(home)
}

async fn fault(window: &Window) -> Result<Alert> {
    window
        .page()
        .await?
        .store_fault
        .context("the window says nothing of a fault")
}

async fn until_the_chat_is_there(window: &Window) -> Result<()> {
    let page = window.open_chat("Will you remember this?").await?;
    assert_eq!(page.chats.len(), 1);
    assert_eq!(page.reply().context("no reply")?.text, "Of course.");
    Ok(())
}

fn set_aside(home: &Home) -> Result<Vec<PathBuf>> {
    let files: Vec<PathBuf> = fs::read_dir(home.data())?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let is_damaged = |file: &PathBuf| {
        file.to_string_lossy().contains("hearth-damaged-") && file.extension() == Some("db".as_ref())
    };
    Ok(files.into_iter().filter(is_damaged).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_set_aside_whole() -> Result<()> {
    let home = with_a_chat().await?;
    let garbage = b"This was a database before the disk failed. ".repeat(200);
    fs::write(home.database(), &garbage)?;

    let window = home.open().await?;
    let alert = fault(&window).await?;
    assert_eq!(alert.code, "storeCorrupt");
    assert!(alert.text.contains("hearth.db"), "{}", alert.text);
    window.picture("store-fault").await?;
    window.click_button("Set it aside and start fresh").await?;
    let page = window.until("an empty Hearth", |page| page.ready).await?;
    assert!(page.chats.is_empty());
    let kept = set_aside(&home)?;
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(fs::read(&kept[0])? == garbage, "it is kept as it was");

    window.load_picked().await?;
    window.ask("Do we begin again?").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, "Of course.");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_may_not_be_written_is_tried_again() -> Result<()> {
    let home = with_a_chat().await?;
    // Where nobody may make a file, not even root, whom a folder's permissions do not stop.
    let lock = home.data().join("hearth.db.lock");
    fs::remove_file(&lock)?;
    symlink("/sys/hearth.lock", &lock)?;

    let window = home.open().await?;
    assert_eq!(fault(&window).await?.code, "storeReadOnly");
    window.picture("store-read-only").await?;
    window.click_button("Try again").await?;
    assert_eq!(fault(&window).await?.code, "storeReadOnly");
    fs::remove_file(&lock)?;
    window.click_button("Try again").await?;
    until_the_chat_is_there(&window).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_the_database_s_place_is_named() -> Result<()> {
    let home = with_a_chat().await?;
    let elsewhere = home.data().join("moved.db");
    fs::rename(home.database(), &elsewhere)?;
    fs::create_dir(home.database())?;

    let window = home.open().await?;
    let alert = fault(&window).await?;
    assert!(alert.text.contains("hearth.db"), "{}", alert.text);
    fs::remove_dir(home.database())?;
    fs::rename(&elsewhere, home.database())?;
    window.click_button("Try again").await?;
    until_the_chat_is_there(&window).await
}
