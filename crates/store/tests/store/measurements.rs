//! What was measured on this computer.

use hearth_store::{Measurement, NewMeasurement};

use crate::Home;

fn measured(model: &str, machine: &str, context: u64) -> NewMeasurement {
    NewMeasurement {
        model_key: model.into(),
        machine_key: machine.into(),
        context,
        peak_bytes: Some(2_850_000_000),
        decode_tokens_per_second: Some(8.25),
        prompt_tokens_per_second: None,
        load_milliseconds: Some(6_700),
    }
}

#[tokio::test]
async fn the_newest_measurement_comes_first_and_fifty_are_kept() {
    let home = Home::new().await;
    home.store
        .add_measurement(measured("small", "desktop", 1))
        .await
        .unwrap();
    for context in 1..=60 {
        home.store
            .add_measurement(measured("small", "laptop", context))
            .await
            .unwrap();
    }
    home.store
        .add_measurement(measured("large", "laptop", 1))
        .await
        .unwrap();

    let home = home.restart().await;
    let found = home.store.measurements("small", "laptop").await.unwrap();
    let contexts: Vec<u64> = found.iter().map(|measurement| measurement.context).collect();
    assert_eq!(contexts, (11..=60).rev().collect::<Vec<_>>());
    assert_eq!(
        found[0],
        Measurement {
            context: 60,
            peak_bytes: Some(2_850_000_000),
            decode_tokens_per_second: Some(8.25),
            prompt_tokens_per_second: None,
            load_milliseconds: Some(6_700),
            measured_at: found[0].measured_at,
        }
    );
    for (model, machine, count) in [
        ("small", "desktop", 1),
        ("large", "laptop", 1),
        ("large", "desktop", 0),
    ] {
        assert_eq!(
            home.store.measurements(model, machine).await.unwrap().len(),
            count,
            "{model} on {machine}"
        );
    }
}

#[tokio::test]
async fn a_speed_that_is_none_is_not_kept() {
    let home = Home::new().await;
    for nonsense in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        home.store
            .add_measurement(NewMeasurement {
                decode_tokens_per_second: Some(nonsense),
                prompt_tokens_per_second: Some(nonsense),
                ..measured("small", "laptop", 8_192)
            })
            .await
            .unwrap();
        let newest = home
            .store
            .measurements("small", "laptop")
            .await
            .unwrap()
            .remove(0);
        assert_eq!(
            (newest.decode_tokens_per_second, newest.prompt_tokens_per_second),
            (None, None)
        );
        assert_eq!(newest.load_milliseconds, Some(6_700));
    }
}
