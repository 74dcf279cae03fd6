//! Remembered models.

use std::path::{Path, PathBuf};

use hearth_store::{ModelFileRecord, NewModel, StoreError};

use crate::Home;

pub fn file(folder: &Path, name: &str) -> NewModel {
    shards(folder, name, &[name])
}

fn shards(folder: &Path, name: &str, files: &[&str]) -> NewModel {
    let written = files.iter().map(|file| {
        let path = folder.join(file);
        std::fs::write(&path, "GGUF").unwrap();
        of_size(path, 4)
    });
    NewModel {
        id: None,
        name: name.to_owned(),
        files: written.collect(),
        origin: None,
        built_in: false,
        imported: true,
        quantisation: None,
    }
}

fn of_size(path: PathBuf, size_bytes: u64) -> ModelFileRecord {
    ModelFileRecord {
        path,
        size_bytes,
        sha256: None,
    }
}

fn built_in(path: PathBuf) -> NewModel {
    NewModel {
        id: Some("built-in-bard".into()),
        name: "Bard".into(),
        files: vec![of_size(path, 1_900_000)],
        origin: None,
        built_in: true,
        imported: false,
        quantisation: None,
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
        files: vec![of_size(folder.join("sub").join("..").join("small.gguf"), 5)],
        ..file(folder, "small.gguf")
    };
    let again = home.store.remember_model(detour).await.unwrap();
    assert_eq!(
        (again.id.as_str(), again.path(), again.size_bytes),
        (first.id.as_str(), first.path(), 5)
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

    let moved = file(folder, "moved.gguf").files.remove(0).path;
    home.store.remember_model(built_in(moved.clone())).await.unwrap();
    let models = home.store.models().await.unwrap();
    assert_eq!(models.len(), 1);
    assert_eq!(models[0].path().file_name(), moved.file_name());
}

#[tokio::test]
async fn a_model_whose_file_has_gone_is_still_known_until_forgotten() {
    let home = Home::new().await;
    let model = home
        .store
        .remember_model(file(home.folder.path(), "small.gguf"))
        .await
        .unwrap();
    std::fs::remove_file(model.path()).unwrap();
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

#[tokio::test]
async fn shards_are_one_model_in_their_order() {
    let home = Home::new().await;
    let folder = home.folder.path();
    let second_by_hand = home.store.remember_model(file(folder, "b.gguf")).await.unwrap();
    let model = home
        .store
        .remember_model(shards(folder, "Large", &["c.gguf", "b.gguf", "a.gguf"]))
        .await
        .unwrap();
    let names: Vec<_> = model
        .files
        .iter()
        .map(|file| file.path.file_name().unwrap())
        .collect();
    assert_eq!(names, ["c.gguf", "b.gguf", "a.gguf"]);
    assert_eq!(
        (model.path(), model.size_bytes),
        (model.files[0].path.as_path(), 12)
    );

    let home = home.restart().await;
    assert_eq!(
        home.store.models().await.unwrap(),
        [model],
        "a file belongs to one model"
    );
    assert!(matches!(
        home.store.model(&second_by_hand.id).await,
        Err(StoreError::NotFound { .. })
    ));
}

#[tokio::test]
async fn what_hearth_downloaded_stays_so_when_it_is_opened_by_hand() {
    let home = Home::new().await;
    let folder = home.folder.path();
    let mut new = shards(folder, "Small", &["a.gguf", "b.gguf"]);
    new.imported = false;
    new.origin = Some(("org/small".into(), "0f1e2d".into()));
    new.files[0].sha256 = Some("a".repeat(64));
    new.files[1].sha256 = Some("b".repeat(64));
    let downloaded = home.store.remember_model(new.clone()).await.unwrap();
    assert_eq!(
        (
            downloaded.repo.as_deref(),
            downloaded.revision.as_deref(),
            downloaded.imported
        ),
        (Some("org/small"), Some("0f1e2d"), false)
    );

    let mut by_hand = shards(folder, "Small", &["a.gguf", "b.gguf"]);
    assert_eq!(
        home.store.remember_model(by_hand.clone()).await.unwrap(),
        downloaded
    );

    by_hand.files[1].size_bytes = 5;
    let changed = home.store.remember_model(by_hand).await.unwrap();
    assert_eq!(changed.files[0], downloaded.files[0]);
    assert_eq!(changed.files[1].sha256, None, "the hash is of another file");
}

#[tokio::test]
async fn a_model_without_files_is_refused() {
    let home = Home::new().await;
    let none = shards(home.folder.path(), "Empty", &[]);
    let error = home.store.remember_model(none).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "The model Empty has no files. Choose one that has."
    );
    assert!(home.store.models().await.unwrap().is_empty());
}

/// Creating a link needs a right on Windows that people seldom have.
#[cfg(unix)]
#[tokio::test]
async fn a_link_keeps_the_name_that_the_person_knows() {
    let home = Home::new().await;
    let folder = dunce::canonicalize(home.folder.path()).unwrap();
    file(&folder, "d1c5");
    std::fs::create_dir(folder.join("snapshot")).unwrap();
    std::os::unix::fs::symlink("../d1c5", folder.join("snapshot").join("small.gguf")).unwrap();
    std::os::unix::fs::symlink("snapshot", folder.join("other")).unwrap();
    let linked = NewModel {
        files: vec![of_size(folder.join("other").join("small.gguf"), 4)],
        ..file(&folder, "small")
    };
    let model = home.store.remember_model(linked).await.unwrap();
    assert_eq!(model.path(), folder.join("snapshot").join("small.gguf"));
}

#[tokio::test]
async fn what_weights_are_quantised_to_stays_until_it_is_set_anew() {
    let home = Home::new().await;
    let folder = tempfile::tempdir().unwrap();
    let mut new = file(folder.path(), "model.safetensors");
    new.quantisation = Some("Q5_K".into());
    let model = home.store.remember_model(new.clone()).await.unwrap();
    assert_eq!(model.quantisation.as_deref(), Some("Q5_K"));
    new.quantisation = Some("Q8_0".into());
    let again = home.store.remember_model(new).await.unwrap();
    assert_eq!(again, model, "what is known stays");
    home.store
        .set_quantisation(&model.id, Some("Q8_0"))
        .await
        .unwrap();
    let set = home.store.model(&model.id).await.unwrap();
    assert_eq!(set.quantisation.as_deref(), Some("Q8_0"));
    home.store.set_quantisation(&model.id, None).await.unwrap();
    assert_eq!(home.store.model(&model.id).await.unwrap().quantisation, None);
    assert!(home.store.set_quantisation("nobody", None).await.is_err());
}
