//! A model that is kept as UQFF and loaded from it, and all that can be wrong with one.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};

use hearth_engine::protocol::{Fault, Quantisation, StopReason};
use hearth_engine::{Chosen, EngineError};
use hearth_fixtures::{ModelFile, Script};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::chat::question;
use crate::stage::{Stage, stop_of};

const SENTENCE: &str = "What was written down once need not be worked out again.";

/// A stage with a model of safetensors, quantised while it was read.
async fn quantised(level: Quantisation) -> Stage {
    let stage = Stage::new();
    let folder = stage.file("model");
    let script = Script::saying(SENTENCE).unwrap();
    ModelFile::scripted(&script).write_safetensors(&folder).unwrap();
    let chosen = Chosen {
        quantisation: Some(level),
        ..Chosen::files(files_in(&folder))
    };
    stage.engine.load(chosen).await.unwrap();
    stage
}

/// The same, kept.
async fn kept(level: Quantisation) -> (Stage, PathBuf) {
    let stage = quantised(level).await;
    let folder = stage.file("kept");
    stage.engine.keep(folder.clone(), silent()).await.unwrap();
    (stage, folder)
}

fn silent() -> mpsc::UnboundedSender<f32> {
    mpsc::unbounded_channel().0
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_model_answers_as_the_one_that_it_was_made_from() {
    for (level, name) in [
        (Quantisation::Q4K, "q4k-0.uqff"),
        (Quantisation::Q8_0, "q8_0-0.uqff"),
    ] {
        let stage = quantised(level).await;
        let folder = stage.file("kept");
        let (progress, mut told) = mpsc::unbounded_channel();
        let bytes = stage.engine.keep(folder.clone(), progress).await.unwrap();
        let mut last = 0.0;
        while let Some(fraction) = told.recv().await {
            assert!(fraction > last);
            last = fraction;
        }
        assert!((last - 1.0).abs() < 1e-6, "{last}");
        let files = files_in(&folder);
        let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
        assert_eq!(files.iter().map(size).sum::<u64>(), bytes);
        assert!(files.contains(&folder.join(name)), "{files:?}");
        assert!(!stage.file("kept.part").exists());
        // The model in memory is as it was.
        assert_eq!(stage.ask(question("Say it.")).await.0, SENTENCE);

        fs::remove_dir_all(stage.file("model")).unwrap();
        let loaded = stage.engine.load(Chosen::files(files)).await.unwrap();
        assert_eq!(
            (loaded.architecture.as_str(), loaded.trained_context),
            ("qwen3", 4096)
        );
        let (text, end) = stage.ask(question("Say it.")).await;
        assert_eq!(
            (text.as_str(), stop_of(&end)),
            (SENTENCE, StopReason::End),
            "{level:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_no_longer_wants_it_leaves_nothing_half_done() {
    let stage = quantised(Quantisation::Q8_0).await;
    let folder = stage.file("kept");
    {
        let mut keep = pin!(stage.engine.keep(folder.clone(), silent()));
        let _ = keep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    // Asked afterwards, answered afterwards.
    assert_eq!(stage.ask(question("Say it.")).await.0, SENTENCE);
    assert!(!stage.file("kept.part").exists());
    assert!(
        !folder.exists() || files_in(&folder).len() == 6,
        "{:?}",
        files_in(&folder)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_is_said_and_changes_nothing() {
    let stage = quantised(Quantisation::Q8_0).await;
    let file = stage.file("a file");
    fs::write(&file, "in the way").unwrap();
    let error = stage.engine.keep(file.join("kept"), silent()).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Fault(Fault::NotKept { .. })),
        "{error:?}"
    );
    assert_eq!(stage.ask(question("Say it.")).await.0, SENTENCE);

    let stage = Stage::saying(SENTENCE).await;
    let error = stage.engine.keep(stage.file("kept"), silent()).await.unwrap_err();
    assert!(
        error.to_string().contains("its files are taken as they are"),
        "{error}"
    );
    assert_eq!(stage.ask(question("Say it.")).await.0, SENTENCE);
}

/// What is said of a kept model after a change to it.
async fn refused(change: impl FnOnce(&Path)) -> Fault {
    let (stage, folder) = kept(Quantisation::Q8_0).await;
    change(&folder);
    match stage.engine.load(Chosen::files(files_in(&folder))).await {
        Err(EngineError::Fault(fault)) => fault,
        other => panic!("it was taken: {other:?}"),
    }
}

/// Changes the first bytes of the first layer.
fn layer(folder: &Path, change: impl FnOnce(&mut [u8])) {
    let path = folder.join("q8_0-0.uqff");
    let mut bytes = fs::read(&path).unwrap();
    let header = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let told: Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
    let at = 8 + header + told["0"]["data_offsets"][0].as_u64().unwrap() as usize;
    change(&mut bytes[at..]);
    fs::write(&path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_before_the_weights_are_read() {
    let newer = refused(|folder| layer(folder, |told| told[1] = 9)).await;
    assert!(
        newer
            .to_string()
            .contains("is UQFF 0.9, and the engine reads up to 0.2"),
        "{newer}"
    );
    let other = refused(|folder| layer(folder, |told| told[4] = 4)).await;
    assert!(
        other
            .to_string()
            .contains("quantised as AFQ, which the engine does not run"),
        "{other}"
    );
    // Q8_K, by ggml's number.
    let kind = refused(|folder| layer(folder, |told| told[10] = 15)).await;
    assert!(matches!(kind, Fault::UnsupportedTensor { .. }), "{kind}");
    let shape = refused(|folder| layer(folder, |told| told[18] ^= 1)).await;
    assert!(
        shape.to_string().contains("its layer 0 says that it is"),
        "{shape}"
    );
    let short = refused(|folder| {
        let path = folder.join("q8_0-0.uqff");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    })
    .await;
    assert!(matches!(short, Fault::Truncated { .. }), "{short}");
    let rest = refused(|folder| fs::remove_file(folder.join("residual.safetensors")).unwrap()).await;
    assert!(rest.to_string().contains("residual.safetensors"), "{rest}");
    let config = refused(|folder| {
        let path = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["num_hidden_layers"] = json!(999);
        fs::write(&path, config.to_string()).unwrap();
    })
    .await;
    assert!(config.to_string().contains("too few for the 999"), "{config}");
    let width = refused(|folder| {
        let path = folder.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["hidden_size"] = json!(config["hidden_size"].as_u64().unwrap() * 2);
        fs::write(&path, config.to_string()).unwrap();
    })
    .await;
    assert!(
        width.to_string().contains("none of its layers is the output"),
        "{width}"
    );
}
