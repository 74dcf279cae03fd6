//! A model of safetensors, from its folder to its answer.

use hearth_fit::Label;
use hearth_fixtures::{ModelFile, Script};

use crate::{FOX, Home, ended};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_safetensors_is_opened_by_its_weights_and_answers() {
    let home = Home::new();
    let app = home.open().await;
    let folder = home.folder.path().join("Fox-Instruct");
    let weights = ModelFile::scripted(&Script::saying(FOX).unwrap())
        .write_safetensors(&folder)
        .unwrap();
    let model = app.remember_model(weights.clone()).await.unwrap();
    assert_eq!(model.name, "Fox-Instruct");
    assert!(
        model.size_bytes > std::fs::metadata(&weights).unwrap().len(),
        "its size is that of all its files"
    );
    let entries = app.library().await.unwrap();
    let entry = entries.iter().find(|entry| entry.model.id == model.id).unwrap();
    assert_eq!(
        entry.quantisation.as_deref(),
        Some("Q8_0"),
        "a small model loses as little as can be"
    );
    assert_eq!(entry.verdict.as_ref().unwrap().label, Label::Fits);

    app.load_model(&model.id).await.unwrap();
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "What does the fox do?").await.unwrap();
    assert_eq!(ended(&mut events, &turn.reply.id).await.0, FOX);

    std::fs::remove_file(folder.join("tokenizer.json")).unwrap();
    let error = app.remember_model(weights).await.unwrap_err();
    assert!(error.message.contains("tokenizer.json"), "{error:?}");
}
