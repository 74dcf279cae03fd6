//! A model that is kept quantised: offered, written, used, and gone with the model or when it is asked to.

use std::path::PathBuf;

use hearth_app::{App, AppEvent, EngineState, ErrorCode, LibraryEntry, QuantisedCopy};
use hearth_fixtures::{ModelFile, Script};

use crate::{FOX, Home, ended};

async fn entry(app: &App, id: &str) -> LibraryEntry {
    let entries = app.library().await.unwrap();
    entries.into_iter().find(|entry| entry.model.id == id).unwrap()
}

async fn asks(app: &App) -> String {
    let mut events = app.subscribe();
    let chat = app.create_chat().await.unwrap();
    let turn = app.send(&chat.id, "What does the fox do?").await.unwrap();
    let (text, message) = ended(&mut events, &turn.reply.id).await;
    assert_eq!(message.error, None);
    text
}

/// An app with a model of safetensors, its id, and the folder of its copies.
async fn stage(home: &Home) -> (App, String, PathBuf) {
    let app = home.open().await;
    let weights = ModelFile::scripted(&Script::saying(FOX).unwrap())
        .write_safetensors(&home.folder.path().join("Fox"))
        .unwrap();
    let model = app.remember_model(weights).await.unwrap();
    let copies = home.folder.path().join("data/quantised");
    (app, model.id, copies)
}

fn files_of(folder: &PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => files_of(&path),
            path => vec![path],
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_kept_quantised_and_loaded_from_its_copy() {
    let home = Home::new();
    let (app, id, copies) = stage(&home).await;
    let Some(QuantisedCopy::Offered { bytes: offered }) = entry(&app, &id).await.quantised_copy else {
        panic!("nothing is offered");
    };
    app.load_model(&id).await.unwrap();
    let bytes = app.keep_quantised(&id).await.unwrap().unwrap();
    assert_eq!(
        entry(&app, &id).await.quantised_copy,
        Some(QuantisedCopy::Kept {
            bytes,
            quantisation: "Q8_0".to_owned(),
            used: true
        })
    );
    // The tokeniser and the like come on top, and of a model so small they are the larger part.
    let weights = files_of(&copies)
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "uqff" || end == "safetensors")
        })
        .map(|path| std::fs::metadata(path).unwrap().len())
        .sum::<u64>();
    assert!(weights.abs_diff(offered) < offered / 5, "{weights} of {offered}");
    assert_eq!(asks(&app).await, FOX);

    // With the numbers of the original gone and its name and time as they were, only the copy can answer.
    let original = home.folder.path().join("Fox/model.safetensors");
    let (length, time) = {
        let file = std::fs::metadata(&original).unwrap();
        (file.len(), file.modified().unwrap())
    };
    let file = std::fs::File::create(&original).unwrap();
    file.set_len(length).unwrap();
    file.set_modified(time).unwrap();
    drop(file);
    app.unload_model().await;
    assert_eq!(asks(&app).await, FOX);
    // The second question finds it loaded.
    let mut events = app.subscribe();
    assert_eq!(asks(&app).await, FOX);
    loop {
        match events.next().await.unwrap() {
            AppEvent::ReplyDone { .. } => break,
            AppEvent::Engine { engine } => assert!(!matches!(engine, EngineState::Loading { .. })),
            _ => {}
        }
    }
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_when_it_is_asked_to_and_with_its_model() {
    let home = Home::new();
    let (app, id, copies) = stage(&home).await;
    app.keep_quantised(&id).await.unwrap().unwrap();
    // Loaded from the copy, which then goes.
    app.unload_model().await;
    assert_eq!(asks(&app).await, FOX);
    app.drop_quantised(&id).await.unwrap();
    assert!(files_of(&copies).is_empty());
    assert!(matches!(
        entry(&app, &id).await.quantised_copy,
        Some(QuantisedCopy::Offered { .. })
    ));
    assert_eq!(asks(&app).await, FOX, "it is loaded from its own files again");

    app.keep_quantised(&id).await.unwrap().unwrap();
    assert!(!files_of(&copies).is_empty());
    app.set_quantisation(&id, Some("Q4_K")).await.unwrap();
    assert!(matches!(
        entry(&app, &id).await.quantised_copy,
        Some(QuantisedCopy::Kept { used: false, .. })
    ));
    app.forget_model(&id).await.unwrap();
    assert!(files_of(&copies).is_empty());
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_is_replaced_by_the_model_itself() {
    let home = Home::new();
    let (app, id, copies) = stage(&home).await;
    app.keep_quantised(&id).await.unwrap().unwrap();
    app.unload_model().await;
    let layers = files_of(&copies)
        .into_iter()
        .find(|path| path.extension().unwrap() == "uqff");
    std::fs::write(layers.unwrap(), "not what it was").unwrap();
    assert_eq!(asks(&app).await, FOX);
    assert!(files_of(&copies).is_empty());
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_taken_as_they_are_have_no_copy() {
    let home = Home::new();
    let app = home.saying(FOX).await;
    let model = app
        .models()
        .await
        .unwrap()
        .into_iter()
        .find(|model| !model.built_in);
    let id = model.unwrap().id;
    assert_eq!(entry(&app, &id).await.quantised_copy, None);
    let error = app.keep_quantised(&id).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidInput, "{error:?}");
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_uqff_is_opened_by_itself_and_answers() {
    let home = Home::new();
    let (app, id, copies) = stage(&home).await;
    app.keep_quantised(&id).await.unwrap().unwrap();
    let original = entry(&app, &id).await.verdict.unwrap().memory;
    let folder = home.folder.path().join("Fox-UQFF");
    let file = {
        let files = files_of(&copies);
        std::fs::create_dir_all(&folder).unwrap();
        for file in &files {
            std::fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
        }
        folder.join("q8_0-0.uqff")
    };
    app.forget_model(&id).await.unwrap();
    std::fs::remove_dir_all(home.folder.path().join("Fox")).unwrap();

    let model = app.remember_model(file.clone()).await.unwrap();
    assert_eq!(model.name, "Fox-UQFF");
    let shown = entry(&app, &model.id).await;
    assert_eq!(shown.quantisation.as_deref(), Some("Q8_0"));
    assert!(shown.quantisations.is_empty() && shown.quantised_copy.is_none());
    let memory = shown.verdict.unwrap().memory;
    assert_eq!(
        memory.weights_bytes, original.weights_bytes,
        "it lies in memory as the other did"
    );
    app.load_model(&model.id).await.unwrap();
    assert_eq!(asks(&app).await, FOX);
    // What lies beside it is as good a way in.
    let same = app
        .remember_model(folder.join("residual.safetensors"))
        .await
        .unwrap();
    assert_eq!(same.id, model.id);

    std::fs::remove_file(folder.join("residual.safetensors")).unwrap();
    let error = app.remember_model(file).await.unwrap_err();
    assert!(error.message.contains("residual.safetensors"), "{error:?}");
    app.close().await;
}
