//! What a model is made of, as far as memory and speed depend on it.

mod checkpoint;
mod dimensions;
mod estimated;
mod exact;

use std::collections::BTreeMap;

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::{self, FLOAT_TYPES};
use hearth_gguf::{Header, TensorType, Value};
use hearth_safetensors::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::{Reason, product};
pub(crate) use dimensions::Dimensions;
pub(crate) use estimated::Mix;

/// A model, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// GGUF's name of the architecture, such as `qwen3`, or that of the family that a class of transformers' belongs to.
    pub architecture: String,
    /// Transformer blocks.
    pub layers: u64,
    /// Length of the hidden state.
    pub embedding: u64,
    /// Length of the feed-forward state, of one expert where there are experts.
    pub feed_forward: u64,
    /// Query heads.
    pub heads: u64,
    /// Key and value heads.
    pub kv_heads: u64,
    /// Numbers of one head's key.
    pub key_length: u64,
    /// Numbers of one head's value.
    pub value_length: u64,
    /// Numbers of a head that carry the position.
    pub rotary_length: u64,
    /// Tokens of the vocabulary.
    pub vocabulary: u64,
    /// Rules of the tokeniser for joining two tokens.
    pub merges: u64,
    /// The context that the file names, in tokens.
    pub trained_context: u64,
    /// The context up to which the engine runs the model as it was trained, in tokens; at most `trained_context`, and less
    /// where it was stretched in a way that the engine does not follow.
    pub reliable_context: u64,
    /// Experts of a mixture; `None` for a dense model.
    pub experts: Option<Experts>,
    /// What layers keep of the tokens that they have read.
    pub kept: Kept,
    /// What the weights take.
    pub weights: Weights,
    /// The weights were inferred from the file's size.
    pub estimated: bool,
    /// [`Header::vocabulary_hash`].
    pub vocabulary_hash: Option<[u8; 32]>,
}

/// What layers keep of the tokens that they have read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Layers that keep keys and values of all tokens.
    pub all: u64,
    /// Layers that keep those of the last `window` tokens.
    pub windowed: u64,
    /// How many those are.
    pub window: u64,
    /// Numbers of 32 bits in the states of all other layers, which do not grow.
    #[serde(default)]
    pub state_numbers: u64,
}

impl Kept {
    /// All layers keep everything.
    pub(crate) fn everything(layers: u64) -> Self {
        Self {
            all: layers,
            windowed: 0,
            window: 0,
            state_numbers: 0,
        }
    }

    /// As the class of a family has it (`models/gemma2.rs`, `models/gpt_oss.rs`, `vision_models/gemma3/text.rs`,
    /// `models/phi3.rs`, `vision_models/qwen3_5/text.rs`): `every` is how often a layer sees all tokens, where that is told.
    pub(crate) fn of(family: &str, layers: u64, window: Option<u64>, every: Option<u64>) -> Self {
        let each = |every: u64| layers / every.max(1);
        match (family, window) {
            ("gemma2", Some(window)) => Self::windows(layers, each(2), window),
            ("gpt_oss" | "gpt-oss", Some(window)) => Self::windows(layers, each(2), window),
            ("gemma3", Some(window)) => Self::windows(layers, each(every.unwrap_or(6)), window),
            ("phi3", Some(window)) => Self::windows(layers, 0, window),
            ("qwen35" | "qwen35moe" | "qwen3_5" | "qwen3_5_moe", _) => {
                Self::everything(each(every.unwrap_or(4)))
            }
            _ => Self::everything(layers),
        }
    }

    fn windows(layers: u64, all: u64, window: u64) -> Self {
        Self {
            all,
            windowed: layers.saturating_sub(all),
            window,
            state_numbers: 0,
        }
    }

    /// With states of so many numbers in each layer of `layers` that keeps nothing of single tokens.
    pub(crate) fn and_states(self, layers: u64, numbers: u64) -> Self {
        let others = layers.saturating_sub(self.all).saturating_sub(self.windowed);
        Self {
            state_numbers: product(&[others, numbers]),
            ..self
        }
    }

    /// Tokens that the layers look at together when the last of `context` is read.
    pub(crate) fn seen(&self, context: u64) -> u64 {
        let windows = product(&[self.windowed, self.window.min(context)]);
        product(&[self.all, context]).saturating_add(windows)
    }

    /// Tokens that the layers have room for together when the cache is made for `context`: a window keeps some before it, to go
    /// back to, and moves to the front now and then (`worker/patches/mistralrs-core/window.patch`).
    pub(crate) fn room(&self, context: u64) -> u64 {
        const BEFORE_AND_BEHIND: u64 = 64 + 512;
        let room = self.window.saturating_add(BEFORE_AND_BEHIND).min(context);
        product(&[self.all, context]).saturating_add(product(&[self.windowed, room]))
    }
}

/// Numbers of a layer's state in Qwen 3.5's linear attention: a matrix for each head of values, and the last inputs of a
/// convolution over queries, keys and values. `values` are the numbers of all heads together.
fn linear_state(key_heads: u64, key_length: u64, values: u64, kernel: u64) -> u64 {
    let channels = product(&[2, key_heads, key_length]).saturating_add(values);
    product(&[key_length, values]).saturating_add(product(&[channels, kernel]))
}

/// A mixture of experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Experts {
    /// In each layer.
    pub count: u64,
    /// That one token asks.
    pub used: u64,
}

/// The weights by what the engine does with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weights {
    /// Matrices, those of one role, type and treatment together.
    pub matrices: Vec<Matrices>,
    /// Numbers of the table of embeddings.
    pub embedding_weights: u64,
    /// Bytes of the table in the file.
    pub embedding_bytes: u64,
    /// The table is the output as well: [`Role::Output`] counts it once more.
    pub tied: bool,
    /// Numbers of norms and biases.
    pub vector_weights: u64,
    /// Bytes that taking one layer's experts apart takes, for a file that holds them in one tensor, or that weights wait in to
    /// be quantised; else 0.
    pub unstacking_bytes: u64,
    /// The file's header holds the vocabulary, and is held while the weights are read.
    #[serde(default)]
    pub vocabulary_in_header: bool,
}

/// Matrices that are held alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matrices {
    /// What they are for.
    pub role: Role,
    /// How their numbers are stored.
    pub tensor_type: TensorType,
    /// Their sides divide into tiles of candle's kernels: columns by 256, rows by 16.
    pub tiled: bool,
    /// They are plain numbers of 16 bits and stay so (`worker/src/translation/layer.rs`).
    pub halves: bool,
    /// Numbers of all together.
    pub weights: u64,
    /// Bytes of all together in the file.
    pub bytes: u64,
}

impl Matrices {
    /// Whether the numbers are plain floats, of which the engine makes 32-bit ones unless they are [`Self::halves`].
    pub(crate) fn is_float(&self) -> bool {
        FLOAT_TYPES.contains(&self.tensor_type.name().as_str())
    }
}

/// What a matrix is for, which says how often it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A layer's, read for every token.
    Layer,
    /// An expert's, read for some tokens.
    Expert,
    /// From the last hidden state to the vocabulary; once for a whole prompt.
    Output,
}

impl Shape {
    /// Whether a prompt is read in one piece: keys that are turned by how long the text is hold for that text alone
    /// (`Kind::Whole` in `worker/src/reader.rs`).
    pub(crate) fn reads_whole(&self) -> bool {
        self.kept.windowed > 0 && self.kept.window >= self.trained_context
    }

    /// The shape of the model with this header, the shards of a split one joined.
    ///
    /// # Errors
    /// Why the engine cannot run it: every reason that [`support::check`] knows.
    pub fn of(header: &Header) -> Result<Self, Reason> {
        support::check(header)?;
        let dimensions = Dimensions::of(&header.metadata)?;
        let weights = exact::weights(header, &dimensions);
        let is_scaled = header
            .tensors
            .iter()
            .any(|tensor| tensor.name.starts_with("rope_f"));
        Ok(dimensions.shape(weights, is_scaled, header.vocabulary_hash))
    }

    /// The shape of a model of safetensors whose weights are quantised while they are read.
    ///
    /// # Errors
    /// Why the engine cannot run it: every reason that [`support::safetensors::check`] knows.
    pub fn of_checkpoint(model: &Checkpoint, quantisation: Option<Quantisation>) -> Result<Self, Reason> {
        let class = support::safetensors::check(model)?;
        checkpoint::shape(class.family, model, quantisation)
    }

    /// The shape of a model of which only the `{architecture}.…` metadata and the file's size are known. The header of one
    /// quantisation so serves for all of a repo, of the sizes of their files.
    ///
    /// # Errors
    /// Why the engine cannot run it, as far as that is known without its tensors.
    pub fn estimated(metadata: &BTreeMap<String, Value>, file_bytes: u64) -> Result<Self, Reason> {
        let dimensions = Dimensions::of(metadata)?;
        let weights = estimated::weights(&dimensions, file_bytes);
        let is_scaled = dimensions.looks_scaled();
        Ok(Self {
            estimated: true,
            ..dimensions.shape(weights, is_scaled, None)
        })
    }
}
