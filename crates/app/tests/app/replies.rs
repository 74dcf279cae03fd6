//! Questions and their replies, from the first word to the next start.

use hearth_app::{AppEvent, EngineState, ErrorCode, Subscription};
use hearth_fixtures::{ModelFile, Script};
use hearth_store::{MessageStatus, StopReason};

use crate::{FOX, Home, PATIENCE, ended};

async fn begun(events: &mut Subscription, reply: &str) {
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next())
            .await
            .expect("the reply begins")
            .unwrap();
        if matches!(event, AppEvent::ReplyText { message_id, .. } if message_id == reply) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_kept_and_found_again() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app
        .send(&chat.id, "  What does the fox do?\nTell me.  ")
        .await
        .unwrap();
    assert_eq!(turn.chat.title, "What does the fox do?");
    let (told, reply) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(
        (told.as_str(), reply.content.as_str(), reply.status),
        (FOX, FOX, MessageStatus::Complete)
    );
    let stats = reply.stats.unwrap();
    assert!(
        stats.stop == StopReason::End && stats.tokens_per_second > 0.0,
        "{stats:?}"
    );
    app.close().await;
    drop(app);

    let app = home.open().await;
    let start = app.start().await;
    assert!(
        matches!(start.engine, EngineState::Asleep { .. }),
        "the last model waits: {:?}",
        start.engine
    );
    let messages = app.open_chat(&start.chats[0].id).await.unwrap();
    assert_eq!(
        messages
            .iter()
            .map(|message| message.content.as_str())
            .collect::<Vec<_>>(),
        ["What does the fox do?\nTell me.", FOX]
    );
    let mut events = app.subscribe();
    let turn = app.send(&chat.id, "Once more?").await.unwrap();
    assert_eq!(
        ended(&mut events, &turn.reply.id).await.0,
        FOX,
        "the next question wakes it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerating_and_editing_keep_what_was_before() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "One?").await.unwrap();
    ended(&mut events, &turn.reply.id).await;
    let again = app.regenerate(&turn.reply.id).await.unwrap();
    let (_, again) = ended(&mut events, &again.id).await;
    assert_eq!(again.siblings, [turn.reply.id.clone(), again.id.clone()]);
    let edited = app.edit_and_resend(&turn.user.id, "Two?").await.unwrap();
    ended(&mut events, &edited.reply.id).await;
    assert_eq!(edited.user.siblings.len(), 2);
    let back = app.choose_branch(&turn.user.id).await.unwrap();
    assert_eq!(back.last().unwrap().id, again.id, "the branch as it was left");
    assert_eq!(
        app.regenerate(&turn.user.id).await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
    assert_eq!(
        app.edit_and_resend(&again.id, "x").await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reply_stops_when_told_and_a_second_click_is_refused() {
    let home = Home::new();
    let app = home.counting().await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Count.").await.unwrap();
    assert_eq!(
        app.send(&chat.id, "Count.").await.unwrap_err().code,
        ErrorCode::Busy
    );
    assert_eq!(
        app.regenerate(&turn.reply.id).await.unwrap_err().code,
        ErrorCode::Busy
    );
    begun(&mut events, &turn.reply.id).await;
    let open = app.open_chat(&chat.id).await.unwrap();
    assert!(
        !open[1].content.is_empty() && open[1].status == MessageStatus::Streaming,
        "seen while it is written"
    );
    app.stop(&turn.reply.id);
    app.stop(&turn.reply.id);
    let mut last = None;
    while last.is_none() {
        if let Some(AppEvent::ReplyDone { message, .. }) = events.next().await {
            last = Some(message);
        }
    }
    let reply = last.unwrap();
    let whole = Script::counting(1500).unwrap().text();
    assert_eq!(reply.status, MessageStatus::Stopped);
    assert!(
        whole.starts_with(&reply.content) && reply.content.len() < whole.len(),
        "{}",
        reply.content.len()
    );
    assert_eq!(app.open_chat(&chat.id).await.unwrap()[1], reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_chat_stops_its_reply_and_can_be_undone() {
    let home = Home::new();
    let app = home.counting().await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Count.").await.unwrap();
    begun(&mut events, &turn.reply.id).await;
    app.delete_chat(&chat.id).await.unwrap();
    while !matches!(events.next().await, Some(AppEvent::ReplyDone { .. })) {}
    assert!(app.start().await.chats.is_empty());
    app.restore_chat(&chat.id).await.unwrap();
    assert_eq!(
        app.open_chat(&chat.id).await.unwrap()[1].status,
        MessageStatus::Stopped
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_too_long_for_the_context_says_by_how_much() {
    let home = Home::new();
    let app = home
        .with(&ModelFile::scripted(&Script::saying(FOX).unwrap()).context(64))
        .await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, &"word ".repeat(40)).await.unwrap();
    let (_, reply) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(reply.status, MessageStatus::Error);
    assert!(
        reply
            .error
            .as_ref()
            .is_some_and(|error| error.contains("tokens too long")),
        "{reply:?}"
    );
}
