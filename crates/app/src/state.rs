//! The engine's state as the UI shows it.

use hearth_engine::EngineStatus;
use serde::Serialize;
use ts_rs::TS;

use crate::replies::Active;
use crate::{ErrorReport, Model};

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
        backend: String,
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
        backend: String,
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
                backend: ready.backend,
                thinks: ready.model.thinks,
            },
            EngineStatus::Answering {
                ready,
                tokens_per_second,
                speed_up,
            } => {
                let (context, backend, thinks) = (ready.model.context, ready.backend, ready.model.thinks);
                match active {
                    Some(Active {
                        chat_id: Some(chat_id),
                        message_id,
                        ..
                    }) => Self::Answering {
                        model,
                        context,
                        backend,
                        thinks,
                        chat_id,
                        message_id,
                        tokens_per_second,
                        speed_up,
                    },
                    _ => Self::Ready {
                        model,
                        context,
                        backend,
                        thinks,
                    },
                }
            }
        }
    }
}
