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
    window
        .until("the chat", |page| {
            page.chats == ["Will you remember this?"] && page.messages.len() == 2
        })
        .await?;
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
async fn a_database_of_a_newer_hearth_is_left_alone() -> Result<()> {
    let home = with_a_chat().await?;
    let ours = fs::read(home.database())?;
    fs::write(home.database(), with_an_unknown_migration(&ours)?)?;

    let window = home.open().await?;
    let alert = fault(&window).await?;
    assert_eq!(alert.code, "storeNewer");
    assert!(
        !alert.text.contains("start fresh"),
        "nothing here is damaged: {}",
        alert.text
    );
    window.picture("store-newer").await?;
    window.close().await?;
    assert!(set_aside(&home)?.is_empty());

    fs::write(home.database(), ours)?;
    until_the_chat_is_there(&home.open().await?).await
}

/// The database with another number in its first migration's record, as one that this Hearth does not know. In the
/// record's head, one byte for each column, 9 stands for the number 1 and 8 for 0; the description is the first
/// column that takes space of its own.
fn with_an_unknown_migration(database: &[u8]) -> Result<Vec<u8>> {
    let description = b"chats models settings";
    let body = database
        .windows(description.len())
        .position(|bytes| bytes == description);
    let version = body.context("no record of the first migration")? - 6;
    assert_eq!(database[version], 9, "the first migration is number 1");
    let mut database = database.to_vec();
    database[version] = 8;
    Ok(database)
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
