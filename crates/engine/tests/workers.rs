//! Which of several workers computes: the best that starts, and the processor's where the graphics card cannot.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "common/chat.rs"]
mod chat;
#[path = "common/scripted.rs"]
mod scripted;

use std::path::Path;

use hearth_engine::protocol::Fault;
use hearth_engine::{Backend, Candidate, Card, Chosen, Engine, EngineStatus, Ready, ReplyEvent};

use crate::chat::{question, to_the_end};
use crate::scripted::{Stage, until};

impl Stage {
    /// A worker of this behaviour for NVIDIA's cards, before a good one for the processor.
    fn with_card(behaviour: &str) -> Self {
        let mut stage = Self::with("good");
        let card = stage.card(behaviour);
        stage.config.workers.insert(0, card);
        stage
    }

    fn card(&self, behaviour: &str) -> Candidate {
        Candidate {
            backend: Backend::Cuda,
            program: self.worker(&format!("{behaviour}-cuda")),
            card: Some(Card {
                name: "RTX 3060".to_owned(),
                id: None,
            }),
        }
    }
}

async fn load(engine: &Engine, model: &Path) -> Ready {
    let chosen = Chosen {
        card_layers: Some(24),
        ..Chosen::files(vec![model.to_path_buf()])
    };
    engine.load(chosen).await.unwrap();
    match &*engine.status().borrow() {
        EngineStatus::Ready(ready) => ready.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_first_worker_that_starts_computes() {
    let stage = Stage::with_card("good");
    let engine = stage.engine();
    let ready = load(&engine, &stage.model()).await;
    assert_eq!(ready.backend, "cuda");
    assert_eq!(ready.card.as_deref(), Some("RTX 3060"));
    assert_eq!(ready.notice, None);
    assert_eq!((ready.model.card_layers, ready.model.layers), (24, 32));
    assert_eq!(engine.passed_over(), []);
}

#[tokio::test]
async fn without_a_driver_the_processor_answers_and_says_why() {
    let stage = Stage::with_card("has_no_driver");
    let engine = stage.engine();
    let ready = load(&engine, &stage.model()).await;
    assert_eq!((ready.backend.as_str(), &ready.card), ("cpu", &None));
    assert_eq!(
        ready.notice.as_deref(),
        Some(
            "The graphics card RTX 3060 could not be used (error while loading shared libraries: libcuda.so.1: cannot \
             open shared object file); answering on the processor."
        )
    );
    assert_eq!(ready.model.card_layers, 0);
    assert!(matches!(
        to_the_end(engine.generate(question("Hello"))).await.1,
        ReplyEvent::Done { .. }
    ));
}

#[tokio::test]
async fn a_card_that_failed_once_is_not_tried_again_before_it_is_chosen_again() {
    for behaviour in [
        "dies_loading",
        "has_a_broken_card",
        "silent",
        "from_another_release",
    ] {
        let mut stage = Stage::with_card(behaviour);
        stage.config.hello_within = std::time::Duration::from_secs(2);
        let engine = stage.engine();
        let first = load(&engine, &stage.model()).await;
        assert_eq!(first.backend, "cpu", "{behaviour}");
        assert!(first.notice.is_some(), "{behaviour}");
        assert_eq!(engine.passed_over().len(), 1, "{behaviour}");

        // Were it tried again, it would now be passed over because it is not there.
        std::fs::remove_file(&stage.config.workers[0].program).unwrap();
        assert_eq!(load(&engine, &stage.model()).await, first, "{behaviour}");
        assert_eq!(engine.passed_over().len(), 1, "{behaviour}");

        let mut workers = stage.config.workers.clone();
        workers[0] = Candidate {
            program: stage.worker("good-cuda"),
            ..workers[0].clone()
        };
        engine.set_workers(workers);
        assert_eq!(load(&engine, &stage.model()).await.backend, "cuda", "{behaviour}");
    }
}

#[tokio::test]
async fn a_model_too_large_for_the_card_leaves_it_to_smaller_ones() {
    let stage = Stage::with_card("has_little_memory");
    let engine = stage.engine();
    let large = load(&engine, &stage.model()).await;
    assert_eq!(large.backend, "cpu");
    let notice = large.notice.unwrap();
    assert!(notice.contains("its memory is full: out of memory"), "{notice}");
    let small = stage.path("small.gguf");
    std::fs::write(&small, "").unwrap();
    let small = load(&engine, &small).await;
    assert_eq!((small.backend.as_str(), small.notice), ("cuda", None));
}

#[tokio::test]
async fn a_model_of_which_no_layer_finds_room_leaves_the_card_alone() {
    let stage = Stage::with_card("has_no_driver");
    let engine = stage.engine();
    let chosen = Chosen {
        card_layers: Some(0),
        ..Chosen::files(vec![stage.model()])
    };
    engine.load(chosen).await.unwrap();
    let EngineStatus::Ready(ready) = engine.status().borrow().clone() else {
        panic!("it is not ready")
    };
    assert_eq!(ready.backend, "cpu");
    let notice = ready.notice.unwrap();
    assert!(notice.contains("no room for this model"), "{notice}");
    assert_eq!(engine.passed_over(), []);
}

#[tokio::test]
async fn a_model_that_is_at_fault_itself_is_not_tried_elsewhere() {
    let stage = Stage::with_card("good");
    let engine = stage.engine();
    let gone = stage.path("gone.gguf");
    let error = engine.load(Chosen::files(vec![gone.clone()])).await.unwrap_err();
    assert_eq!(error, Fault::FileMissing { path: gone }.into());
    assert_eq!(engine.passed_over(), []);
}

#[tokio::test]
async fn who_chooses_the_processor_hears_nothing_of_the_card() {
    let stage = Stage::with_card("has_no_driver");
    let engine = stage.engine();
    let mut workers = stage.config.workers.clone();
    engine.set_workers(workers.split_off(1));
    let ready = load(&engine, &stage.model()).await;
    assert_eq!((ready.backend.as_str(), ready.notice), ("cpu", None));
}

#[tokio::test]
async fn a_processor_s_worker_that_lacks_a_library_is_passed_over_in_silence() {
    let mut stage = Stage::with("good");
    let mkl = Candidate {
        backend: Backend::Mkl,
        ..Candidate::processor(stage.worker("has_no_driver-mkl"))
    };
    stage.config.workers.insert(0, mkl);
    let ready = load(&stage.engine(), &stage.model()).await;
    assert_eq!((ready.backend.as_str(), ready.notice), ("cpu", None));
}

#[tokio::test]
async fn a_card_that_fails_at_every_reply_leaves_the_model_to_the_processor() {
    let stage = Stage::with_card("dies_answering");
    let engine = stage.engine();
    load(&engine, &stage.model()).await;
    for backend in ["cuda", "cpu"] {
        let (_, end) = to_the_end(engine.generate(question("Hello"))).await;
        assert!(matches!(end, ReplyEvent::Failed(_)), "{end:?}");
        let status = until(
            &engine,
            |status| matches!(status, EngineStatus::Ready(ready) if ready.backend == backend),
        )
        .await;
        let EngineStatus::Ready(ready) = status else {
            unreachable!()
        };
        assert_eq!(ready.notice.is_some(), backend == "cpu");
    }
    assert!(matches!(
        to_the_end(engine.generate(question("Hello"))).await.1,
        ReplyEvent::Done { .. }
    ));
}

#[test]
fn workers_are_found_by_their_names_beside_the_processor_s() {
    let stage = Stage::with("hearth_worker");
    let processor = &stage.config.workers[0].program;
    assert_eq!(Backend::beside(processor), [Backend::Cpu]);
    let cuda = stage.worker("hearth_worker-cuda");
    stage.worker("hearth_worker-mkl");
    assert_eq!(
        Backend::beside(processor),
        [Backend::Cuda, Backend::Mkl, Backend::Cpu]
    );
    assert_eq!(Backend::Cuda.program(processor), cuda);
}
