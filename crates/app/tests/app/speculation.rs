//! Drafts, what they bring, and the threads that it was measured with.

use std::path::PathBuf;
use std::time::Duration;

use hearth_app::{App, EngineState, ErrorCode, ModelSpeculation, Settings};
use hearth_store::MessageStatus;

use crate::{FOX, Home, ended, settled};

fn bard_draft() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models/bard-draft-Q8_0.gguf")
}

async fn speculation_of(app: &App, id: &str) -> ModelSpeculation {
    let entries = app.library().await.unwrap();
    let found = entries.into_iter().find(|entry| entry.model.id == id);
    found.unwrap().speculation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_model_of_the_same_vocabulary_can_draft_for_a_larger_one() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let models = app.models().await.unwrap();
    let bard = models.iter().find(|model| model.built_in).unwrap().id.clone();
    let fox = models.iter().find(|model| !model.built_in).unwrap().id.clone();
    assert!(speculation_of(&app, &bard).await.drafts.is_empty());

    let file = home.folder.path().join("draft.gguf");
    std::fs::copy(bard_draft(), &file).unwrap();
    let draft = app.remember_model(file.clone()).await.unwrap().id;
    let found = speculation_of(&app, &bard).await;
    assert_eq!(found.drafts.len(), 1);
    assert_eq!((found.enabled, found.draft), (true, None));
    for (target, other) in [(&bard, &fox), (&draft, &bard)] {
        let refused = app.set_speculation(target, true, Some(other)).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidInput, "{}", refused.message);
    }

    app.set_speculation(&bard, true, Some(&draft)).await.unwrap();
    let verdict = |app: App, id: String| async move { app.price_model(&id, 512).await.unwrap() };
    assert!(verdict(app.clone(), bard.clone()).await.memory.draft_bytes > 0);
    app.load_model(&bard).await.unwrap();
    let state = settled(&app).await;
    assert!(matches!(state, EngineState::Ready { .. }), "{state:?}");

    // A draft that has gone is done without, and one that is taken off the list is forgotten.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(speculation_of(&app, &bard).await.draft, None);
    assert_eq!(verdict(app.clone(), bard.clone()).await.memory.draft_bytes, 0);
    app.forget_model(&draft).await.unwrap();
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Who is there?").await.unwrap();
    let (_, reply) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(reply.status, MessageStatus::Complete, "{:?}", reply.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_guessing_ahead_brings_is_measured_kept_and_can_be_stopped() {
    let home = Home::new();
    let app = home.open().await;
    let bard = app.models().await.unwrap().remove(0).id;
    let draft = home.folder.path().join("draft.gguf");
    std::fs::copy(bard_draft(), &draft).unwrap();
    let draft = app.remember_model(draft).await.unwrap().id;
    app.set_speculation(&bard, true, Some(&draft)).await.unwrap();

    let measuring = tokio::spawn({
        let (app, bard) = (app.clone(), bard.clone());
        async move { app.measure_speculation(&bard).await }
    });
    let mut seen = false;
    while !measuring.is_finished() {
        seen |= matches!(app.engine_state(), EngineState::Measuring { .. });
        if seen {
            let refused = app.measure_speculation(&bard).await.unwrap_err();
            assert_eq!(refused.code, ErrorCode::Busy);
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let measured = measuring.await.unwrap().unwrap().unwrap();
    assert!(seen, "the state said so");
    assert!(measured.plain_tokens_per_second > 0.0 && measured.tokens_per_second > 0.0);
    assert_eq!(speculation_of(&app, &bard).await.measured, Some(measured));
    assert!(matches!(app.engine_state(), EngineState::Ready { .. }));
    // What was measured with a draft says nothing of the chat alone.
    app.set_speculation(&bard, true, None).await.unwrap();
    assert_eq!(speculation_of(&app, &bard).await.measured, None);

    let stopped = tokio::spawn({
        let (app, bard) = (app.clone(), bard.clone());
        async move { app.measure_speculation(&bard).await }
    });
    while !stopped.is_finished() {
        app.stop_measuring();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(stopped.await.unwrap().unwrap(), None);
    assert_eq!(speculation_of(&app, &bard).await.measuring, None);

    app.set_speculation(&bard, false, None).await.unwrap();
    let refused = app.measure_speculation(&bard).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidInput);
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_holds_for_one_number_of_threads() {
    let home = Home::new();
    let app = home.open().await;
    for threads in [0, 100_000] {
        let nonsense = Settings {
            threads: Some(threads),
            ..app.settings().await.unwrap()
        };
        let refused = app.set_settings(nonsense).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidInput);
    }
    let before = app.measure_computer().await.unwrap().speeds.unwrap();
    let other = if before.threads == 1 { None } else { Some(1) };
    let set = |threads| {
        let app = app.clone();
        async move {
            let settings = app.settings().await.unwrap();
            app.set_settings(Settings { threads, ..settings }).await.unwrap();
            app.this_computer().await.speeds
        }
    };
    if let Some(one) = other {
        assert_eq!(set(Some(one)).await, None);
        assert_eq!(set(None).await, Some(before));
    }
}
