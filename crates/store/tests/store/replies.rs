//! A reply is saved while it is being written.

use hearth_store::{FLUSH_INTERVAL, MessageStatus, ReplyStats, Speculation, StopReason, StoreError};

use crate::Home;

#[tokio::test]
async fn text_is_saved_without_being_asked_to() {
    let (home, turn) = Home::with_question().await;
    let writer = home.store.reply_writer(&turn.reply.id);
    writer.push("Green ");
    writer.push("ones.");

    let saved = loop {
        let message = home.store.message(&turn.reply.id).await.unwrap();
        if message.content.ends_with("ones.") {
            break message;
        }
        tokio::time::sleep(FLUSH_INTERVAL / 10).await;
    };
    assert_eq!(saved.content, "Green ones.");
    assert_eq!(saved.status, MessageStatus::Streaming);
}

#[tokio::test]
async fn a_finished_reply_has_all_its_text_and_its_numbers() {
    let (home, turn) = Home::with_question().await;
    let stats = ReplyStats {
        prompt_tokens: 12,
        cached_tokens: 7,
        reply_tokens: 3,
        prompt_tokens_per_second: 151.5,
        tokens_per_second: 12.25,
        speculation: Some(Speculation {
            drafted: 4,
            accepted: 1,
            passes: 2,
            speed_up: Some(1.25),
        }),
        stop: StopReason::Cancelled,
    };
    let mut writer = home.store.reply_writer(&turn.reply.id);
    writer.push("Green ");
    tokio::time::sleep(FLUSH_INTERVAL * 2).await;
    writer.push("ones, and 茶.");
    let finished = writer
        .finish(MessageStatus::Stopped, None, Some(stats))
        .await
        .unwrap();

    assert_eq!(finished.content, "Green ones, and 茶.");
    assert_eq!(
        (finished.status, finished.stats),
        (MessageStatus::Stopped, Some(stats))
    );
    let home = home.restart().await;
    assert_eq!(home.store.message(&turn.reply.id).await.unwrap(), finished);
}

#[tokio::test]
async fn a_failed_reply_keeps_its_text_and_says_why() {
    let (home, turn) = Home::with_question().await;
    let mut writer = home.store.reply_writer(&turn.reply.id);
    writer.push("Green");
    let why = "The engine ended with signal 9. Ask again.";
    let failed = writer
        .finish(MessageStatus::Interrupted, Some(why.into()), None)
        .await
        .unwrap();
    assert_eq!(
        (failed.content.as_str(), failed.error.as_deref()),
        ("Green", Some(why))
    );
}

#[tokio::test]
async fn a_reply_is_finished_once() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let turn = home.ask(&chat, "Which leaves?", "Green ones.").await;

    let mut late = home.store.reply_writer(&turn.reply.id);
    late.push(" Or black ones.");
    let refused = late.finish(MessageStatus::Complete, None, None).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: "reply", .. })));
    assert_eq!(home.store.message(&turn.reply.id).await.unwrap(), turn.reply);
}

#[tokio::test]
async fn a_writer_that_is_dropped_saves_what_it_has() {
    let (home, turn) = Home::with_question().await;
    let writer = home.store.reply_writer(&turn.reply.id);
    writer.push("Green ones.");
    drop(writer);
    while home
        .store
        .message(&turn.reply.id)
        .await
        .unwrap()
        .content
        .is_empty()
    {
        tokio::task::yield_now().await;
    }

    let home = home.restart().await;
    let found = home.store.message(&turn.reply.id).await.unwrap();
    assert_eq!(
        (found.content.as_str(), found.status),
        ("Green ones.", MessageStatus::Interrupted)
    );
}

#[tokio::test]
async fn a_chat_deleted_under_its_reply_loses_nothing() {
    let (home, turn) = Home::with_question().await;
    home.store.delete_chat(&turn.chat.id).await.unwrap();
    let reply = home.answer(&turn.reply, "Green ones.").await;

    home.store.restore_chat(&turn.chat.id).await.unwrap();
    assert_eq!(
        home.store.branch(&turn.chat.id).await.unwrap(),
        [turn.user, reply]
    );
}
