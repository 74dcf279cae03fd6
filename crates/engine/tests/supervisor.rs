//! The supervisor against workers that misbehave in every way seen in the field.

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
use std::time::Duration;

use hearth_engine::protocol::{Fault, StopReason};
use hearth_engine::{
    Candidate, Chosen, Engine, EngineError, EngineStatus, Question, ReplyEvent, WorkerError,
};
use tokio::sync::mpsc;

use crate::chat::{question, to_the_end};
use crate::scripted::{Stage, until};

impl Stage {
    async fn loaded(&self) -> Engine {
        let engine = self.engine();
        engine.load(Chosen::files(vec![self.model()])).await.unwrap();
        engine
    }

    /// Why the model was not loaded.
    async fn refused(&self) -> EngineError {
        let loading = self.engine().load(Chosen::files(vec![self.model()])).await;
        loading.unwrap_err()
    }
}

fn hello() -> Question {
    question("Hello")
}

fn words(count: usize) -> String {
    (0..count).map(|word| format!("{word} ")).collect()
}

#[tokio::test]
async fn a_good_worker_loads_answers_counts_and_unloads() {
    let stage = Stage::with("good");
    let engine = stage.engine();
    assert_eq!(*engine.status().borrow(), EngineStatus::Empty);
    assert_eq!(
        engine
            .load(Chosen::files(vec![stage.model()]))
            .await
            .unwrap()
            .context,
        100
    );
    assert!(matches!(&*engine.status().borrow(), EngineStatus::Ready(ready) if ready.backend == "cpu"));
    let (text, end) = to_the_end(engine.generate(hello())).await;
    assert_eq!(text, words(20));
    assert!(matches!(
        end,
        ReplyEvent::Done {
            stop: StopReason::End,
            ..
        }
    ));
    assert_eq!(engine.count(hello().messages).await.unwrap(), 1);
    engine.unload().await;
    assert_eq!(*engine.status().borrow(), EngineStatus::Empty);
    let (_, end) = to_the_end(engine.generate(hello())).await;
    assert_eq!(end, ReplyEvent::Failed(Fault::NoModel.into()));
}

#[tokio::test]
async fn a_cancelled_reply_ends_and_the_next_one_is_whole() {
    let engine = Stage::with("good").loaded().await;
    let mut reply = engine.generate(hello());
    while !matches!(reply.next().await, Some(ReplyEvent::Text(_))) {}
    reply.cancel();
    assert!(matches!(
        to_the_end(reply).await.1,
        ReplyEvent::Done {
            stop: StopReason::Cancelled,
            ..
        }
    ));
    let mut dropped = engine.generate(hello());
    dropped.next().await;
    drop(dropped);
    until(&engine, |status| matches!(status, EngineStatus::Ready(_))).await;
    assert_eq!(to_the_end(engine.generate(hello())).await.0, words(20));
}

#[tokio::test]
async fn a_second_question_at_once_is_refused_and_the_first_goes_on() {
    let engine = Stage::with("good").loaded().await;
    let first = engine.generate(hello());
    let second = to_the_end(engine.generate(hello())).await;
    assert_eq!(second.1, ReplyEvent::Failed(Fault::Busy.into()));
    assert_eq!(to_the_end(first).await.0, words(20));
}

#[tokio::test]
async fn garbage_between_events_is_passed_over() {
    let engine = Stage::with("prints_garbage").loaded().await;
    let (text, end) = to_the_end(engine.generate(hello())).await;
    assert_eq!(text, words(20));
    assert!(matches!(end, ReplyEvent::Done { .. }));
}

#[tokio::test]
async fn a_silent_worker_is_given_up() {
    let mut stage = Stage::with("silent");
    stage.config.hello_within = Duration::from_millis(300);
    let error = stage.refused().await;
    assert!(
        matches!(error, EngineError::Worker(WorkerError::Misbehaved { .. })),
        "{error}"
    );
}

#[tokio::test]
async fn a_worker_of_another_release_is_refused() {
    let stage = Stage::with("from_another_release");
    let error = stage.refused().await;
    assert_eq!(error, WorkerError::OtherVersion { found: 99 }.into());
}

#[tokio::test]
async fn a_missing_worker_says_where_it_should_be() {
    let mut stage = Stage::with("good");
    let nowhere = Path::new("/nowhere/hearth-worker").to_owned();
    stage.config.workers = vec![Candidate::processor(nowhere)];
    let error = stage.refused().await;
    assert!(error.to_string().contains("hearth-worker"), "{error}");
}

#[tokio::test]
async fn a_file_that_fails_says_so_and_the_next_one_loads() {
    let stage = Stage::with("good");
    let engine = stage.engine();
    let gone = stage.path("gone.gguf");
    let error = engine.load(Chosen::files(vec![gone.clone()])).await.unwrap_err();
    assert_eq!(error, Fault::FileMissing { path: gone.clone() }.into());
    assert_eq!(
        *engine.status().borrow(),
        EngineStatus::Failed { path: gone, error }
    );
    engine.load(Chosen::files(vec![stage.model()])).await.unwrap();
}

#[tokio::test]
async fn a_death_in_mid_reply_is_told_and_the_worker_starts_once_more() {
    let stage = Stage::with("dies_answering_once");
    let engine = stage.loaded().await;
    let (text, end) = to_the_end(engine.generate(hello())).await;
    assert_eq!(text, words(3));
    let ReplyEvent::Failed(error) = end else {
        panic!("{end:?}")
    };
    assert!(error.to_string().contains("exit status 3"), "{error}");
    assert!(error.to_string().contains("I am slain, once"), "{error}");
    until(&engine, |status| matches!(status, EngineStatus::Ready(_))).await;
    assert_eq!(to_the_end(engine.generate(hello())).await.0, words(20));
}

#[tokio::test]
async fn a_worker_that_dies_at_every_reply_is_not_restarted_for_ever() {
    let stage = Stage::with("dies_answering");
    let engine = stage.loaded().await;
    for _ in 0..2 {
        assert!(matches!(
            to_the_end(engine.generate(hello())).await.1,
            ReplyEvent::Failed(_)
        ));
        until(&engine, |status| {
            matches!(status, EngineStatus::Ready(_) | EngineStatus::Failed { .. })
        })
        .await;
    }
    assert!(matches!(&*engine.status().borrow(), EngineStatus::Failed { .. }));
}

#[tokio::test]
async fn a_worker_that_dies_idle_is_restarted_once() {
    let stage = Stage::with("dies_idle");
    let engine = stage.loaded().await;
    let status = until(&engine, |status| matches!(status, EngineStatus::Failed { .. })).await;
    let EngineStatus::Failed { error, .. } = status else {
        unreachable!()
    };
    assert!(error.to_string().contains("nobody asked"), "{error}");
}

#[tokio::test]
async fn a_worker_that_dies_loading_is_not_restarted() {
    let stage = Stage::with("dies_loading");
    let error = stage.refused().await;
    assert!(error.to_string().contains("exit status 3"), "{error}");
}

#[tokio::test]
async fn a_line_without_end_ends_the_worker() {
    let engine = Stage::with("prints_a_long_line").loaded().await;
    let (text, end) = to_the_end(engine.generate(hello())).await;
    assert_eq!(text, words(3));
    assert!(
        matches!(
            end,
            ReplyEvent::Failed(EngineError::Worker(WorkerError::Misbehaved { .. }))
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_worker_that_does_not_stop_when_told_is_ended() {
    let engine = Stage::with("deaf").loaded().await;
    let mut reply = engine.generate(hello());
    reply.next().await;
    reply.cancel();
    let (_, end) = to_the_end(reply).await;
    assert!(
        matches!(
            end,
            ReplyEvent::Failed(EngineError::Worker(WorkerError::Misbehaved { .. }))
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn another_model_or_an_unload_ends_what_is_going_on() {
    let stage = Stage::with("loads_for_ever");
    let engine = stage.engine();
    let loading = tokio::spawn({
        let (engine, model) = (engine.clone(), stage.model());
        async move { engine.load(Chosen::files(vec![model])).await }
    });
    until(
        &engine,
        |status| matches!(status, EngineStatus::Loading { fraction, .. } if *fraction > 0.0),
    )
    .await;
    engine.unload().await;
    assert_eq!(loading.await.unwrap(), Err(EngineError::Replaced));
    assert_eq!(*engine.status().borrow(), EngineStatus::Empty);

    let stage = Stage::with("good");
    let engine = stage.loaded().await;
    let mut reply = engine.generate(hello());
    reply.next().await;
    engine.load(Chosen::files(vec![stage.model()])).await.unwrap();
    assert_eq!(
        to_the_end(reply).await.1,
        ReplyEvent::Failed(EngineError::Replaced)
    );
}

#[tokio::test]
async fn an_unused_model_leaves_memory_and_comes_back_when_asked() {
    let mut stage = Stage::with("good");
    stage.config.idle_unload = Some(Duration::from_millis(200));
    let engine = stage.loaded().await;
    let status = until(&engine, |status| matches!(status, EngineStatus::Asleep { .. })).await;
    assert_eq!(status, EngineStatus::Asleep { path: stage.model() });
    assert_eq!(to_the_end(engine.generate(hello())).await.0, words(20));
}

#[tokio::test]
async fn a_question_asked_while_a_model_is_kept_is_answered_after_it() {
    let stage = Stage::with("keeps");
    let engine = stage.loaded().await;
    let (progress, mut told) = mpsc::unbounded_channel();
    let keep = engine.keep(stage.path("kept"), progress);
    let ask = async {
        assert!(told.recv().await.is_some(), "it has begun");
        to_the_end(engine.generate(question("How many?"))).await
    };
    let (kept, (text, end)) = tokio::join!(keep, ask);
    assert_eq!(kept.unwrap(), 7);
    assert!(
        text.starts_with("0 1 2") && matches!(end, ReplyEvent::Done { .. }),
        "{end:?}"
    );
}

#[tokio::test]
async fn who_stops_waiting_for_a_model_to_be_kept_stops_it() {
    let stage = Stage::with("keeps");
    let engine = stage.loaded().await;
    let (progress, mut told) = mpsc::unbounded_channel();
    {
        let keep = engine.keep(stage.path("kept"), progress);
        tokio::pin!(keep);
        tokio::select! {
            kept = &mut keep => panic!("it was kept: {kept:?}"),
            fraction = told.recv() => assert!(fraction.is_some()),
        }
    }
    let (_, end) = to_the_end(engine.generate(question("Still there?"))).await;
    assert!(matches!(end, ReplyEvent::Done { .. }), "{end:?}");
    let mut steps = 1;
    while told.recv().await.is_some() {
        steps += 1;
    }
    assert!(steps < 20, "it went on to the end");
}

#[tokio::test]
async fn a_death_while_a_model_is_kept_is_told_and_the_model_loaded_again() {
    let stage = Stage::with("dies_keeping");
    let engine = stage.loaded().await;
    let (progress, _told) = mpsc::unbounded_channel();
    let kept = engine.keep(stage.path("kept"), progress).await;
    let error = kept.unwrap_err();
    assert!(
        matches!(error, EngineError::Worker(WorkerError::Died { .. })),
        "{error:?}"
    );
    let (_, end) = to_the_end(engine.generate(question("Still there?"))).await;
    assert!(matches!(end, ReplyEvent::Done { .. }), "{end:?}");
}
