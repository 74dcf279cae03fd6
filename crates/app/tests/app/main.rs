//! The use cases on a real database and the real worker.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cards;
mod models;
mod replies;
mod safetensors;
mod settings;
mod speculation;
mod start;
mod uqff;

use std::path::PathBuf;
use std::time::Duration;

use hearth_app::{App, AppConfig, AppEvent, EngineState, Subscription};
use hearth_fixtures::{ModelFile, Script, Shape};
use hearth_store::Message;
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
