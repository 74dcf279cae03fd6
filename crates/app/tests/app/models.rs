//! Models that the person picks: what they are loaded with, and what is said of those that do not run.

use hearth_app::{EngineState, ErrorCode, Settings};
use hearth_fixtures::{BadFile, ModelFile, Script, Shape, Value};

use crate::{FOX, Home, ended, settled};

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
