//! Remembered models.

use std::path::{Path, PathBuf};

use hearth_store::{NewModel, StoreError};

use crate::Home;

fn file(folder: &Path, name: &str) -> NewModel {
    let path = folder.join(name);
    std::fs::write(&path, "GGUF").unwrap();
    NewModel {
        id: None,
        path,
        name: name.to_owned(),
        size_bytes: 4,
        built_in: false,
    }
}

fn built_in(path: PathBuf) -> NewModel {
    NewModel {
        id: Some("built-in-bard".into()),
        path,
        name: "Bard".into(),
        size_bytes: 1_900_000,
        built_in: true,
    }
}

#[tokio::test]
async fn the_one_used_last_comes_first() {
    let home = Home::new().await;
    let small = home
        .store
        .remember_model(file(home.folder.path(), "small.gguf"))
        .await
        .unwrap();
    let large = home
        .store
        .remember_model(file(home.folder.path(), "large.gguf"))
        .await
        .unwrap();
    assert_eq!(home.store.models().await.unwrap(), [large.clone(), small.clone()]);

    home.store.touch_model(&small.id).await.unwrap();
    let home = home.restart().await;
    let models = home.store.models().await.unwrap();
    assert_eq!(
        models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(),
        ["small.gguf", "large.gguf"]
    );
    assert!(models[0].last_used_at.is_some());
    assert_eq!(home.store.model(&large.id).await.unwrap(), large);
}

#[tokio::test]
async fn a_file_opened_twice_is_one_model() {
    let home = Home::new().await;
    let folder = home.folder.path();
    let first = home
        .store
        .remember_model(file(folder, "small.gguf"))
        .await
        .unwrap();
    std::fs::create_dir(folder.join("sub")).unwrap();
    let detour = NewModel {
        path: folder.join("sub").join("..").join("small.gguf"),
        size_bytes: 5,
        ..file(folder, "small.gguf")
    };
    let again = home.store.remember_model(detour).await.unwrap();
    assert_eq!(
        (again.id, again.path, again.size_bytes),
        (first.id, first.path, 5)
    );
    assert_eq!(home.store.models().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_built_in_model_keeps_its_id_wherever_the_app_lies() {
    let home = Home::new().await;
    let folder = home.folder.path();
    let by_hand = home
        .store
        .remember_model(file(folder, "bard.gguf"))
        .await
        .unwrap();
    let known = home
        .store
        .remember_model(built_in(folder.join("bard.gguf")))
        .await
        .unwrap();
    assert_eq!((known.id.as_str(), known.built_in), ("built-in-bard", true));
    assert!(matches!(
        home.store.model(&by_hand.id).await,
        Err(StoreError::NotFound { kind: "model", .. })
    ));

    let picked = home
        .store
        .remember_model(file(folder, "bard.gguf"))
        .await
        .unwrap();
    assert_eq!(
        (picked.id.as_str(), picked.built_in),
        ("built-in-bard", true),
        "also when picked by hand"
    );

    let moved = file(folder, "moved.gguf").path;
    home.store.remember_model(built_in(moved.clone())).await.unwrap();
    let models = home.store.models().await.unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].path.file_name(), moved.file_name());
}

#[tokio::test]
async fn a_model_whose_file_has_gone_is_still_known_until_forgotten() {
    let home = Home::new().await;
    let model = home
        .store
        .remember_model(file(home.folder.path(), "small.gguf"))
        .await
        .unwrap();
    std::fs::remove_file(&model.path).unwrap();
    let home = home.restart().await;
    assert_eq!(home.store.models().await.unwrap(), std::slice::from_ref(&model));

    home.store.forget_model(&model.id).await.unwrap();
    assert!(home.store.models().await.unwrap().is_empty());
    for gone in [
        home.store.forget_model(&model.id).await,
        home.store.touch_model(&model.id).await,
    ] {
        assert!(matches!(gone, Err(StoreError::NotFound { kind: "model", .. })));
    }
}
