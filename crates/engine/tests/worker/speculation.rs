//! Drafts make a reply come sooner, and change nothing else.

use std::path::{Path, PathBuf};

use hearth_engine::protocol::{Grammar, Sampling, StopReason};
use hearth_engine::{Chosen, Question, ReplyEvent};
use hearth_fixtures::{ModelFile, Script};

use crate::chat::question;
use crate::stage::{Stage, stats_of, stop_of};

/// Lines that repeat themselves, so that there is something to look up.
fn prompts() -> impl Iterator<Item = String> {
    const WORDS: [&str; 20] = [
        "love", "death", "king", "sword", "night", "honour", "heart", "crown", "storm", "grave", "music",
        "tears", "gold", "blood", "sleep", "summer", "fool", "moon", "war", "rose",
    ];
    const FRAMES: [&str; 10] = [
        "What is",
        "Tell me of",
        "Speak to me, speak to me of",
        "O my lord, my lord, what of",
        "Where is",
        "Farewell, farewell, sweet",
        "To be or not to be, to be",
        "Good night, good night! Parting is such",
        "Sing of",
        "Come, come, no more of",
    ];
    WORDS
        .into_iter()
        .flat_map(|word| FRAMES.map(|frame| format!("{frame} {word}? {frame} {word}!")))
}

/// Of two engines, because one that is asked again takes the prompt up where it has read it, which may round another way.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_greedy_replies_are_the_same_with_drafts_and_without() {
    let (drafting, plain) = (Stage::bard().await, Stage::bard().await);
    let (mut drafted, mut accepted, mut asked) = (0, 0, 0);
    for prompt in prompts() {
        let ask = |speculate| Question {
            sampling: Sampling::greedy(),
            max_tokens: Some(96),
            speculate,
            ..question(&prompt)
        };
        let (expected, plain_end) = plain.ask(ask(false)).await;
        let (text, end) = drafting.ask(ask(true)).await;
        assert_eq!(text, expected, "to {prompt:?}");
        assert_eq!(stop_of(&end), stop_of(&plain_end), "to {prompt:?}");
        let (stats, without) = (stats_of(&end), stats_of(&plain_end));
        assert_eq!(stats.reply_tokens, without.reply_tokens, "to {prompt:?}");
        assert_eq!(without.speculation.drafted, 0);
        drafted += stats.speculation.drafted;
        accepted += stats.speculation.accepted;
        asked += 1;
    }
    assert_eq!(asked, 200);
    // How many depends on what passes cost on this machine.
    assert!(accepted > 0 && accepted <= drafted, "{accepted} of {drafted}");
}

/// The engine's dice fall the same way after every load, and each token of a reply is one throw. So the same questions asked
/// of two engines, of which one drafts, get the same replies to the letter: every token came from the target's own
/// distribution, bent by temperature, cut by top-k, top-p and min-p, and with the penalty for what was said before it.
#[tokio::test(flavor = "multi_thread")]
async fn replies_by_chance_are_the_same_with_drafts_and_without() {
    let usual = Sampling::default();
    let samplings = [
        usual,
        Sampling {
            temperature: 0.2,
            ..usual
        },
        Sampling {
            temperature: 1.3,
            top_p: None,
            ..usual
        },
        Sampling {
            top_k: Some(5),
            top_p: None,
            ..usual
        },
        Sampling {
            top_p: Some(0.6),
            ..usual
        },
        Sampling {
            min_p: Some(0.1),
            top_p: None,
            ..usual
        },
        Sampling {
            repetition_penalty: Some(1.2),
            ..usual
        },
    ];
    let (drafting, plain) = (Stage::bard().await, Stage::bard().await);
    let (mut drafted, mut accepted) = (0, 0);
    for (index, prompt) in prompts().step_by(5).enumerate() {
        let ask = |speculate| Question {
            sampling: samplings[index % samplings.len()],
            max_tokens: Some(96),
            speculate,
            ..question(&prompt)
        };
        let (expected, _) = plain.ask(ask(false)).await;
        let (text, end) = drafting.ask(ask(true)).await;
        assert_eq!(text, expected, "to {prompt:?}");
        let stats = stats_of(&end);
        drafted += stats.speculation.drafted;
        accepted += stats.speculation.accepted;
    }
    assert!(drafted > 0 && accepted <= drafted, "{accepted} of {drafted}");
}

/// Ninety-four characters, each a token of its own in a prompt as well.
fn characters() -> Script {
    Script::pieces(('!'..='~').map(String::from)).unwrap()
}

/// The model says one sentence, and the question has it already.
#[tokio::test(flavor = "multi_thread")]
async fn a_quotation_takes_fewer_passes_than_tokens() {
    let script = characters();
    let stage = Stage::with(&ModelFile::scripted(&script)).await;
    let ask = Question {
        sampling: Sampling::greedy(),
        ..question(&format!("Say this again: {}", script.text()))
    };
    let (text, end) = stage.ask(ask).await;
    assert_eq!((text, stop_of(&end)), (script.text(), StopReason::End));
    let stats = stats_of(&end);
    assert!(
        stats.speculation.passes < stats.reply_tokens - 1 && stats.speculation.accepted > 0,
        "{stats:?}"
    );
    assert!(
        stats
            .speculation
            .plain_tokens_per_second
            .is_some_and(|speed| speed > 0.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_text_and_the_longest_length_hold_inside_a_draft() {
    let script = characters();
    let stage = Stage::with(&ModelFile::scripted(&script)).await;
    let ask = || Question {
        sampling: Sampling::greedy(),
        ..question(&format!("Say this again: {}", script.text()))
    };
    let (text, end) = stage
        .ask(Question {
            stop: vec!["n".to_owned()],
            ..ask()
        })
        .await;
    assert_eq!(stop_of(&end), StopReason::StopString);
    assert!(text.ends_with("lm"), "{text}");
    for most in [1, 2, 50, 61, 62, 63, 93] {
        let (text, end) = stage
            .ask(Question {
                max_tokens: Some(most),
                ..ask()
            })
            .await;
        let expected: Vec<u8> = script.as_pieces()[..most].concat();
        assert_eq!((text.as_bytes(), stop_of(&end)), (&*expected, StopReason::Length));
        assert_eq!(stats_of(&end).reply_tokens, most);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_context_holds_inside_a_draft() {
    let script = characters();
    // No multiple of the blocks in which the cache grows.
    let stage = Stage::with(&ModelFile::scripted(&script).context(1100)).await;
    let ask = Question {
        sampling: Sampling::greedy(),
        ..question(&format!("{}: {}", "again ".repeat(228), script.text()))
    };
    let (text, end) = stage.ask(ask).await;
    let stats = stats_of(&end);
    assert_eq!(stop_of(&end), StopReason::Length, "{stats:?}");
    assert_eq!(stats.prompt_tokens + stats.reply_tokens, 1100);
    assert!(
        script.text().starts_with(&text) && stats.speculation.accepted > 0,
        "{stats:?}"
    );
}

fn with_draft(target: PathBuf, draft: PathBuf) -> Chosen {
    Chosen {
        draft: vec![draft],
        ..Chosen::files(vec![target])
    }
}

/// A second model of the same family says the same, so that most of what it drafts stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_model_changes_the_speed_and_not_the_text() {
    let stage = Stage::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = root.join("models/bard-Q8_0.gguf");
    let draft = root.join("tests/fixtures/models/bard-draft-Q8_0.gguf");
    let ask = |speculate| Question {
        sampling: Sampling::greedy(),
        max_tokens: Some(64),
        speculate,
        ..question("My lord, what news of the battle?")
    };
    stage.engine.load(with_draft(target, draft)).await.unwrap();
    let (plain, _) = stage.ask(ask(false)).await;
    let mut drafted = 0;
    for _ in 0..4 {
        let (text, end) = stage.ask(ask(true)).await;
        assert_eq!(text, plain);
        drafted += stats_of(&end).speculation.drafted;
    }
    assert!(drafted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_model_with_another_vocabulary_is_refused_in_words() {
    let stage = Stage::new();
    let (target, draft) = (stage.file("target.gguf"), stage.file("draft.gguf"));
    ModelFile::scripted(&Script::counting(40).unwrap())
        .write(&target)
        .unwrap();
    ModelFile::scripted(&Script::saying("Other words, as many of them.").unwrap())
        .write(&draft)
        .unwrap();
    let refused = stage.engine.load(with_draft(target, draft)).await;
    let Err(error) = refused else {
        panic!("it was loaded")
    };
    assert!(
        error
            .to_string()
            .starts_with("The draft model does not fit this model: its "),
        "{error}"
    );
}

/// The grammar sees the text token by token, drafts or none.
#[tokio::test(flavor = "multi_thread")]
async fn a_grammar_holds_inside_a_draft() {
    let stage = Stage::bard().await;
    let verse = r"(Ay|No), my lord(, my gentle lord){10}[.]";
    let schema = serde_json::json!({ "enum": ["To be", "Not to be"] });
    let ask = |grammar: &Grammar, speculate| Question {
        sampling: Sampling::greedy(),
        grammar: Some(grammar.clone()),
        max_tokens: Some(200),
        speculate,
        ..question("Is the king alive?")
    };
    let mut accepted = 0;
    for grammar in [Grammar::Regex(verse.to_owned()), Grammar::JsonSchema(schema)] {
        let (plain, end) = stage.ask(ask(&grammar, false)).await;
        assert_eq!(stop_of(&end), StopReason::End, "{plain}");
        for _ in 0..3 {
            let (text, end) = stage.ask(ask(&grammar, true)).await;
            assert_eq!(text, plain);
            accepted += stats_of(&end).speculation.accepted;
        }
        match grammar {
            Grammar::Regex(_) => assert!(
                plain.ends_with(&format!(", my lord{}.", ", my gentle lord".repeat(10))),
                "{plain}"
            ),
            Grammar::JsonSchema(_) => assert!(plain == r#""To be""# || plain == r#""Not to be""#, "{plain}"),
        }
    }
    assert!(accepted > 0, "nothing was drafted");

    let (_, end) = stage
        .ask(ask(&Grammar::Regex("(unclosed".to_owned()), true))
        .await;
    assert!(matches!(end, ReplyEvent::Failed(_)), "{end:?}");
    let (text, _) = stage.ask(question("Who is there?")).await;
    assert!(!text.is_empty());
}
