//! A chat as a tree: asking, asking again, editing, and going back to what was there.

use std::time::Duration;

use hearth_store::{MessageRole, MessageStatus, Parent, StoreError};

use crate::{Home, connect, texts};

#[tokio::test]
async fn a_turn_is_a_whole_question_and_an_empty_reply() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let turn = home.begin(&chat, "Which leaves?").await;

    assert_eq!(turn.chat.id, chat.id);
    assert!(turn.chat.updated_at >= chat.updated_at);
    assert_eq!(
        (turn.user.role, turn.user.status),
        (MessageRole::User, MessageStatus::Complete)
    );
    assert_eq!(
        (turn.user.content.as_str(), turn.user.model.as_deref()),
        ("Which leaves?", None)
    );
    assert_eq!(
        (turn.user.parent_id, turn.user.siblings),
        (None, vec![turn.user.id.clone()])
    );
    assert_eq!(
        (turn.reply.role, turn.reply.status),
        (MessageRole::Assistant, MessageStatus::Streaming)
    );
    assert_eq!(
        (turn.reply.content.as_str(), turn.reply.model.as_deref()),
        ("", Some("Bard"))
    );
    assert_eq!(turn.reply.parent_id, Some(turn.user.id));
}

#[tokio::test]
async fn turns_follow_each_other() {
    let home = Home::new().await;
    let chat = home.chat().await;
    assert!(home.store.branch(&chat.id).await.unwrap().is_empty());
    home.ask(&chat, "Which leaves?", "Green ones.").await;
    let second = home.ask(&chat, "How hot?", "Not boiling.").await;

    let home = home.restart().await;
    let branch = home.store.branch(&chat.id).await.unwrap();
    assert_eq!(
        texts(&branch),
        ["Which leaves?", "Green ones.", "How hot?", "Not boiling."]
    );
    assert_eq!(branch[3], second.reply);
    assert_eq!(home.store.message(&second.reply.id).await.unwrap(), second.reply);
    let history = home.store.history(&second.user.id).await.unwrap();
    assert_eq!(
        texts(&history),
        ["Which leaves?", "Green ones.", "How hot?"],
        "what the model is given"
    );
}

#[tokio::test]
async fn another_reply_stands_beside_the_first() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let turn = home.ask(&chat, "Which leaves?", "Green ones.").await;
    let again = home
        .store
        .begin_reply(&turn.user.id, "Other model")
        .await
        .unwrap();
    let again = home.answer(&again, "Black ones.").await;

    assert_eq!(again.siblings, [turn.reply.id.clone(), again.id.clone()]);
    assert_eq!(again.model.as_deref(), Some("Other model"));
    assert_eq!(
        texts(&home.store.branch(&chat.id).await.unwrap()),
        ["Which leaves?", "Black ones."]
    );

    let back = home.store.choose_branch(&turn.reply.id).await.unwrap();
    assert_eq!(texts(&back), ["Which leaves?", "Green ones."]);
    assert_eq!(home.store.branch(&chat.id).await.unwrap(), back);
}

#[tokio::test]
async fn an_edited_question_keeps_the_old_one_and_all_below_it() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let first = home.ask(&chat, "Which leaves?", "Green ones.").await;
    let second = home.ask(&chat, "How hot?", "Not boiling.").await;

    let parent = second
        .user
        .parent_id
        .as_deref()
        .map_or(Parent::Root, Parent::Message);
    let edited = home
        .store
        .begin_turn(&chat.id, parent, "How cold?", "Bard")
        .await
        .unwrap();
    home.answer(&edited.reply, "With ice.").await;
    assert_eq!(
        edited.user.siblings,
        [second.user.id.clone(), edited.user.id.clone()]
    );
    assert_eq!(
        texts(&home.store.branch(&chat.id).await.unwrap()),
        ["Which leaves?", "Green ones.", "How cold?", "With ice."]
    );

    let opening = home
        .store
        .begin_turn(&chat.id, Parent::Root, "Coffee or tea?", "Bard")
        .await
        .unwrap();
    assert_eq!(
        opening.user.siblings,
        [first.user.id.clone(), opening.user.id.clone()]
    );
    home.answer(&opening.reply, "Tea.").await;
    assert_eq!(
        texts(&home.store.branch(&chat.id).await.unwrap()),
        ["Coffee or tea?", "Tea."]
    );

    let back = home.store.choose_branch(&first.user.id).await.unwrap();
    assert_eq!(
        texts(&back),
        ["Which leaves?", "Green ones.", "How cold?", "With ice."],
        "the newest below it"
    );
    let older = home.store.choose_branch(&second.user.id).await.unwrap();
    assert_eq!(
        texts(&older),
        ["Which leaves?", "Green ones.", "How hot?", "Not boiling."]
    );
}

#[tokio::test]
async fn a_question_follows_a_reply_and_a_reply_a_question() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let turn = home.ask(&chat, "Which leaves?", "Green ones.").await;

    let onto_question = home
        .store
        .begin_turn(&chat.id, Parent::Message(&turn.user.id), "And?", "Bard")
        .await
        .unwrap_err();
    assert!(matches!(
        onto_question,
        StoreError::WrongRole {
            expected: MessageRole::Assistant,
            ..
        }
    ));
    let onto_reply = home.store.begin_reply(&turn.reply.id, "Bard").await.unwrap_err();
    assert!(matches!(
        onto_reply,
        StoreError::WrongRole {
            expected: MessageRole::User,
            ..
        }
    ));

    let other = home.chat().await;
    let elsewhere = home
        .store
        .begin_turn(&other.id, Parent::Message(&turn.reply.id), "And?", "Bard")
        .await;
    assert!(matches!(
        elsewhere,
        Err(StoreError::NotFound { kind: "message", .. })
    ));
    assert_eq!(
        home.store.branch(&chat.id).await.unwrap(),
        [turn.user, turn.reply],
        "nothing was added"
    );
    assert!(home.store.branch(&other.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_unreadable_field_does_not_close_the_chat() {
    let home = Home::new().await;
    let chat = home.chat().await;
    home.ask(&chat, "Which leaves?", "Green ones.").await;
    sqlx::query(r#"UPDATE messages SET stats = '{"promptTokens":"many"}' WHERE role = 'assistant'"#)
        .execute(&mut connect(&home.database()).await)
        .await
        .unwrap();

    let branch = home.store.branch(&chat.id).await.unwrap();
    assert_eq!(texts(&branch), ["Which leaves?", "Green ones."]);
    assert_eq!(branch[1].stats, None);
}

#[tokio::test]
async fn ten_thousand_messages_are_one_branch() {
    let home = Home::new().await;
    let chat = home.chat().await;
    let mut connection = connect(&home.database()).await;
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO messages (seq, id, chat_id, parent, ordinal, role, status, content, created_at)
         SELECT i, 'message-' || i, ?, nullif(i - 1, 0), 0, iif(i % 2, 'user', 'assistant'), 'complete', 'text ' || i, i
         FROM n",
    )
    .bind(&chat.id)
    .execute(&mut connection)
    .await
    .unwrap();
    sqlx::query("UPDATE chats SET active_leaf = 10000")
        .execute(&mut connection)
        .await
        .unwrap();

    let branch = home.store.branch(&chat.id).await.unwrap();
    assert_eq!(branch.len(), 10_000);
    assert!(
        branch
            .windows(2)
            .all(|pair| pair[1].parent_id.as_ref() == Some(&pair[0].id))
    );
    assert_eq!(branch[9_999].content, "text 10000");
    assert_eq!(home.store.choose_branch("message-1").await.unwrap().len(), 10_000);

    home.store.delete_chat(&chat.id).await.unwrap();
    assert_eq!(
        home.store.purge_deleted_chats(Duration::ZERO).await.unwrap(),
        1,
        "however deep the tree"
    );
}
