//! Opening the file: what is promised to the disk, and what is refused with its reason.

use std::fs;

use hearth_store::{MessageStatus, Store, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, SqliteConnection};
use tempfile::TempDir;

use crate::{Home, connect, texts};

async fn value(connection: &mut SqliteConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// A database with a question and its answer in it, closed.
async fn written() -> Home {
    let home = Home::new().await;
    let chat = home.chat().await;
    home.ask(&chat, "Which leaves?", "Green ones.").await;
    home.store.close().await;
    home
}

#[tokio::test]
async fn a_missing_folder_is_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a").join("b").join("hearth.db");
    Store::open(&path).await.unwrap().close().await;
    assert!(path.is_file());
}

#[tokio::test]
async fn closing_leaves_one_whole_file() {
    let home = written().await;
    let path = home.database();
    assert!(!home.folder.path().join("hearth.db-wal").exists());
    assert_eq!(
        value(&mut connect(&path).await, "PRAGMA journal_mode").await,
        "wal"
    );
    assert_eq!(
        value(&mut connect(&path).await, "PRAGMA integrity_check").await,
        "ok"
    );
}

#[tokio::test]
async fn sqlite_has_the_fix_for_the_log_that_was_reset_under_a_reader() {
    let home = Home::new().await;
    let version = value(&mut connect(&home.database()).await, "SELECT sqlite_version()").await;
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(
        parts >= vec![3, 51, 3],
        "{version} can corrupt a database in WAL mode"
    );
}

#[tokio::test]
async fn a_reply_cut_short_by_a_crash_is_found_with_its_text() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let whole = home.ask(&chat, "Which leaves?", "Green ones.").await;
    let turn = home.begin(&chat, "How hot?").await;
    sqlx::query("UPDATE messages SET content = 'Not boi' WHERE id = ?")
        .bind(&turn.reply.id)
        .execute(&mut connect(&home.database()).await)
        .await
        .unwrap();

    let home = home.restart().await;
    let branch = home.store.branch(&chat.id).await.unwrap();
    assert_eq!(
        texts(&branch),
        ["Which leaves?", "Green ones.", "How hot?", "Not boi"]
    );
    assert_eq!(branch[3].status, MessageStatus::Interrupted);
    assert_eq!(branch[1], whole.reply);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_can_be_set_aside() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hearth.db");
    let noise = "This was a shopping list. ".repeat(200);
    fs::write(&path, &noise).unwrap();

    let error = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { detail, .. } if detail == "file is not a database"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), noise);

    let aside = Store::set_aside(&path).await.unwrap();
    assert_eq!(fs::read_to_string(&aside).unwrap(), noise, "nothing is lost");
    assert!(
        aside
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("hearth-damaged-")
    );
    let fresh = Store::open(&path).await.unwrap();
    assert!(fresh.chats().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_damaged_database_is_refused_untouched() {
    let home = written().await;
    let path = home.database();
    let mut connection = connect(&path).await;
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The one page with the messages on it; all that opening needs is whole.
    let end = usize::try_from(page).unwrap() * 4096;
    bytes[end - 4096..end].fill(0xA5);
    fs::write(&path, &bytes).unwrap();

    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn what_is_set_aside_takes_its_log_along() {
    let home = written().await;
    let path = home.database();
    // A reader that stays keeps SQLite from emptying the log, as a crash does.
    let mut reader = connect(&path).await;
    let _ = value(&mut reader, "SELECT title FROM chats").await;
    let store = Store::open(&path).await.unwrap();
    store.create_chat("Only in the log").await.unwrap();
    assert!(
        matches!(Store::set_aside(&path).await, Err(StoreError::InUse { .. })),
        "not under an open store"
    );
    store.close().await;
    assert!(home.folder.path().join("hearth.db-wal").metadata().unwrap().len() > 0);

    let aside = Store::set_aside(&path).await.unwrap();
    assert!(!home.folder.path().join("hearth.db-wal").exists());
    let rescued = Store::open(&aside).await.unwrap();
    assert_eq!(rescued.chats().await.unwrap()[0].title, "Only in the log");
}

#[tokio::test]
async fn another_programs_database_is_refused_untouched() {
    let folder = TempDir::new().unwrap();
    for (name, id) in [("unmarked.db", 0), ("marked.db", 0x1234)] {
        let path = folder.path().join(name);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .pragma("application_id", id.to_string());
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        other.execute("CREATE TABLE recipes (name TEXT)").await.unwrap();
        other.close().await.unwrap();
        let before = fs::read(&path).unwrap();

        let error = Store::open(&path).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Corrupt { detail, .. } if detail.contains("another program")),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_untouched() {
    let home = written().await;
    let path = home.database();
    let mut newer = connect(&path).await;
    newer
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'from the future', TRUE, x'00', 0)",
        )
        .await
        .unwrap();
    newer
        .execute("UPDATE messages SET status = 'streaming' WHERE role = 'assistant'")
        .await
        .unwrap();
    // As a crash leaves it: part of it is only in the log, which is not to be touched either.
    let crashed = TempDir::new().unwrap();
    let files = ["hearth.db", "hearth.db-wal"];
    for name in files {
        fs::copy(home.folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    let contents = || files.map(|name| fs::read(crashed.path().join(name)).unwrap());
    let before = contents();

    let error = Store::open(&crashed.path().join("hearth.db")).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { .. }), "{error}");
    assert!(contents() == before);
}

#[tokio::test]
async fn a_start_killed_before_its_first_table_is_started_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("hearth.db");
    fs::write(&path, "").unwrap();
    Store::open(&path).await.unwrap().close().await;

    let path = folder.path().join("second.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut half = SqliteConnection::connect_with(&options).await.unwrap();
    half.execute("PRAGMA journal_mode = WAL").await.unwrap();
    half.execute(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL,
         installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL,
         checksum BLOB NOT NULL, execution_time BIGINT NOT NULL)",
    )
    .await
    .unwrap();
    drop(half);
    let store = Store::open(&path).await.unwrap();
    store.create_chat("About tea").await.unwrap();
}

#[tokio::test]
async fn a_change_that_a_crash_left_half_written_is_undone() {
    let home = written().await;
    let path = home.database();
    let mut connection = connect(&path).await;
    // With the kind of log that a database has until it is first switched to the other one, and no memory
    // to keep the change in, so that it reaches the file before it is whole.
    connection
        .execute("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN")
        .await
        .unwrap();
    connection
        .execute("UPDATE messages SET content = printf('%.*c', 500000, 'x'); UPDATE chats SET title = 'x'")
        .await
        .unwrap();
    let crashed = TempDir::new().unwrap();
    for name in ["hearth.db", "hearth.db-journal"] {
        fs::copy(home.folder.path().join(name), crashed.path().join(name)).unwrap();
    }

    let store = Store::open(&crashed.path().join("hearth.db")).await.unwrap();
    let chat = &store.chats().await.unwrap()[0];
    assert_eq!(chat.title, "About tea");
    assert_eq!(
        texts(&store.branch(&chat.id).await.unwrap()),
        ["Which leaves?", "Green ones."]
    );
}

#[tokio::test]
async fn a_second_hearth_is_refused_until_the_first_has_gone() {
    let (home, turn) = Home::with_question().await;

    let error = Store::open(&home.database()).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let reply = home.store.message(&turn.reply.id).await.unwrap();
    assert_eq!(
        reply.status,
        MessageStatus::Streaming,
        "the second did not take it for a crashed one"
    );

    home.store.close().await;
    Store::open(&home.database()).await.unwrap();
}

#[tokio::test]
async fn a_file_that_another_program_has_locked_is_in_use() {
    let home = written().await;
    let path = home.database();
    let mut other = connect(&path).await;
    other
        .execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; DELETE FROM settings")
        .await
        .unwrap();

    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}
