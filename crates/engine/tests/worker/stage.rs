//! An engine with the real worker.

use std::path::{Path, PathBuf};

use hearth_engine::protocol::{ReplyStats, StopReason};
use hearth_engine::{Chosen, Engine, EngineConfig, Question, ReplyEvent};
use hearth_fixtures::{ModelFile, Script};
use tempfile::TempDir;

use crate::chat::to_the_end;

/// An engine with the real worker, in a folder of its own.
pub struct Stage {
    folder: TempDir,
    /// How the worker is started.
    pub config: EngineConfig,
    /// The supervisor.
    pub engine: Engine,
}

impl Stage {
    /// Nothing loaded.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tests = std::env::current_exe().unwrap();
        let name = format!("hearth-worker{}", std::env::consts::EXE_SUFFIX);
        let worker = tests.parent().unwrap().with_file_name(name);
        assert!(
            worker.exists(),
            "{} is put there by `cargo xtask test`",
            worker.display()
        );
        let config = EngineConfig::new(worker, folder.path().join("home"));
        let engine = Engine::new(config.clone());
        Self {
            folder,
            config,
            engine,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A model that says `text`, loaded.
    pub async fn saying(text: &str) -> Self {
        Self::with(&ModelFile::scripted(&Script::saying(text).unwrap())).await
    }

    /// With this model loaded.
    pub async fn with(model: &ModelFile) -> Self {
        let stage = Self::new();
        let file = stage.file("model.gguf");
        model.write(&file).unwrap();
        stage.engine.load(Chosen::files(vec![file])).await.unwrap();
        stage
    }

    /// With the built-in model, which was trained on plays.
    pub async fn bard() -> Self {
        let stage = Self::new();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/bard-Q8_0.gguf");
        stage.engine.load(Chosen::files(vec![file])).await.unwrap();
        stage
    }

    /// A reply's text, and its last event.
    pub async fn ask(&self, question: Question) -> (String, ReplyEvent) {
        to_the_end(self.engine.generate(question)).await
    }
}

/// Why a reply ended.
pub fn stop_of(end: &ReplyEvent) -> StopReason {
    match end {
        ReplyEvent::Done { stop, .. } => *stop,
        other => panic!("the reply failed: {other:?}"),
    }
}

/// What a reply took.
pub fn stats_of(end: &ReplyEvent) -> ReplyStats {
    match end {
        ReplyEvent::Done { stats, .. } => *stats,
        other => panic!("the reply failed: {other:?}"),
    }
}
