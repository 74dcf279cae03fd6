//! What a model is made of, as far as memory and speed depend on it.

mod checkpoint;
mod dimensions;
mod estimated;
mod exact;
mod kept;

use std::collections::BTreeMap;

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::{self, FLOAT_TYPES};
use hearth_gguf::{Header, TensorType, Value};
use hearth_safetensors::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::{Reason, product};
pub(crate) use dimensions::Dimensions;
pub(crate) use estimated::Mix;
pub use kept::{Kept, WindowHeads};

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
    /// The heads of layers that see a window, where they are others than those above.
    #[serde(default)]
    pub window_heads: Option<WindowHeads>,
    /// Numbers that a token brings for all layers together, out of a table of their own; 0 but for Gemma's small models.
    #[serde(default)]
    pub per_layer_inputs: u64,
    /// What the weights take.
    pub weights: Weights,
    /// The weights were inferred from the file's size.
    pub estimated: bool,
    /// [`Header::vocabulary_hash`].
    pub vocabulary_hash: Option<[u8; 32]>,
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
    /// Bytes that the table of [`Shape::per_layer_inputs`] is held in. A token takes one row of it.
    #[serde(default)]
    pub per_layer_bytes: u64,
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
    /// Numbers of keys and values that there is room for when the cache is made for `context` tokens.
    pub(crate) fn cache_numbers(&self, context: u64) -> u64 {
        let lengths = self.key_length.saturating_add(self.value_length);
        let (kv_heads, window_lengths) = match self.window_heads {
            Some(heads) => (heads.kv_heads, heads.length.saturating_mul(2)),
            None => (self.kv_heads, lengths),
        };
        product(&[self.kept.all, context, self.kv_heads, lengths]).saturating_add(product(&[
            self.kept.window_room(context),
            kv_heads,
            window_lengths,
        ]))
    }

    /// Numbers of keys and values that the last of `context` tokens looks at, once for each head of queries.
    pub(crate) fn queried_numbers(&self, context: u64) -> f64 {
        self.seen_numbers(context, self.heads, self.heads)
    }

    /// The same, once for each head of keys and values.
    pub(crate) fn read_numbers(&self, context: u64) -> f64 {
        let of_windows = self.window_heads.map_or(self.kv_heads, |heads| heads.kv_heads);
        self.seen_numbers(context, self.kv_heads, of_windows)
    }

    fn seen_numbers(&self, context: u64, heads: u64, heads_of_windows: u64) -> f64 {
        let lengths = (self.key_length as f64, self.value_length as f64);
        let length = self.window_heads.map(|heads| heads.length as f64);
        let all = self.kept.seen_whole(context) as f64 * heads as f64 * (lengths.0 + lengths.1);
        let window_lengths = length.map_or(lengths.0 + lengths.1, |length| 2.0 * length);
        all + self.kept.seen_in_windows(context) as f64 * heads_of_windows as f64 * window_lengths
    }

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
