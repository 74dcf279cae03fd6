//! Models that think before they answer, where their template lets one choose.

use hearth_engine::protocol::THOUGHT;
use hearth_engine::{Chosen, Question};
use hearth_fixtures::{CHATML, ModelFile, Script, THINKING};

use crate::chat::question;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_thought_that_the_template_opens_is_told_from_the_answer() {
    let stage = Stage::new();
    let path = stage.file("thinker.gguf");
    let says = "One and one.\n</think>\n\nTwo.";
    ModelFile::scripted(&Script::saying(says).unwrap())
        .template(THINKING)
        .write(&path)
        .unwrap();
    let loaded = stage.engine.load(Chosen::files(vec![path])).await.unwrap();
    assert!(loaded.thinks);

    let thinking = Question {
        think: true,
        ..question("What is one and one?")
    };
    let (text, _) = stage.ask(thinking).await;
    assert_eq!(text, format!("{}\n{says}", THOUGHT.0));

    let (text, _) = stage.ask(question("What is one and one?")).await;
    assert_eq!(text, says, "nothing is said that the model has not said");
}

/// A model that says these pieces, some of which are control tokens, after a prompt of ChatML with `hint` somewhere in its template.
async fn saying(pieces: &[&str], controls: &'static [&'static str], hint: &str) -> String {
    let script = Script::pieces(pieces).unwrap();
    let template = format!("{{# {hint} #}}{CHATML}");
    let stage = Stage::with(
        &ModelFile::scripted(&script)
            .controls(controls)
            .template(&template),
    )
    .await;
    stage.ask(question("What is one and one?")).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn thoughts_in_other_tags_are_told_in_the_apps() {
    let pieces = ["[THINK]", "One and", " one.", "[/THINK]", "Two."];
    let text = saying(&pieces, &["[THINK]", "[/THINK]"], "[THINK]").await;
    assert_eq!(text, "<think>One and one.</think>Two.");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_taken_out_of_its_channel() {
    let pieces = ["<|channel|>", "final", "<|message|>", "Two", " it is."];
    let controls = &["<|channel|>", "<|message|>"];
    let text = saying(&pieces, controls, "<|channel|><|message|>").await;
    assert_eq!(text, "Two it is.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_without_a_choice_offers_none() {
    let stage = Stage::new();
    let path = stage.file("plain.gguf");
    ModelFile::scripted(&Script::saying("Two.").unwrap())
        .write(&path)
        .unwrap();
    let loaded = stage.engine.load(Chosen::files(vec![path])).await.unwrap();
    assert!(!loaded.thinks);
    let thinking = Question {
        think: true,
        ..question("What is one and one?")
    };
    assert_eq!(stage.ask(thinking).await.0, "Two.");
}
