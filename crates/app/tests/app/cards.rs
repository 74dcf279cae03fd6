//! A computer with a graphics card, and a worker for it that cannot be started.

use hearth_app::{App, AppConfig, ComputeOn, EngineState, RunsOn, Settings};
use hearth_engine::Backend;
use hearth_fixtures::{ModelFile, Script};

use crate::{FOX, Home, ended, settled};

const CARD: &str = "NVIDIA GeForce RTX 3060";

impl Home {
    /// The processor's worker is the real one.
    async fn with_a_card(&self) -> App {
        let config = self.config();
        let worker = self
            .folder
            .path()
            .join(config.worker.file_name().expect("it is a program"));
        if std::fs::hard_link(&config.worker, &worker).is_err() {
            std::fs::copy(&config.worker, &worker).unwrap();
        }
        std::fs::write(Backend::Cuda.program(&worker), "not a program").unwrap();
        App::open(AppConfig {
            worker,
            computer: hearth_machine::fixtures().remove("rtx-3060"),
            ..config
        })
        .await
    }
}

async fn on(app: &App) -> RunsOn {
    match settled(app).await {
        EngineState::Ready { on, .. } => on,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_cannot_be_used_is_explained_and_the_processor_answers() {
    let home = Home::new();
    let app = home.with_a_card().await;
    let computer = app.this_computer().await;
    assert_eq!(
        (computer.cards, computer.card.as_deref()),
        (vec![CARD.to_owned()], Some(CARD))
    );

    let file = home.folder.path().join("model.gguf");
    let script = Script::saying(FOX).unwrap();
    ModelFile::scripted(&script).write(&file).unwrap();
    let model = app.remember_model(file).await.unwrap();
    let verdict = app.price_model(&model.id, 512).await.unwrap();
    let share = verdict.card.expect("a model so small lies on the card");
    assert_eq!((share.name.as_str(), share.layers), (CARD, share.of_layers));

    app.load_model(&model.id).await.unwrap();
    let ran = on(&app).await;
    assert_eq!(
        (ran.backend.as_str(), ran.card, ran.card_layers),
        ("cpu", None, 0)
    );
    let notice = ran.notice.unwrap();
    assert!(
        notice.contains(CARD) && notice.ends_with("answering on the processor."),
        "{notice}"
    );

    // From now on everything is judged as the processor runs it.
    assert_eq!(app.price_model(&model.id, 512).await.unwrap().card, None);
    assert_eq!(app.this_computer().await.card, None);
    let chat = app.create_chat().await.unwrap();
    let mut events = app.subscribe();
    let turn = app.send(&chat.id, "Say it.").await.unwrap();
    assert_eq!(ended(&mut events, &turn.reply.id).await.0.trim(), FOX);
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processor_is_chosen_and_kept() {
    let home = Home::new();
    let app = home.with_a_card().await;
    let processor = Settings {
        compute_on: ComputeOn::Processor,
        ..app.settings().await.unwrap()
    };
    app.set_settings(processor.clone()).await.unwrap();
    assert_eq!(app.this_computer().await.card, None);
    let file = home.folder.path().join("model.gguf");
    let script = Script::saying(FOX).unwrap();
    ModelFile::scripted(&script).write(&file).unwrap();
    let model = app.remember_model(file).await.unwrap();
    app.load_model(&model.id).await.unwrap();
    assert_eq!(on(&app).await.notice, None);

    // Another choice takes the model out of memory, and the next question loads it as chosen.
    let card = Settings {
        compute_on: ComputeOn::Card {
            name: CARD.to_owned(),
        },
        ..processor
    };
    app.set_settings(card.clone()).await.unwrap();
    assert!(matches!(app.engine_state(), EngineState::Asleep { .. }));
    let chat = app.create_chat().await.unwrap();
    let mut events = app.subscribe();
    let turn = app.send(&chat.id, "Say it.").await.unwrap();
    ended(&mut events, &turn.reply.id).await;
    assert!(on(&app).await.notice.is_some());
    app.close().await;

    let again = home.open().await;
    assert_eq!(again.settings().await.unwrap(), card);
    again.close().await;
}
