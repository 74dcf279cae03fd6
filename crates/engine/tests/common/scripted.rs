//! Workers that follow a script (`examples/scripted_worker.rs`), each by the name of its behaviour.

use std::path::PathBuf;
use std::time::Duration;

use hearth_engine::{Candidate, Engine, EngineConfig, EngineStatus};
use tempfile::TempDir;

/// A worker of the given behaviour, and a model file for it.
pub struct Stage {
    folder: TempDir,
    pub config: EngineConfig,
}

impl Stage {
    pub fn with(behaviour: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(folder.path().join("model.gguf"), "").unwrap();
        let config = EngineConfig {
            hello_within: Duration::from_secs(5),
            cancel_within: Duration::from_millis(500),
            ..EngineConfig::new(PathBuf::new(), folder.path().join("home"))
        };
        let mut stage = Self { folder, config };
        stage.config.workers = vec![Candidate::processor(stage.worker(behaviour))];
        stage
    }

    /// The program of a worker of this behaviour.
    pub fn worker(&self, behaviour: &str) -> PathBuf {
        let tests = std::env::current_exe().unwrap();
        let suffix = std::env::consts::EXE_SUFFIX;
        let script = tests
            .parent()
            .unwrap()
            .with_file_name("examples")
            .join(format!("scripted_worker{suffix}"));
        assert!(
            script.exists(),
            "cargo builds examples with the tests: {}",
            script.display()
        );
        let worker = self.path(&format!("{behaviour}{suffix}"));
        // Not a copy: a program that any process still holds open for writing cannot be started.
        std::fs::hard_link(script, &worker).unwrap();
        worker
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn model(&self) -> PathBuf {
        self.path("model.gguf")
    }

    pub fn engine(&self) -> Engine {
        Engine::new(self.config.clone())
    }
}

pub async fn until(engine: &Engine, wanted: impl Fn(&EngineStatus) -> bool) -> EngineStatus {
    let mut status = engine.status();
    let wait = status.wait_for(|status| wanted(status));
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("the status comes")
        .unwrap()
        .clone()
}
