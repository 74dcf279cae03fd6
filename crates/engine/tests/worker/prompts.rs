//! What was read of a chat before is not read again, and a reply is the same for it.

use std::time::Duration;

use hearth_engine::protocol::{ChatMessage, Role, Sampling, StopReason};
use hearth_engine::{Question, ReplyEvent};
use hearth_fixtures::{Architecture, ModelFile, Script, Shape};

use crate::chat::{question, to_the_end};
use crate::stage::{Stage, stats_of, stop_of};

fn said(role: Role, content: &str) -> ChatMessage {
    ChatMessage {
        role,
        content: content.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_turn_reads_only_what_is_new() {
    let stage = Stage::bard().await;
    let mut chat = question("What is love?");
    let (text, end) = stage.ask(chat.clone()).await;
    assert_eq!(stats_of(&end).cached_tokens, 0);
    let before = stats_of(&end).prompt_tokens;
    chat.messages.push(said(Role::Assistant, &text));
    chat.messages.push(said(Role::User, "And what is death?"));
    let (_, end) = stage.ask(chat.clone()).await;
    assert!(stats_of(&end).cached_tokens >= before, "{end:?}");

    // Asked again, all but the last token of the prompt is there.
    let (_, again) = stage.ask(chat).await;
    let stats = stats_of(&again);
    assert_eq!(stats.cached_tokens, stats.prompt_tokens - 1);
}

/// Not all layers of Gemma 3 keep every token, and most of Qwen 3.5's keep none: a state stands for what they have read.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_turn_of_a_model_that_forgets_reads_only_what_is_new() {
    // What asks for the answer is read again from a state.
    const AGAIN: usize = 16;
    for architecture in [Architecture::Gemma3, Architecture::Qwen35] {
        let script = Script::saying("So it is.").unwrap();
        let shape = Shape {
            architecture,
            layers: 8,
            ..Shape::TINY
        };
        let stage = Stage::with(&ModelFile::scripted(&script).shape(shape)).await;
        // Longer than a window, and than a portion.
        let mut chat = question(&"well ".repeat(700));
        let mut read = AGAIN;
        for more in ["And then?", "Really?", "Oh."] {
            let (text, end) = stage.ask(chat.clone()).await;
            let stats = stats_of(&end);
            assert_eq!(text, "So it is.", "{architecture:?}");
            assert!(stats.cached_tokens + AGAIN >= read, "{architecture:?}: {stats:?}");
            assert!(stats.prompt_tokens > 600, "{stats:?}");
            read = stats.prompt_tokens;
            chat.messages.push(said(Role::Assistant, &text));
            chat.messages.push(said(Role::User, more));
        }
        // The last question once more.
        chat.messages.truncate(chat.messages.len() - 2);
        let (text, end) = stage.ask(chat).await;
        assert_eq!(text, "So it is.", "{architecture:?}");
        assert!(
            stats_of(&end).cached_tokens + AGAIN >= read,
            "{architecture:?}: {end:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_back_to_another_chat_reads_only_what_is_new() {
    let stage = Stage::bard().await;
    let ask = |text: &str| Question {
        sampling: Sampling::greedy(),
        max_tokens: Some(8),
        ..question(&text.repeat(12))
    };
    let chats = [
        "What news of the king? ",
        "Sing me a song of summer. ",
        "Give me my sword! ",
    ];
    let mut first = Vec::new();
    for chat in chats {
        first.push(stage.ask(ask(chat)).await);
    }
    for (chat, (text, _)) in chats.iter().zip(first) {
        let (again, end) = stage.ask(ask(chat)).await;
        let stats = stats_of(&end);
        assert_eq!(stats.cached_tokens, stats.prompt_tokens - 1, "{chat}");
        assert_eq!(again, text, "{chat}");
    }
}

/// All chats together take no more than one that fills the context: here that is three of four.
#[tokio::test(flavor = "multi_thread")]
async fn the_chat_that_was_left_longest_ago_is_forgotten_first() {
    let script = Script::saying("Well then.").unwrap();
    let stage = Stage::with(&ModelFile::scripted(&script).context(4 * 512)).await;
    // Between one and two blocks of 512 tokens each.
    let ask = |chat: usize| question(&format!("{chat} ").repeat(300));
    for chat in [10, 20, 30] {
        let (_, end) = stage.ask(ask(chat)).await;
        let tokens = stats_of(&end).prompt_tokens;
        assert!((513..1000).contains(&tokens), "{tokens}");
    }
    for (chat, kept) in [(30, true), (20, true), (10, false)] {
        let (_, end) = stage.ask(ask(chat)).await;
        let stats = stats_of(&end);
        assert_eq!(
            stats.cached_tokens == stats.prompt_tokens - 1,
            kept,
            "{chat}: {stats:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_of_many_portions_is_read_as_one() {
    let script = Script::saying("All of it was read.").unwrap();
    let stage = Stage::with(&ModelFile::scripted(&script)).await;
    let (text, end) = stage.ask(question(&"word ".repeat(600))).await;
    assert_eq!((text, stop_of(&end)), (script.text(), StopReason::End));
    assert!(stats_of(&end).prompt_tokens > 1500);
}

/// A cancel while a long prompt is read is noticed after the portion, and what was read until then is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_prompt_is_taken_up_where_it_was_left() {
    let script = Script::saying("Now it was read.").unwrap();
    let stage = Stage::with(&ModelFile::scripted(&script).shape(Shape::SLOW)).await;
    let ask = || question(&"word ".repeat(600));
    let mut reply = stage.engine.generate(ask());
    let first = reply.next().await;
    assert!(matches!(first, Some(ReplyEvent::Started { .. })), "{first:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    reply.cancel();
    let (text, end) = to_the_end(reply).await;
    assert_eq!((text.as_str(), stop_of(&end)), ("", StopReason::Cancelled));
    let (text, end) = stage.ask(ask()).await;
    assert_eq!(text, script.text());
    let stats = stats_of(&end);
    assert!(
        stats.cached_tokens > 0 && stats.cached_tokens.is_multiple_of(256),
        "{stats:?}"
    );
}
