//! Guessing ahead: which models' replies are speculated, what drafts for them, and what it brings on this computer.

use std::time::{Duration, Instant};

use hearth_engine::protocol::{ChatMessage, ReplyStats, Role, Sampling};
use hearth_engine::{EngineError, Question, ReplyEvent};
use hearth_fit::{Shape, same_vocabulary};
use hearth_store::{ModelRecord, SpeculationKey};
use serde::Serialize;
use tokio::sync::watch;
use ts_rs::TS;

use crate::measured::model_key;
use crate::{App, ErrorCode, ErrorReport};

/// What is written without drafts and with them: a text that repeats what was asked, code, and one that repeats nothing.
const TEXTS: [&str; 3] = [
    "Write this list once more, in the same order, with a full stop after every line:\n\
     Hang up the coats in the hall\nFeed the cat before eight o'clock\nWater the tomatoes on the balcony\n\
     Take the parcel to the post office\nBuy bread, butter and a dozen eggs\nCall the plumber about the tap",
    "Rename the variable `x` to `total` and write the whole function again:\n\
     ```python\ndef mean(values):\n    x = 0.0\n    for value in values:\n        x = x + value\n    if len(values) == 0:\n        \
     raise ValueError(\"no values\")\n    return x / len(values)\n```",
    "Tell me a short story about a lighthouse keeper who finds a letter on the beach.",
];
/// Tokens of each reply.
const REPLY_TOKENS: usize = 96;
/// No further text is begun after this: on a slow computer one is telling enough.
const LONG_ENOUGH: Duration = Duration::from_secs(90);

/// How a model's replies are speculated.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ModelSpeculation {
    /// Whether they are.
    pub enabled: bool,
    /// The id of the smaller model that drafts beside the text itself; `None`: none, or it has gone.
    pub draft: Option<String>,
    /// The models that could.
    pub drafts: Vec<DraftChoice>,
    /// What it brought when it was measured like this on this computer.
    pub measured: Option<MeasuredSpeculation>,
    /// How far a measurement is, 0 to 1, while one runs.
    pub measuring: Option<f64>,
}

/// A model that can draft for another: smaller, with the same vocabulary.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DraftChoice {
    /// How the UI names it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Bytes of its files.
    #[ts(type = "number")]
    pub size_bytes: u64,
}

/// The speed of the same replies without drafts and with them, in tokens a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredSpeculation {
    /// Without.
    pub plain_tokens_per_second: f64,
    /// With.
    pub tokens_per_second: f64,
    /// When, in milliseconds since 1970.
    #[ts(type = "number")]
    pub measured_at: i64,
}

/// Tokens after the first of each reply, and the seconds that they took.
#[derive(Clone, Copy, Default)]
struct Written {
    tokens: usize,
    seconds: f64,
}

impl Written {
    fn add(&mut self, stats: &ReplyStats) {
        self.tokens += stats.reply_tokens.saturating_sub(1);
        self.seconds += stats.decode_milliseconds / 1000.0;
    }

    fn speed(self) -> Option<f64> {
        (self.tokens > 0 && self.seconds > 0.0).then(|| self.tokens as f64 / self.seconds)
    }
}

impl App {
    /// Sets whether a model's replies are speculated, and which model drafts for it. Holds from the next question on.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while the model answers, [`ErrorCode::InvalidInput`] for a draft that does not fit it,
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn set_speculation(
        &self,
        id: &str,
        enabled: bool,
        draft: Option<&str>,
    ) -> Result<(), ErrorReport> {
        let store = self.store().await?;
        let record = store.model(id).await?;
        if let Some(draft) = draft {
            let draft = store.model(draft).await?;
            if !self.drafts_for(&draft, &record).await {
                let message = format!(
                    "{} cannot draft for {}: that takes a model of half the size at most with the same vocabulary. \
                     Choose another one.",
                    draft.name, record.name
                );
                return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
            }
        }
        let is_chosen = self.chosen().is_some_and(|chosen| chosen.id == record.id);
        if is_chosen && self.active_reply().is_some() {
            let message = format!(
                "{} is answering. Wait for the reply, or stop it first.",
                record.name
            );
            return Err(ErrorReport::new(ErrorCode::Busy, message));
        }
        let before = self.draft_of(&record).await.map(|(draft, _)| draft.id);
        store.set_speculation(&record.id, enabled, draft).await?;
        if is_chosen {
            let record = store.model(&record.id).await?;
            let after = self.draft_of(&record).await.map(|(draft, _)| draft.id);
            self.choose(Some(record));
            if before != after {
                // The next question loads it with the other draft.
                self.engine.unload().await;
            }
        }
        self.tell_library().await;
        Ok(())
    }

    /// Writes the same replies without drafts and with them, keeps the speeds of both, and returns them. Takes a minute or
    /// two; the library's events tell how far it is. `None` when it was stopped.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while a reply is in progress, [`ErrorCode::InvalidInput`] where speculation is off, the engine's,
    /// or the store's.
    pub async fn measure_speculation(&self, id: &str) -> Result<Option<MeasuredSpeculation>, ErrorReport> {
        let store = self.store().await?;
        let record = store.model(id).await?;
        if !record.speculates {
            let message = format!(
                "Guessing ahead is off for {}. Turn it on to measure it.",
                record.name
            );
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        let place = self.take_place(None)?;
        let stopped = place.stopped();
        self.choose(Some(record.clone()));
        let compared = self.compare(&record, stopped).await;
        self.shelf.set_measuring(None);
        drop(place);
        self.tell_engine();
        if let Ok(Some((plain, with))) = compared {
            let key = self.speculation_key(&record).await;
            store.keep_speculation_measurement(&key, plain, with).await?;
        }
        self.tell_library().await;
        match compared? {
            Some(_) => Ok(self.measured_speculation(&record).await),
            None => Ok(None),
        }
    }

    /// Ends a measurement, if one runs.
    pub fn stop_measuring(&self) {
        if let Some(active) = self.active_reply().filter(|active| active.chat_id.is_none()) {
            active.stop();
        }
    }

    /// The model that drafts for this one, if one does: it was chosen, its files are there, and it fits.
    pub(crate) async fn draft_of(&self, record: &ModelRecord) -> Option<(ModelRecord, Shape)> {
        let id = record.draft_id.as_ref().filter(|_| record.speculates)?;
        let draft = self.store().await.ok()?.model(id).await.ok()?;
        let shape = self.shape_of(&draft).await?;
        self.drafts_for(&draft, record).await.then_some((draft, shape))
    }

    /// How a model's replies are speculated; `all` are the models that there are.
    pub(crate) async fn speculation_of(&self, record: &ModelRecord, all: &[ModelRecord]) -> ModelSpeculation {
        let mut drafts = Vec::new();
        for draft in all {
            if self.drafts_for(draft, record).await {
                drafts.push(DraftChoice {
                    id: draft.id.clone(),
                    name: draft.name.clone(),
                    size_bytes: draft.size_bytes,
                });
            }
        }
        let chosen = record.draft_id.clone();
        ModelSpeculation {
            enabled: record.speculates,
            draft: chosen.filter(|id| drafts.iter().any(|draft| draft.id == *id)),
            drafts,
            measured: self.measured_speculation(record).await,
            measuring: self.shelf.measuring(&record.id),
        }
    }

    /// Whether one model can draft for another. A draft of more than half the size takes longer than it saves.
    async fn drafts_for(&self, draft: &ModelRecord, target: &ModelRecord) -> bool {
        let small = draft.size_bytes.saturating_mul(2) <= target.size_bytes;
        if !small {
            return false;
        }
        let (Some(one), Some(other)) = (self.shape_of(draft).await, self.shape_of(target).await) else {
            return false;
        };
        // The disk is asked last, and only about models that could: this is asked of every pair in the library.
        same_vocabulary(one.vocabulary_hash, other.vocabulary_hash)
            && draft.files.iter().all(|file| file.path.exists())
    }

    async fn speculation_key(&self, record: &ModelRecord) -> SpeculationKey {
        let draft = self.draft_of(record).await;
        SpeculationKey {
            model: model_key(record),
            draft: draft.map(|(draft, _)| model_key(&draft)),
            machine: self.device_key(Some(record.path())).await,
        }
    }

    async fn measured_speculation(&self, record: &ModelRecord) -> Option<MeasuredSpeculation> {
        let key = self.speculation_key(record).await;
        let found = self
            .store()
            .await
            .ok()?
            .speculation_measurement(&key)
            .await
            .ok()??;
        Some(MeasuredSpeculation {
            plain_tokens_per_second: found.plain_tokens_per_second,
            tokens_per_second: found.tokens_per_second,
            measured_at: found.measured_at,
        })
    }

    /// The speeds without drafts and with them; `None` when it was stopped.
    async fn compare(
        &self,
        record: &ModelRecord,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<Option<(f64, f64)>, EngineError> {
        self.tell_measuring(record, 0.0).await;
        if !self.wake(&mut stopped).await? {
            return Ok(None);
        }
        let begun = Instant::now();
        let (mut plain, mut with) = (Written::default(), Written::default());
        for (index, text) in TEXTS.iter().enumerate() {
            if index > 0 && begun.elapsed() > LONG_ENOUGH {
                break;
            }
            // In turns, so that a computer that grows slower favours neither.
            for (turn, speculate) in [index % 2 == 1, index % 2 == 0].into_iter().enumerate() {
                let Some(stats) = self.write(text, speculate, &mut stopped).await? else {
                    return Ok(None);
                };
                if speculate { &mut with } else { &mut plain }.add(&stats);
                let done = (2 * index + turn + 1) as f64 / (2 * TEXTS.len()) as f64;
                self.tell_measuring(record, done).await;
            }
        }
        Ok(plain.speed().zip(with.speed()))
    }

    /// One reply; `None` when it was stopped.
    async fn write(
        &self,
        text: &str,
        speculate: bool,
        stopped: &mut watch::Receiver<bool>,
    ) -> Result<Option<ReplyStats>, EngineError> {
        let mut reply = self.engine.generate(Question {
            messages: vec![ChatMessage {
                role: Role::User,
                content: text.to_owned(),
            }],
            // So that both replies are the same.
            sampling: Sampling::greedy(),
            max_tokens: Some(REPLY_TOKENS),
            speculate,
            ..Question::default()
        });
        loop {
            tokio::select! {
                event = reply.next() => match event {
                    Some(ReplyEvent::Started { .. } | ReplyEvent::Text(_)) => {}
                    Some(ReplyEvent::Done { stats, .. }) => {
                        self.keep_reply(stats);
                        return Ok(Some(stats));
                    }
                    Some(ReplyEvent::Failed(error)) => return Err(error),
                    None => return Err(EngineError::Replaced),
                },
                // Dropped, the reply is cancelled.
                _ = stopped.wait_for(|&stop| stop) => return Ok(None),
            }
        }
    }

    async fn tell_measuring(&self, record: &ModelRecord, fraction: f64) {
        self.shelf.set_measuring(Some((record.id.clone(), fraction)));
        self.tell_library().await;
    }
}
