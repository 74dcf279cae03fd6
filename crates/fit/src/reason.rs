//! Why a model does not run here, or not in full, in sentences for the person who wants it.

use hearth_engine::support::{ARCHITECTURES, Unsupported};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why the engine cannot run a model, or runs it with less context than it was trained for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reason {
    /// An architecture that it does not know.
    #[error("Hearth's engine cannot run models of the kind “{architecture}” yet. It runs {}.", ARCHITECTURES.join(", "))]
    Architecture {
        /// As the file names it.
        architecture: String,
    },
    /// A quantisation that it does not know.
    #[error(
        "The engine cannot read the number format {tensor_type} that this file uses. Choose another file of the same \
         model, such as Q4_K_M or Q8_0."
    )]
    TensorType {
        /// The type.
        tensor_type: String,
    },
    /// It was not made for chats.
    #[error(
        "This file has no chat template: the model continues text and was not made for chats. Look for one whose name \
         ends in Instruct or Chat."
    )]
    NoChatTemplate,
    /// Something that the engine needs is not in the header.
    #[error(
        "This file lacks what the engine needs: it has no {what}. Look for another file of the same model."
    )]
    Missing {
        /// What.
        what: String,
    },
    /// The engine would fail on it, or answer nonsense.
    #[error("The engine cannot run this model rightly: {detail}.")]
    Misfit {
        /// In what.
        detail: String,
    },
    /// It runs, but not with all of its context.
    #[error(
        "This model was stretched to {trained} tokens in a way that the engine does not follow yet; beyond {reliable} \
         tokens its answers get worse, so Hearth stops there."
    )]
    ContextLimited {
        /// Tokens that the model was trained for.
        #[ts(type = "number")]
        trained: u64,
        /// Tokens up to which the engine runs it as it was trained.
        #[ts(type = "number")]
        reliable: u64,
    },
}

impl From<Unsupported> for Reason {
    fn from(unsupported: Unsupported) -> Self {
        match unsupported {
            Unsupported::Architecture { architecture } => Self::Architecture { architecture },
            Unsupported::TensorType { tensor_type, .. } => Self::TensorType { tensor_type },
            Unsupported::NoTemplate => Self::NoChatTemplate,
            Unsupported::Missing { what } => Self::Missing { what },
            Unsupported::Misfit { detail } => Self::Misfit { detail },
        }
    }
}
