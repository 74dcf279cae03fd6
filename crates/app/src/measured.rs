//! What models took on this computer, kept after every load and reply: it outranks every formula.

use std::path::Path;

use hearth_engine::protocol::{LoadedModel, Quantisation, ReplyStats};
use hearth_fit::Measured;
use hearth_hub::Variant;
use hearth_store::{Measurement, ModelRecord, NewMeasurement};

use crate::App;
use crate::discover::level;

/// A reply shorter than this says more of its beginning than of its speed, in tokens.
const ENOUGH_TOKENS: usize = 16;

/// What tells a model from others wherever its files lie: the first file's hash, or its path where nobody has said, and what it
/// is quantised to where that was chosen.
pub(crate) fn model_key(record: &ModelRecord) -> String {
    let first = record.files.first();
    let file = first
        .and_then(|file| file.sha256.clone())
        .unwrap_or_else(|| record.path().to_string_lossy().into_owned());
    quantised(file, record.quantisation.as_deref())
}

/// The key that a variant will have as a model; `None` where the Hub does not say what its first file is.
pub(crate) fn variant_key(variant: &Variant) -> Option<String> {
    let file = variant.files.first()?.sha256.clone()?;
    Some(quantised(file, level(variant).map(Quantisation::name)))
}

fn quantised(file: String, quantisation: Option<&str>) -> String {
    match quantisation {
        Some(quantisation) => format!("{file} {quantisation}"),
        None => file,
    }
}

impl App {
    /// Keeps what a load took.
    pub(crate) async fn keep_load(&self, record: &ModelRecord, loaded: &LoadedModel) {
        self.keep_measurement(NewMeasurement {
            model_key: model_key(record),
            machine_key: self.device_key(Some(record.path())).await,
            context: 0,
            peak_bytes: self.known_of(record, loaded.peak_bytes),
            decode_tokens_per_second: None,
            prompt_tokens_per_second: None,
            load_milliseconds: Some(loaded.load_milliseconds),
        })
        .await;
    }

    /// Keeps what a reply took, while the reply itself goes on to its end.
    pub(crate) fn keep_reply(&self, stats: ReplyStats) {
        let Some(record) = self.chosen() else { return };
        let app = self.clone();
        tokio::spawn(async move {
            let speed = |tokens: usize, speed: f64| (tokens >= ENOUGH_TOKENS).then_some(speed);
            app.keep_measurement(NewMeasurement {
                model_key: model_key(&record),
                machine_key: app.device_key(Some(record.path())).await,
                context: (stats.prompt_tokens + stats.reply_tokens) as u64,
                peak_bytes: app.known_of(&record, stats.peak_bytes),
                decode_tokens_per_second: speed(stats.reply_tokens, plain_speed(&stats)),
                prompt_tokens_per_second: speed(stats.read_tokens(), stats.prompt_tokens_per_second()),
                load_milliseconds: None,
            })
            .await;
        });
    }

    /// What was measured of a model on this computer, on what it is loaded to now: the newest speed, and the most memory with
    /// the context at which it was held. `None` before the first reply. `model` is its first file, where it is here.
    pub(crate) async fn measured(&self, model_key: &str, model: Option<&Path>) -> Option<Measured> {
        let store = self.store().await.ok()?;
        let all = store
            .measurements(model_key, &self.device_key(model).await)
            .await
            .ok()?;
        let newest = |of: fn(&Measurement) -> Option<f64>| all.iter().find_map(of);
        let largest = all
            .iter()
            .max_by_key(|one| one.context)
            .filter(|one| one.context > 0)?;
        Some(Measured {
            context: largest.context,
            peak_bytes: all.iter().filter_map(|one| one.peak_bytes).max(),
            decode_tokens_per_second: newest(|one| one.decode_tokens_per_second),
            prompt_tokens_per_second: newest(|one| one.prompt_tokens_per_second),
        })
    }

    /// The memory that a model took, where it was alone, and in the main memory alone: with a draft it says nothing of
    /// either, and a graphics card's is not in it.
    fn known_of(&self, record: &ModelRecord, bytes: u64) -> Option<u64> {
        let alone = record.draft_id.is_none() || !record.speculates;
        (alone && bytes > 0 && self.card_in_use().is_none()).then_some(bytes)
    }

    async fn keep_measurement(&self, new: NewMeasurement) {
        let Ok(store) = self.store().await else { return };
        if let Err(error) = store.add_measurement(new).await {
            // The reply itself is safe; the next one measures again.
            tracing::warn!(%error, "a measurement was not kept");
        }
    }
}

/// Tokens/s without drafts, which is what is predicted: what drafts add depends on the text.
fn plain_speed(stats: &ReplyStats) -> f64 {
    match stats.speculation.plain_tokens_per_second {
        Some(plain) if stats.speculation.drafted > 0 => plain,
        _ => stats.decode_tokens_per_second(),
    }
}
