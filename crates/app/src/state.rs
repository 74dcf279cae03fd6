//! The engine's state as the UI shows it.

use hearth_engine::{EngineStatus, Ready};
use serde::Serialize;
use ts_rs::TS;

use crate::replies::Active;
use crate::{ErrorReport, Model};

/// What a model computes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunsOn {
    /// What the worker was built for: `cpu`, `cuda`, `metal`, `accelerate`, `mkl`.
    pub backend: String,
    /// The graphics card; `None`: the processor alone.
    pub card: Option<String>,
    /// Layers that lie on the card.
    #[ts(type = "number")]
    pub card_layers: usize,
    /// All layers of the model.
    #[ts(type = "number")]
    pub layers: usize,
    /// Why it is not the graphics card, in a sentence, where it could not be.
    pub notice: Option<String>,
}

impl From<&Ready> for RunsOn {
    fn from(ready: &Ready) -> Self {
        Self {
            backend: ready.backend.clone(),
            card: ready.card.clone(),
            card_layers: ready.model.card_layers,
            layers: ready.model.layers,
            notice: ready.notice.clone(),
        }
    }
}

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum EngineState {
    /// No model is chosen.
    NoModel,
    /// The model is being read.
    Loading {
        /// Which.
        model: Model,
        /// 0 to 1.
        fraction: f32,
        /// What the engine died of, when it is being restarted.
        after: Option<ErrorReport>,
    },
    /// The model waits for a question.
    Ready {
        /// Which.
        model: Model,
        /// Its context, in tokens.
        #[ts(type = "number")]
        context: usize,
        /// What computes.
        on: RunsOn,
        /// It can be asked to think before it answers.
        thinks: bool,
    },
    /// The model is answering.
    Answering {
        /// Which.
        model: Model,
        /// Its context, in tokens.
        #[ts(type = "number")]
        context: usize,
        /// What computes.
        on: RunsOn,
        /// It can be asked to think before it answers.
        thinks: bool,
        /// The chat it answers in.
        chat_id: String,
        /// The reply.
        message_id: String,
        /// Decode speed; `None` while the prompt is read.
        tokens_per_second: Option<f32>,
        /// That speed as a multiple of the speed without drafts; `None` while nothing was drafted.
        speed_up: Option<f32>,
    },
    /// The model's speed is being measured.
    Measuring {
        /// Which.
        model: Model,
    },
    /// The model is not in memory; the next question loads it.
    Asleep {
        /// Which.
        model: Model,
    },
    /// A load failed or the engine died.
    Failed {
        /// Which.
        model: Option<Model>,
        /// What happened.
        error: ErrorReport,
    },
}

impl EngineState {
    /// Joins what the supervisor says with the model that was chosen and the reply in progress.
    pub(crate) fn new(status: EngineStatus, model: Option<Model>, active: Option<Active>) -> Self {
        let Some(model) = model else {
            return match status {
                EngineStatus::Failed { error, .. } => Self::Failed {
                    model: None,
                    error: error.into(),
                },
                _ => Self::NoModel,
            };
        };
        let measuring = active.as_ref().is_some_and(|active| active.chat_id.is_none());
        match status {
            EngineStatus::Ready(_) | EngineStatus::Answering { .. } if measuring => Self::Measuring { model },
            EngineStatus::Empty | EngineStatus::Asleep { .. } => Self::Asleep { model },
            EngineStatus::Loading { fraction, after, .. } => Self::Loading {
                model,
                fraction,
                after: after.map(Into::into),
            },
            EngineStatus::Failed { error, .. } => Self::Failed {
                model: Some(model),
                error: error.into(),
            },
            EngineStatus::Ready(ready) => Self::Ready {
                model,
                context: ready.model.context,
                on: RunsOn::from(&ready),
                thinks: ready.model.thinks,
            },
            EngineStatus::Answering {
                ready,
                tokens_per_second,
                speed_up,
            } => {
                let (context, thinks) = (ready.model.context, ready.model.thinks);
                let on = RunsOn::from(&ready);
                match active {
                    Some(Active {
                        chat_id: Some(chat_id),
                        message_id,
                        ..
                    }) => Self::Answering {
                        model,
                        context,
                        on,
                        thinks,
                        chat_id,
                        message_id,
                        tokens_per_second,
                        speed_up,
                    },
                    _ => Self::Ready {
                        model,
                        context,
                        on,
                        thinks,
                    },
                }
            }
        }
    }
}
