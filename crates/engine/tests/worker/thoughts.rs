//! Models that think before they answer, where their template lets one choose.

use hearth_engine::protocol::THOUGHT;
use hearth_engine::{Chosen, Question};
use hearth_fixtures::{ModelFile, Script, THINKING};

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
