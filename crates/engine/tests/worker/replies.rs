//! Scripted models that say known sentences, the built-in model, and files that are wrong in the ways people's files are
//! wrong.

use std::path::Path;

use hearth_engine::protocol::{ChatMessage, Fault, Role, Sampling, StopReason};
use hearth_engine::{Chosen, EngineError, EngineStatus, Question, ReplyEvent};
use hearth_fixtures::{Architecture, BadFile, ModelFile, Script, Shape};

use crate::chat::{question, to_the_end};
use crate::stage::{Stage, stop_of};

const FOX: &str = "The quick brown fox jumps over a lazy dog, and then: ünïcödé 🦊 rests.";

#[tokio::test(flavor = "multi_thread")]
async fn a_scripted_model_says_its_sentence_at_every_temperature() {
    let stage = Stage::saying(FOX).await;
    for temperature in [0.0, 0.7, 1.5] {
        let sampling = Sampling {
            temperature,
            ..Sampling::default()
        };
        let (text, end) = stage
            .ask(Question {
                sampling,
                ..question("What does the fox do?")
            })
            .await;
        assert_eq!(text, FOX);
        let ReplyEvent::Done { stop, stats } = end else {
            panic!("{end:?}")
        };
        assert_eq!(stop, StopReason::End);
        assert!(stats.prompt_tokens > 10 && stats.reply_tokens > 10, "{stats:?}");
        assert!(
            stats.decode_tokens_per_second() > 0.0 && stats.prompt_tokens_per_second() > 0.0,
            "{stats:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_model_answers_a_whole_conversation() {
    let stage = Stage::new();
    let bard = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf");
    let loaded = stage.engine.load(Chosen::files(vec![bard])).await.unwrap();
    assert_eq!((loaded.architecture.as_str(), loaded.context), ("qwen3", 2048));
    let mut chat = question("What is love?");
    for more in ["And what is death?", "Farewell."] {
        let (text, end) = stage.ask(chat.clone()).await;
        assert!(
            !text.trim().is_empty() && matches!(end, ReplyEvent::Done { .. }),
            "{text:?} {end:?}"
        );
        chat.messages.push(ChatMessage {
            role: Role::Assistant,
            content: text,
        });
        chat.messages.push(ChatMessage {
            role: Role::User,
            content: more.to_owned(),
        });
    }
}

/// mistral.rs reads no such GGUF file: the worker translates it, and leaves nothing of that behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_family_without_a_reader_of_its_own_answers() {
    let gemma = ModelFile::scripted(&Script::saying(FOX).unwrap()).shape(Shape {
        architecture: Architecture::Gemma3,
        ..Shape::TINY
    });
    let stage = Stage::with(&gemma).await;
    for words in ["Hm?", "And again?"] {
        let (text, end) = stage.ask(question(words)).await;
        assert_eq!((text.as_str(), stop_of(&end)), (FOX, StopReason::End));
    }
    let left = std::fs::read_dir(stage.file("home")).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().starts_with("translated")),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_rises_to_ready() {
    let stage = Stage::new();
    let file = stage.file("model.gguf");
    ModelFile::scripted(&Script::saying(FOX).unwrap())
        .shape(Shape {
            layers: 8,
            dim: 512,
            ..Shape::TINY
        })
        .write(&file)
        .unwrap();
    let mut status = stage.engine.status();
    let watch = tokio::spawn(async move {
        let mut seen = Vec::new();
        while status.changed().await.is_ok() {
            match &*status.borrow_and_update() {
                EngineStatus::Loading { fraction, .. } => seen.push(*fraction),
                _ => break,
            }
        }
        seen
    });
    stage.engine.load(Chosen::files(vec![file])).await.unwrap();
    let seen = watch.await.unwrap();
    assert!(
        seen.is_sorted() && seen.iter().all(|fraction| (0.0..=1.0).contains(fraction)),
        "{seen:?}"
    );
    assert!(seen.last().is_some_and(|&last| last > 0.0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_texts_end_a_reply_and_never_show() {
    let stage = Stage::saying(FOX).await;
    let stop = vec!["lazy dog".to_owned(), "never said".to_owned()];
    let (text, end) = stage
        .ask(Question {
            stop,
            ..question("Hm?")
        })
        .await;
    assert_eq!(
        (text.as_str(), stop_of(&end)),
        ("The quick brown fox jumps over a ", StopReason::StopString)
    );
    let (text, end) = stage
        .ask(Question {
            stop: vec!["foxes".to_owned()],
            ..question("Hm?")
        })
        .await;
    assert_eq!((text.as_str(), stop_of(&end)), (FOX, StopReason::End));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_as_long_as_was_asked() {
    let stage = Stage::with(&ModelFile::scripted(&Script::counting(200).unwrap())).await;
    for most in [1, 2, 17] {
        let (text, end) = stage
            .ask(Question {
                max_tokens: Some(most),
                ..question("Count.")
            })
            .await;
        let ReplyEvent::Done { stop, stats } = end else {
            panic!("{end:?}")
        };
        assert_eq!((stop, stats.reply_tokens), (StopReason::Length, most), "{text}");
        assert!(Script::counting(200).unwrap().text().starts_with(&text), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_ends_a_long_reply_and_leaves_the_engine_ready() {
    let slow = Shape {
        layers: 8,
        dim: 512,
        ..Shape::TINY
    };
    let stage = Stage::with(
        &ModelFile::scripted(&Script::counting(1500).unwrap())
            .shape(slow)
            .context(8192),
    )
    .await;
    let mut reply = stage.engine.generate(question("Count."));
    let mut before = String::new();
    while before.len() < 20 {
        match reply.next().await.unwrap() {
            ReplyEvent::Text(more) => before += &more,
            ReplyEvent::Started { .. } => {}
            end => panic!("{end:?}"),
        }
    }
    reply.cancel();
    let (after, end) = to_the_end(reply).await;
    assert_eq!(stop_of(&end), StopReason::Cancelled);
    let whole = Script::counting(1500).unwrap().text();
    let said = before + &after;
    assert!(
        whole.starts_with(&said) && said.len() < whole.len(),
        "{} of {}",
        said.len(),
        whole.len()
    );
    let (text, _) = stage
        .ask(Question {
            max_tokens: Some(5),
            ..question("Count again.")
        })
        .await;
    assert!(whole.starts_with(&text) && !text.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_is_kept_to_and_a_prompt_beyond_it_says_by_how_much() {
    let stage = Stage::with(&ModelFile::scripted(&Script::counting(200).unwrap()).context(96)).await;
    let short = question("Count.");
    let prompt = stage.engine.count(short.messages.clone()).await.unwrap();
    let (_, end) = stage.ask(short).await;
    let ReplyEvent::Done { stop, stats } = end else {
        panic!("{end:?}")
    };
    assert_eq!(
        (stop, stats.prompt_tokens, stats.reply_tokens),
        (StopReason::Length, prompt, 96 - prompt)
    );

    let long = question(&"word ".repeat(50));
    let prompt_tokens = stage.engine.count(long.messages.clone()).await.unwrap();
    let (text, end) = stage.ask(long).await;
    let fault = Fault::PromptTooLong {
        prompt_tokens,
        context: 96,
        over: prompt_tokens - 95,
    };
    assert_eq!((text.as_str(), end), ("", ReplyEvent::Failed(fault.into())));
    assert!(
        matches!(&*stage.engine.status().borrow(), EngineStatus::Ready(_)),
        "the model stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_chat_is_an_error_and_not_a_crash() {
    let stage = Stage::saying(FOX).await;
    let _ = stage.ask(Question::default()).await;
    assert_eq!(stage.ask(question("Still there?")).await.0, FOX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_cut_in_the_middle_of_a_character_ends_without_it() {
    let fox = "🦊".as_bytes();
    let script = Script::pieces([&b"A fox: "[..], &fox[..2], &fox[2..], b"!"]).unwrap();
    let stage = Stage::with(&ModelFile::scripted(&script)).await;
    let (text, end) = stage
        .ask(Question {
            max_tokens: Some(2),
            ..question("Which?")
        })
        .await;
    assert_eq!((text.as_str(), stop_of(&end)), ("A fox: ", StopReason::Length));
    assert_eq!(stage.ask(question("Which?")).await.0, "A fox: 🦊!");
}

/// Every bad file ends in a sentence, and a good one loads right after.
#[tokio::test(flavor = "multi_thread")]
async fn bad_files_are_refused_in_words_and_the_next_file_loads() {
    let stage = Stage::new();
    let good = stage.file("good.gguf");
    ModelFile::scripted(&Script::saying(FOX).unwrap())
        .write(&good)
        .unwrap();
    for bad in BadFile::ALL {
        let file = stage.file("bad.gguf");
        bad.write(&file).unwrap();
        let error = stage
            .engine
            .load(Chosen::files(vec![file]))
            .await
            .expect_err(&format!("{bad:?} loaded"));
        let EngineError::Fault(fault) = &error else {
            panic!("{bad:?} killed the worker: {error}")
        };
        use BadFile as Bad;
        let expected = match bad {
            Bad::Empty | Bad::NotGguf | Bad::OldVersion | Bad::FutureVersion => {
                matches!(fault, Fault::NotGguf { .. })
            }
            Bad::TruncatedHeader | Bad::TruncatedWeights => matches!(fault, Fault::Truncated { .. }),
            Bad::UnknownArchitecture => {
                matches!(fault, Fault::UnsupportedArchitecture { architecture, .. } if architecture == "cohere2")
            }
            Bad::Iq4XsTensor => {
                matches!(fault, Fault::UnsupportedTensor { tensor_type, .. } if tensor_type == "IQ4_XS")
            }
            Bad::Mxfp4Tensor => {
                matches!(fault, Fault::UnsupportedTensor { tensor_type, .. } if tensor_type == "MXFP4")
            }
            Bad::UnknownTensorType => matches!(fault, Fault::UnsupportedTensor { .. }),
            Bad::BadTemplate => matches!(fault, Fault::BadTemplate { .. }),
            Bad::NoArchitecture
            | Bad::NoTokeniser
            | Bad::AbsurdTensorCount
            | Bad::AbsurdKeyCount
            | Bad::AbsurdTextLength
            | Bad::AbsurdArrayLength
            | Bad::AbsurdDimensions
            | Bad::OffsetBeyondEnd
            | Bad::NarrowEmbeddings
            | Bad::MissingLayer => true,
        };
        assert!(expected, "{bad:?}: {fault:?}");
        let sentence = error.to_string();
        assert!(
            sentence.len() > 40 && sentence.ends_with('.') && !sentence.contains("panicked"),
            "{bad:?}: {sentence}"
        );
        eprintln!("{bad:?}: {sentence}");
    }
    stage.engine.load(Chosen::files(vec![good])).await.unwrap();
    assert_eq!(stage.ask(question("And now?")).await.0, FOX);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_named() {
    let stage = Stage::new();
    let gone = stage.file("gone.gguf");
    let error = stage
        .engine
        .load(Chosen::files(vec![gone.clone()]))
        .await
        .unwrap_err();
    assert_eq!(error, Fault::FileMissing { path: gone }.into());
}

/// Nothing of mistral.rs or hf-hub may look for a network or write outside the folder it was given.
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_writes_nowhere_but_in_its_own_folder() {
    let stage = Stage::saying(FOX).await;
    assert_eq!(stage.ask(question("Hm?")).await.0, FOX);
    let names = std::fs::read_dir(stage.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    assert!(
        names == ["home", "model.gguf"] || names == ["model.gguf"],
        "{names:?}"
    );
}

#[tokio::test]
async fn this_computer_is_measured() {
    let stage = Stage::new();
    let speeds = hearth_engine::measure(&stage.config).await.unwrap();
    assert!(speeds.threads >= 1);
    for speed in [
        speeds.read_bytes_per_second,
        speeds.matvec_bytes_per_second,
        speeds.prompt_weights_per_second,
        speeds.layer_seconds,
        speeds.prompt_numbers_per_second,
        speeds.key_numbers_per_second,
        speeds.attention_numbers_per_second,
        speeds.prompt_attention_per_second,
    ] {
        assert!(speed.is_finite() && speed > 0.0, "{speeds:?}");
    }
}

#[tokio::test]
async fn a_model_split_over_files_answers_and_a_missing_part_is_named() {
    let stage = Stage::new();
    let model = ModelFile::scripted(&Script::saying(FOX).unwrap()).to_gguf();
    let files = model.write_split(stage.folder(), "fox", 3).unwrap();
    stage.engine.load(Chosen::files(files.clone())).await.unwrap();
    let (text, _) = stage.ask(question("Tell me")).await;
    assert_eq!(text, FOX);

    let error = stage
        .engine
        .load(Chosen::files(files[..1].to_vec()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("3 files"), "{error}");
    std::fs::remove_file(&files[2]).unwrap();
    let error = stage.engine.load(Chosen::files(files.clone())).await.unwrap_err();
    assert_eq!(
        error,
        EngineError::Fault(Fault::FileMissing {
            path: files[2].clone()
        })
    );
}
