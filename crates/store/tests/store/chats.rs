//! The list of chats: making, naming, deleting and taking that back.

use std::time::Duration;

use hearth_store::{Chat, Parent, StoreError};

use crate::{Home, connect};

fn titles(chats: &[Chat]) -> Vec<&str> {
    chats.iter().map(|chat| chat.title.as_str()).collect()
}

#[tokio::test]
async fn the_newest_activity_comes_first() {
    let home = Home::new().await;
    let tea = home.store.create_chat("Tea").await.unwrap();
    home.store.create_chat("Coffee").await.unwrap();
    assert_eq!(titles(&home.store.chats().await.unwrap()), ["Coffee", "Tea"]);

    home.ask(&tea, "Which leaves?", "Green ones.").await;
    assert_eq!(titles(&home.store.chats().await.unwrap()), ["Tea", "Coffee"]);
}

#[tokio::test]
async fn a_new_name_stays_and_is_no_activity() {
    let home = Home::new().await;
    let tea = home.store.create_chat("Tea").await.unwrap();
    home.store.create_chat("Coffee").await.unwrap();

    let renamed = home
        .store
        .rename_chat(&tea.id, "Tee ☕ 'n\" biscuits")
        .await
        .unwrap();
    assert_eq!(
        renamed,
        Chat {
            title: "Tee ☕ 'n\" biscuits".into(),
            ..tea
        }
    );

    let home = home.restart().await;
    assert_eq!(
        titles(&home.store.chats().await.unwrap()),
        ["Coffee", "Tee ☕ 'n\" biscuits"]
    );
    assert_eq!(home.store.chat(&renamed.id).await.unwrap(), renamed);
}

#[tokio::test]
async fn a_deleted_chat_can_be_taken_back_whole() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let turn = home.ask(&chat, "Which leaves?", "Green ones.").await;

    home.store.delete_chat(&chat.id).await.unwrap();
    let home = home.restart().await;
    assert!(home.store.chats().await.unwrap().is_empty());
    for gone in [
        home.store.chat(&chat.id).await.unwrap_err(),
        home.store.branch(&chat.id).await.unwrap_err(),
        home.store.rename_chat(&chat.id, "Coffee").await.unwrap_err(),
        home.store.delete_chat(&chat.id).await.unwrap_err(),
        home.store
            .begin_turn(&chat.id, Parent::Leaf, "And?", "Bard")
            .await
            .unwrap_err(),
        home.store.begin_reply(&turn.user.id, "Bard").await.unwrap_err(),
        home.store.choose_branch(&turn.reply.id).await.unwrap_err(),
    ] {
        assert!(
            matches!(gone, StoreError::NotFound { kind: "chat", .. }),
            "{gone}"
        );
    }

    let restored = home.store.restore_chat(&chat.id).await.unwrap();
    assert_eq!(home.store.chats().await.unwrap(), [restored]);
    assert_eq!(
        home.store.branch(&chat.id).await.unwrap(),
        [turn.user, turn.reply]
    );
}

#[tokio::test]
async fn only_what_was_deleted_long_enough_ago_is_purged() {
    let home = Home::new().await;
    let kept = home.chat().await;
    let deleted = home.chat().await;
    let turn = home.ask(&deleted, "Which leaves?", "Green ones.").await;
    home.store.delete_chat(&deleted.id).await.unwrap();

    assert_eq!(
        home.store
            .purge_deleted_chats(Duration::from_secs(30 * 86_400))
            .await
            .unwrap(),
        0
    );
    home.store.restore_chat(&deleted.id).await.unwrap();
    home.store.delete_chat(&deleted.id).await.unwrap();

    assert_eq!(home.store.purge_deleted_chats(Duration::ZERO).await.unwrap(), 1);
    assert!(matches!(
        home.store.restore_chat(&deleted.id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert!(matches!(
        home.store.message(&turn.reply.id).await,
        Err(StoreError::NotFound { .. })
    ));
    assert_eq!(home.store.chats().await.unwrap(), [kept]);

    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut connect(&home.database()).await)
        .await
        .unwrap();
    assert_eq!(left, 0, "its messages went with it");
}

#[tokio::test]
async fn an_unknown_chat_is_named_in_the_error() {
    let home = Home::new().await;
    let error = home.store.chat("no-such-chat").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "This chat (no-such-chat) is not there any more. Choose another one."
    );
}
