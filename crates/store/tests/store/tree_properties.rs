//! Whatever is asked, edited, chosen and deleted, in whatever order: the tree stays a tree.

use hearth_store::{Chat, MessageRole, Parent};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::{Home, connect};

#[derive(Clone, Debug)]
enum Step {
    Ask,
    AskAtRoot,
    AskAfter(Index),
    ReplyTo(Index),
    Choose(Index),
    Delete,
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        1 => Just(Step::AskAtRoot),
        3 => any::<Index>().prop_map(Step::AskAfter),
        3 => any::<Index>().prop_map(Step::ReplyTo),
        3 => any::<Index>().prop_map(Step::Choose),
        1 => Just(Step::Delete),
        1 => Just(Step::Restore),
    ]
}

/// What the test knows to have said, as (id, parent, role), in order.
#[derive(Default)]
struct Said(Vec<(String, Option<String>, MessageRole)>);

impl Said {
    fn pick(&self, index: &Index, role: MessageRole) -> Option<&str> {
        let candidates: Vec<&str> = self
            .0
            .iter()
            .filter(|said| said.2 == role)
            .map(|said| said.0.as_str())
            .collect();
        (!candidates.is_empty()).then(|| *index.get(&candidates))
    }

    fn children(&self, parent: Option<&str>) -> Vec<String> {
        self.0
            .iter()
            .filter(|said| said.1.as_deref() == parent)
            .map(|said| said.0.clone())
            .collect()
    }

    /// The last said at or below a message.
    fn newest_below(&self, id: &str) -> String {
        let mut below = vec![id.to_owned()];
        for (child, parent, _) in &self.0 {
            if parent.as_ref().is_some_and(|parent| below.contains(parent)) {
                below.push(child.clone());
            }
        }
        below.pop().unwrap()
    }
}

#[test]
fn the_tree_stays_a_tree() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let home = runtime.block_on(Home::new());
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&prop::collection::vec(step(), 1..24), |steps| {
            runtime.block_on(async {
                let chat = home.chat().await;
                play(&home, &chat, &steps).await;
            });
            Ok(())
        })
        .unwrap();

    runtime.block_on(async {
        let mut connection = connect(&home.database()).await;
        let broken = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert!(broken.is_empty(), "no orphans, no leaf of another chat");
        let leaves_with_children: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM chats c JOIN messages m ON m.chat_id = c.id AND m.parent = c.active_leaf",
        )
        .fetch_one(&mut connection)
        .await
        .unwrap();
        assert_eq!(leaves_with_children, 0);
    });
}

async fn play(home: &Home, chat: &Chat, steps: &[Step]) {
    let store = &home.store;
    let mut said = Said::default();
    let mut leaf: Option<String> = None;
    let mut deleted = false;
    for step in steps {
        match step {
            Step::Ask | Step::AskAtRoot | Step::AskAfter(_) => {
                let parent = match step {
                    Step::Ask => Parent::Leaf,
                    Step::AskAfter(index) => said
                        .pick(index, MessageRole::Assistant)
                        .map_or(Parent::Root, Parent::Message),
                    _ => Parent::Root,
                };
                let begun = store.begin_turn(&chat.id, parent, "?", "Bard").await;
                assert_eq!(begun.is_err(), deleted);
                if let Ok(turn) = begun {
                    let expected = match parent {
                        Parent::Root => None,
                        Parent::Leaf => leaf,
                        Parent::Message(id) => Some(id.to_owned()),
                    };
                    assert_eq!(turn.user.parent_id, expected);
                    said.0.push((turn.user.id.clone(), expected, MessageRole::User));
                    leaf = Some(turn.reply.id.clone());
                    said.0
                        .push((turn.reply.id, Some(turn.user.id), MessageRole::Assistant));
                }
            }
            Step::ReplyTo(index) => {
                let Some(question) = said.pick(index, MessageRole::User).map(str::to_owned) else {
                    continue;
                };
                let begun = store.begin_reply(&question, "Bard").await;
                assert_eq!(begun.is_err(), deleted);
                if let Ok(reply) = begun {
                    leaf = Some(reply.id.clone());
                    said.0.push((reply.id, Some(question), MessageRole::Assistant));
                }
            }
            Step::Choose(index) => {
                if said.0.is_empty() {
                    continue;
                }
                let chosen = index.get(&said.0).0.clone();
                let branch = store.choose_branch(&chosen).await;
                assert_eq!(branch.is_err(), deleted);
                if let Ok(branch) = branch {
                    assert!(branch.iter().any(|message| message.id == chosen));
                    leaf = Some(said.newest_below(&chosen));
                }
            }
            Step::Delete => {
                assert_eq!(store.delete_chat(&chat.id).await.is_err(), deleted);
                deleted = true;
            }
            Step::Restore => {
                store.restore_chat(&chat.id).await.unwrap();
                deleted = false;
            }
        }
    }
    store.restore_chat(&chat.id).await.unwrap();

    let branch = store.branch(&chat.id).await.unwrap();
    assert_eq!(branch.last().map(|message| message.id.clone()), leaf);
    let mut parent = None;
    for message in &branch {
        assert_eq!(message.parent_id, parent, "a branch is a path from the root");
        assert_eq!(message.chat_id, chat.id);
        assert_eq!(
            message.siblings,
            said.children(parent.as_deref()),
            "all versions, once, oldest first"
        );
        parent = Some(message.id.clone());
    }
    if let Some(leaf) = leaf {
        assert_eq!(store.history(&leaf).await.unwrap(), branch);
    }
}
