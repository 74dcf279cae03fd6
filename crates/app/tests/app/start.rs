//! What an app finds at its start.

use hearth_app::{EngineState, ErrorCode};

use crate::Home;

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
