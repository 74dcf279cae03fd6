//! What a model thought before it answered, which is kept with its reply and not said again.

use hearth_engine::protocol::THOUGHT;

/// The reply without the thought before it; empty while that has not ended.
pub(crate) fn answer(reply: &str) -> &str {
    let (opening, closing) = THOUGHT;
    match reply.trim_start().strip_prefix(opening) {
        Some(thought) => thought
            .split_once(closing)
            .map_or("", |(_, answer)| answer.trim_start()),
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thought_is_not_part_of_the_answer() {
        for (reply, expected) in [
            ("Two.", "Two."),
            ("<think>\nOne and one.\n</think>\n\nTwo.", "Two."),
            ("\n<think></think>Two.", "Two."),
            ("<think>\nOne and", ""),
            ("It is <think>two</think>.", "It is <think>two</think>."),
            ("<think>a</think>b</think>c", "b</think>c"),
            ("", ""),
        ] {
            assert_eq!(answer(reply), expected, "{reply:?}");
        }
    }
}
