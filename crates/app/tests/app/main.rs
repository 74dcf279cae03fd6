//! The use cases on a real database and the real worker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cards;
mod safetensors;
mod speculation;
mod uqff;

use std::path::PathBuf;
use std::time::Duration;

use hearth_app::{App, AppConfig, AppEvent, EngineState, ErrorCode, Settings, Subscription};
use hearth_fixtures::{BadFile, ModelFile, Script, Shape, Value};
use hearth_store::{Message, MessageStatus, StopReason};
use tempfile::TempDir;

const FOX: &str = "The quick brown fox jumps over a lazy dog.";
/// Enough for a slow machine; a test that is right never waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    async fn open(&self) -> App {
        App::open(self.config()).await
    }

    fn config(&self) -> AppConfig {
        let tests = std::env::current_exe().unwrap();
        let worker = tests
            .parent()
            .unwrap()
            .with_file_name(format!("hearth-worker{}", std::env::consts::EXE_SUFFIX));
        assert!(
            worker.exists(),
            "{} is put there by `cargo xtask test`",
            worker.display()
        );
        let built_in_model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf");
        AppConfig {
            hub_cache: Some(self.folder.path().join("hub")),
            // Nothing listens there: these tests are about what works without the Hub.
            hub_endpoint: Some("http://127.0.0.1:9".to_owned()),
            ..AppConfig::new(self.folder.path().join("data"), worker, built_in_model)
        }
    }

    /// An app that has opened a model which says `script`.
    async fn with(&self, model: &ModelFile) -> App {
        let app = self.open().await;
        let file = self.folder.path().join("model.gguf");
        model.write(&file).unwrap();
        let model = app.remember_model(file).await.unwrap();
        app.load_model(&model.id).await.unwrap();
        app
    }

    async fn saying(&self, text: &str) -> App {
        self.with(&ModelFile::scripted(&Script::saying(text).unwrap()))
            .await
    }

    /// An app whose model counts slowly enough to be caught at it.
    async fn counting(&self) -> App {
        let slow = Shape {
            layers: 8,
            dim: 512,
            ..Shape::TINY
        };
        self.with(
            &ModelFile::scripted(&Script::counting(1500).unwrap())
                .shape(slow)
                .context(8192),
        )
        .await
    }
}

/// The reply's end, and its text as the events told it.
async fn ended(events: &mut Subscription, reply: &str) -> (String, Message) {
    let mut text = String::new();
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next())
            .await
            .expect("the reply ends")
            .unwrap();
        match event {
            AppEvent::ReplyText {
                message_id,
                offset,
                text: more,
                ..
            } if message_id == reply => {
                assert_eq!(
                    offset,
                    text.encode_utf16().count(),
                    "pieces come in order and without a gap"
                );
                text += &more;
            }
            AppEvent::ReplyDone { message, .. } if message.id == reply => return (text, message),
            _ => {}
        }
    }
}

async fn begun(events: &mut Subscription, reply: &str) {
    loop {
        let event = tokio::time::timeout(PATIENCE, events.next())
            .await
            .expect("the reply begins")
            .unwrap();
        if matches!(event, AppEvent::ReplyText { message_id, .. } if message_id == reply) {
            return;
        }
    }
}

async fn settled(app: &App) -> EngineState {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let state = app.engine_state();
        if !matches!(
            state,
            EngineState::Loading { .. } | EngineState::Asleep { .. } | EngineState::NoModel
        ) {
            return state;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "the engine settles: {state:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_has_the_built_in_model_and_nothing_else() {
    let home = Home::new();
    let app = home.open().await;
    let start = app.start().await;
    assert!(start.chats.is_empty() && start.store_fault.is_none());
    assert_eq!(start.engine, EngineState::NoModel);
    let [bard] = start.models.as_slice() else {
        panic!("{:?}", start.models)
    };
    assert!(bard.built_in && !bard.missing && bard.name == "Bard", "{bard:?}");
    let chat = app.create_chat().await.unwrap();
    assert_eq!(
        app.send(&chat.id, "Hello").await.unwrap_err().code,
        ErrorCode::NoModel
    );
    assert!(
        app.open_chat(&chat.id).await.unwrap().is_empty(),
        "a refused question leaves no rows"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_kept_and_found_again() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app
        .send(&chat.id, "  What does the fox do?\nTell me.  ")
        .await
        .unwrap();
    assert_eq!(turn.chat.title, "What does the fox do?");
    let (told, reply) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(
        (told.as_str(), reply.content.as_str(), reply.status),
        (FOX, FOX, MessageStatus::Complete)
    );
    let stats = reply.stats.unwrap();
    assert!(
        stats.stop == StopReason::End && stats.tokens_per_second > 0.0,
        "{stats:?}"
    );
    app.close().await;
    drop(app);

    let app = home.open().await;
    let start = app.start().await;
    assert!(
        matches!(start.engine, EngineState::Asleep { .. }),
        "the last model waits: {:?}",
        start.engine
    );
    let messages = app.open_chat(&start.chats[0].id).await.unwrap();
    assert_eq!(
        messages
            .iter()
            .map(|message| message.content.as_str())
            .collect::<Vec<_>>(),
        ["What does the fox do?\nTell me.", FOX]
    );
    let mut events = app.subscribe();
    let turn = app.send(&chat.id, "Once more?").await.unwrap();
    assert_eq!(
        ended(&mut events, &turn.reply.id).await.0,
        FOX,
        "the next question wakes it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerating_and_editing_keep_what_was_before() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "One?").await.unwrap();
    ended(&mut events, &turn.reply.id).await;
    let again = app.regenerate(&turn.reply.id).await.unwrap();
    let (_, again) = ended(&mut events, &again.id).await;
    assert_eq!(again.siblings, [turn.reply.id.clone(), again.id.clone()]);
    let edited = app.edit_and_resend(&turn.user.id, "Two?").await.unwrap();
    ended(&mut events, &edited.reply.id).await;
    assert_eq!(edited.user.siblings.len(), 2);
    let back = app.choose_branch(&turn.user.id).await.unwrap();
    assert_eq!(back.last().unwrap().id, again.id, "the branch as it was left");
    assert_eq!(
        app.regenerate(&turn.user.id).await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
    assert_eq!(
        app.edit_and_resend(&again.id, "x").await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_reply_stops_when_told_and_a_second_click_is_refused() {
    let home = Home::new();
    let app = home.counting().await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Count.").await.unwrap();
    assert_eq!(
        app.send(&chat.id, "Count.").await.unwrap_err().code,
        ErrorCode::Busy
    );
    assert_eq!(
        app.regenerate(&turn.reply.id).await.unwrap_err().code,
        ErrorCode::Busy
    );
    begun(&mut events, &turn.reply.id).await;
    let open = app.open_chat(&chat.id).await.unwrap();
    assert!(
        !open[1].content.is_empty() && open[1].status == MessageStatus::Streaming,
        "seen while it is written"
    );
    app.stop(&turn.reply.id);
    app.stop(&turn.reply.id);
    let mut last = None;
    while last.is_none() {
        if let Some(AppEvent::ReplyDone { message, .. }) = events.next().await {
            last = Some(message);
        }
    }
    let reply = last.unwrap();
    let whole = Script::counting(1500).unwrap().text();
    assert_eq!(reply.status, MessageStatus::Stopped);
    assert!(
        whole.starts_with(&reply.content) && reply.content.len() < whole.len(),
        "{}",
        reply.content.len()
    );
    assert_eq!(app.open_chat(&chat.id).await.unwrap()[1], reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_chat_stops_its_reply_and_can_be_undone() {
    let home = Home::new();
    let app = home.counting().await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Count.").await.unwrap();
    begun(&mut events, &turn.reply.id).await;
    app.delete_chat(&chat.id).await.unwrap();
    while !matches!(events.next().await, Some(AppEvent::ReplyDone { .. })) {}
    assert!(app.start().await.chats.is_empty());
    app.restore_chat(&chat.id).await.unwrap();
    assert_eq!(
        app.open_chat(&chat.id).await.unwrap()[1].status,
        MessageStatus::Stopped
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_too_long_for_the_context_says_by_how_much() {
    let home = Home::new();
    let app = home
        .with(&ModelFile::scripted(&Script::saying(FOX).unwrap()).context(64))
        .await;
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, &"word ".repeat(40)).await.unwrap();
    let (_, reply) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(reply.status, MessageStatus::Error);
    assert!(
        reply
            .error
            .as_ref()
            .is_some_and(|error| error.contains("tokens too long")),
        "{reply:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretched_model_is_loaded_with_the_context_that_the_engine_runs_it_in() {
    let home = Home::new();
    let app = home.open().await;
    app.set_settings(Settings {
        context: Some(4096),
        ..app.settings().await.unwrap()
    })
    .await
    .unwrap();
    let mut gguf = ModelFile::scripted(&Script::saying(FOX).unwrap())
        .context(4096)
        .to_gguf();
    let scaling = |key: &str| format!("{}.rope.scaling.{key}", Shape::TINY.architecture.name());
    gguf.metadata.push((scaling("factor"), Value::F32(4.0)));
    gguf.metadata
        .push((scaling("type"), Value::Text("longrope".to_owned())));
    let file = home.folder.path().join("stretched.gguf");
    gguf.write(&file).unwrap();
    let model = app.remember_model(file).await.unwrap();
    app.load_model(&model.id).await.unwrap();
    let state = settled(&app).await;
    assert!(
        matches!(state, EngineState::Ready { context: 1024, .. }),
        "{state:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_run_say_so_by_code() {
    let home = Home::new();
    let app = home.open().await;
    let file = home.folder.path().join("picked.gguf");
    for (bad, code) in [
        (BadFile::NotGguf, ErrorCode::NotGguf),
        (BadFile::TruncatedWeights, ErrorCode::TruncatedFile),
    ] {
        bad.write(&file).unwrap();
        assert_eq!(app.remember_model(file.clone()).await.unwrap_err().code, code);
    }
    assert_eq!(
        app.remember_model(home.folder.path().join("none.gguf"))
            .await
            .unwrap_err()
            .code,
        ErrorCode::FileMissing
    );
    for (bad, expected) in [
        (BadFile::UnknownArchitecture, ErrorCode::UnsupportedArchitecture),
        (BadFile::Iq4XsTensor, ErrorCode::UnsupportedTensor),
        (BadFile::BadTemplate, ErrorCode::BadTemplate),
    ] {
        bad.write(&file).unwrap();
        let model = app.remember_model(file.clone()).await.unwrap();
        app.load_model(&model.id).await.unwrap();
        let state = settled(&app).await;
        let EngineState::Failed {
            error,
            model: Some(_),
        } = state
        else {
            panic!("{bad:?}: {state:?}")
        };
        assert_eq!(error.code, expected);
        app.forget_model(&model.id).await.unwrap();
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(
        app.models().await.unwrap().len(),
        1,
        "only the built-in one is left"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_deleted_after_it_was_picked_is_named_when_it_is_needed() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    settled(&app).await;
    app.unload_model().await;
    std::fs::remove_file(home.folder.path().join("model.gguf")).unwrap();
    assert!(app.models().await.unwrap()[0].missing);
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "Hello?").await.unwrap();
    let (_, reply) = ended(&mut events, &turn.reply.id).await;
    assert!(
        reply
            .error
            .as_ref()
            .is_some_and(|error| error.contains("model.gguf")),
        "{reply:?}"
    );
    assert_eq!(
        app.open_chat(&chat.id).await.unwrap()[0].content,
        "Hello?",
        "the question is kept"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_told_set_aside_and_kept() {
    let home = Home::new();
    let data = home.folder.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("hearth.db"), b"this is no database ".repeat(100)).unwrap();
    let app = home.open().await;
    assert_eq!(
        app.start().await.store_fault.unwrap().code,
        ErrorCode::StoreCorrupt
    );
    assert_eq!(app.create_chat().await.unwrap_err().code, ErrorCode::StoreCorrupt);
    assert_eq!(
        app.retry_store().await.store_fault.unwrap().code,
        ErrorCode::StoreCorrupt
    );
    let start = app.set_aside_store().await.unwrap();
    assert!(start.store_fault.is_none() && start.models.len() == 1);
    app.create_chat().await.unwrap();
    let kept = std::fs::read_dir(&data).unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("hearth-damaged-")
    });
    assert!(kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_and_nonsense_is_refused() {
    let home = Home::new();
    let app = home.open().await;
    assert_eq!(
        app.settings().await.unwrap(),
        Settings {
            idle_unload_minutes: Some(15),
            ..Settings::default()
        }
    );
    for nonsense in [0, 100_000] {
        let error = app
            .set_settings(Settings {
                idle_unload_minutes: Some(nonsense),
                ..Settings::default()
            })
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidInput);
    }
    app.set_settings(Settings {
        idle_unload_minutes: None,
        ..Settings::default()
    })
    .await
    .unwrap();
    app.close().await;
    drop(app);
    assert_eq!(
        home.open().await.settings().await.unwrap(),
        Settings {
            idle_unload_minutes: None,
            ..Settings::default()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_trimmed_and_empty_ones_refused() {
    let home = Home::new();
    let app = home.open().await;
    let chat = app.create_chat().await.unwrap();
    assert_eq!(
        app.rename_chat(&chat.id, "  A\n  name ").await.unwrap().title,
        "A name"
    );
    assert_eq!(
        app.rename_chat(&chat.id, " \n ").await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
    assert_eq!(
        app.rename_chat("no such chat", "x").await.unwrap_err().code,
        ErrorCode::NotFound
    );
}
