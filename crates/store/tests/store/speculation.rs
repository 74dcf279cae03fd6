//! How models speculate, and what it was measured to bring.

use hearth_store::{SpeculationKey, StoreError};

use crate::Home;
use crate::models::file;

#[tokio::test]
async fn a_model_speculates_until_told_otherwise_and_drafts_may_go() {
    let home = Home::new().await;
    let (folder, store) = (home.folder.path(), &home.store);
    let large = store.remember_model(file(folder, "large.gguf")).await.unwrap();
    let small = store.remember_model(file(folder, "small.gguf")).await.unwrap();
    assert_eq!((large.speculates, large.draft_id), (true, None));

    store
        .set_speculation(&large.id, true, Some(&small.id))
        .await
        .unwrap();
    // What is told again of a model is not how it speculates.
    let large = store.remember_model(file(folder, "large.gguf")).await.unwrap();
    assert_eq!((large.speculates, large.draft_id), (true, Some(small.id.clone())));

    store.forget_model(&small.id).await.unwrap();
    let large = store.model(&large.id).await.unwrap();
    assert_eq!((large.speculates, large.draft_id), (true, None));

    store.set_speculation(&large.id, false, None).await.unwrap();
    assert!(!store.model(&large.id).await.unwrap().speculates);
}

#[tokio::test]
async fn a_model_neither_drafts_for_itself_nor_asks_one_that_is_not_there() {
    let home = Home::new().await;
    let store = &home.store;
    let model = store
        .remember_model(file(home.folder.path(), "model.gguf"))
        .await
        .unwrap();
    for (id, draft) in [(model.id.as_str(), "nobody"), ("nobody", model.id.as_str())] {
        let error = store.set_speculation(id, true, Some(draft)).await.unwrap_err();
        assert!(matches!(error, StoreError::NotFound { .. }), "{error}");
    }
    store
        .set_speculation(&model.id, true, Some(&model.id))
        .await
        .unwrap_err();
    assert_eq!(store.model(&model.id).await.unwrap().draft_id, None);
}

#[tokio::test]
async fn the_last_measurement_of_a_pair_on_a_machine_is_kept() {
    let home = Home::new().await;
    let key = SpeculationKey {
        model: "large".into(),
        draft: None,
        machine: "laptop".into(),
    };
    let pair = SpeculationKey {
        draft: Some("small".into()),
        ..key.clone()
    };
    for (key, with) in [(&key, 9.0), (&key, 10.0), (&pair, 14.0)] {
        home.store
            .keep_speculation_measurement(key, 8.0, with)
            .await
            .unwrap();
    }
    home.store
        .keep_speculation_measurement(&key, 0.0, 1.0)
        .await
        .unwrap_err();

    let home = home.restart().await;
    let elsewhere = SpeculationKey {
        machine: "desktop".into(),
        ..key.clone()
    };
    for (key, expected) in [(key, Some(10.0)), (pair, Some(14.0)), (elsewhere, None)] {
        let found = home.store.speculation_measurement(&key).await.unwrap();
        assert_eq!(found.map(|found| found.tokens_per_second), expected, "{key:?}");
    }
}
