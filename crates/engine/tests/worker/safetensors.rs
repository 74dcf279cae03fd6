//! A model of safetensors, plain and quantised while it is read, and all that can be wrong with one.

use std::fs;
use std::path::{Path, PathBuf};

use hearth_engine::protocol::{Fault, Quantisation, StopReason};
use hearth_engine::{Chosen, EngineError};
use hearth_fixtures::{Architecture, ModelFile, Script, Shape};
use serde_json::{Value, json};

use crate::chat::question;
use crate::stage::{Stage, stop_of};

const SENTENCE: &str = "What was said in plain numbers is said in four bits as well.";

/// Writes a scripted model and returns its files.
fn model(stage: &Stage) -> Vec<PathBuf> {
    let script = Script::saying(SENTENCE).unwrap();
    let folder = stage.file("model");
    ModelFile::scripted(&script).write_safetensors(&folder).unwrap();
    files_in(&folder)
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_safetensors_answers_at_every_level() {
    let stage = Stage::new();
    let files = model(&stage);
    for quantisation in [None].into_iter().chain(Quantisation::ALL.map(Some)) {
        let chosen = Chosen {
            quantisation,
            ..Chosen::files(files.clone())
        };
        let loaded = stage.engine.load(chosen).await.unwrap();
        assert_eq!(
            (loaded.architecture.as_str(), loaded.trained_context),
            ("qwen3", 4096)
        );
        for words in ["Say it.", "Say it again."] {
            let (text, end) = stage.ask(question(words)).await;
            assert_eq!(
                (text.as_str(), stop_of(&end)),
                (SENTENCE, StopReason::End),
                "{quantisation:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_llama_of_safetensors_answers() {
    let stage = Stage::new();
    let script = Script::saying(SENTENCE).unwrap();
    let shape = Shape {
        architecture: Architecture::Llama,
        ..Shape::TINY
    };
    let folder = stage.file("model");
    ModelFile::scripted(&script)
        .shape(shape)
        .write_safetensors(&folder)
        .unwrap();
    stage.engine.load(Chosen::files(files_in(&folder))).await.unwrap();
    let (text, _) = stage.ask(question("Say it.")).await;
    assert_eq!(text, SENTENCE);
}

/// What is said of the model after one change to a file of JSON.
async fn refused(file: &str, change: impl FnOnce(&mut Value)) -> Fault {
    let stage = Stage::new();
    let files = model(&stage);
    let path = stage.file("model").join(file);
    let mut value: Value = fs::read(&path).map_or(json!({}), |bytes| serde_json::from_slice(&bytes).unwrap());
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
    let files = if files.contains(&path) {
        files
    } else {
        [files, vec![path]].concat()
    };
    match stage.engine.load(Chosen::files(files)).await {
        Err(EngineError::Fault(fault)) => fault,
        other => panic!("{file} was taken: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_before_the_weights_are_read() {
    let class = refused("config.json", |config| {
        config["architectures"] = json!(["MambaForCausalLM"])
    })
    .await;
    assert!(
        class.to_string().contains("“MambaForCausalLM”, is not known"),
        "{class}"
    );
    let code = refused("config.json", |config| {
        config["architectures"] = json!(["OwnForCausalLM"]);
        config["auto_map"] = json!({ "AutoModelForCausalLM": "own.OwnForCausalLM" });
    })
    .await;
    assert!(
        code.to_string()
            .contains("code that comes with a model is never run"),
        "{code}"
    );
    let tokens = refused("config.json", |config| config["vocab_size"] = json!(100)).await;
    assert!(
        tokens.to_string().contains("its embeddings are those of 100"),
        "{tokens}"
    );
    let packed = refused("config.json", |config| {
        config["quantization_config"] = json!({ "quant_method": "gptq", "bits": 4 });
    })
    .await;
    assert!(packed.to_string().contains("quantised by gptq"), "{packed}");
    let stretched = refused("config.json", |config| {
        config["rope_scaling"] = json!({ "rope_type": "yarn", "factor": 4.0 });
    })
    .await;
    assert!(
        stretched.to_string().contains("stretched in a way (“yarn”)"),
        "{stretched}"
    );
    let moved = refused("config.json", |config| {
        config["rope_theta"] = Value::Null;
        config["rope_parameters"] =
            json!({ "full_attention": { "rope_type": "default", "rope_theta": 1e6 } });
    })
    .await;
    assert!(moved.to_string().contains("(rope_parameters)"), "{moved}");
    let shard = refused("model.safetensors.index.json", |index| {
        index["weight_map"] = json!({ "model.norm.weight": "model-00002-of-00002.safetensors" });
    })
    .await;
    assert!(
        shard.to_string().contains("model-00002-of-00002.safetensors"),
        "{shard}"
    );
    let outside = refused("model.safetensors.index.json", |index| {
        index["weight_map"] = json!({ "model.norm.weight": "../../etc/passwd" });
    })
    .await;
    assert!(
        outside.to_string().contains("is no file of its folder"),
        "{outside}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_that_are_cut_off_are_incomplete() {
    let stage = Stage::new();
    let files = model(&stage);
    let weights = stage.file("model").join("model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 100]).unwrap();
    let error = stage.engine.load(Chosen::files(files)).await.unwrap_err();
    assert!(
        matches!(error, EngineError::Fault(Fault::Truncated { .. })),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_the_weights_lack_is_missed_before_they_are_read() {
    let stage = Stage::new();
    let folder = stage.file("model");
    // Its output is its table of embeddings.
    ModelFile::random(Shape::TINY).write_safetensors(&folder).unwrap();
    let path = folder.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["tie_word_embeddings"] = json!(false);
    fs::write(&path, config.to_string()).unwrap();
    let refused = stage
        .engine
        .load(Chosen::files(files_in(&folder)))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("lm_head.weight"), "{refused}");
}
