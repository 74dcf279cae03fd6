//! What the person sets and names.

use hearth_app::{ErrorCode, Settings};

use crate::Home;

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_and_nonsense_is_refused() {
    let home = Home::new();
    let app = home.open().await;
    assert_eq!(
        app.settings().await.unwrap(),
        Settings {
            idle_unload_minutes: Some(15),
            ..Settings::default()
        }
    );
    for nonsense in [0, 100_000] {
        let error = app
            .set_settings(Settings {
                idle_unload_minutes: Some(nonsense),
                ..Settings::default()
            })
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidInput);
    }
    app.set_settings(Settings {
        idle_unload_minutes: None,
        ..Settings::default()
    })
    .await
    .unwrap();
    app.close().await;
    drop(app);
    assert_eq!(
        home.open().await.settings().await.unwrap(),
        Settings {
            idle_unload_minutes: None,
            ..Settings::default()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_trimmed_and_empty_ones_refused() {
    let home = Home::new();
    let app = home.open().await;
    let chat = app.create_chat().await.unwrap();
    assert_eq!(
        app.rename_chat(&chat.id, "  A\n  name ").await.unwrap().title,
        "A name"
    );
    assert_eq!(
        app.rename_chat(&chat.id, " \n ").await.unwrap_err().code,
        ErrorCode::InvalidInput
    );
    assert_eq!(
        app.rename_chat("no such chat", "x").await.unwrap_err().code,
        ErrorCode::NotFound
    );
}
