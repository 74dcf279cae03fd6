//! One question, and its reply to the end.

use hearth_engine::protocol::{ChatMessage, Role};
use hearth_engine::{Question, Reply, ReplyEvent};

/// A chat of one message.
pub fn question(text: &str) -> Question {
    let message = ChatMessage {
        role: Role::User,
        content: text.to_owned(),
    };
    Question {
        messages: vec![message],
        ..Question::default()
    }
}

/// A reply's text, and its last event.
pub async fn to_the_end(mut reply: Reply) -> (String, ReplyEvent) {
    let mut text = String::new();
    loop {
        match reply.next().await.expect("a reply ends in Done or Failed") {
            ReplyEvent::Started { .. } => {}
            ReplyEvent::Text(more) => text += &more,
            end => return (text, end),
        }
    }
}
