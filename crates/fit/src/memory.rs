//! What running a model takes of the main memory.

mod cache;
mod card;
mod prompt;

use hearth_machine::CpuLevel;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::constants::{HEAP_BYTES, HEAP_SHARE, LOADING_TOKEN_BYTES, TOKEN_BYTES, WORKER_BYTES};
use crate::held::{Held, held};
use crate::shape::{Role, Weights};
use crate::{Shape, product, sum};
use cache::Cache;

pub use card::CardShare;
pub(crate) use card::{Placed, place};
pub(crate) use prompt::portion;

/// Bytes that running a model takes. The parts add up to the peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemoryNeed {
    /// The weights as the engine holds them: as they are in the file, and on ARM once more in the order that the processor's
    /// kernels want.
    #[ts(type = "number")]
    pub weights_bytes: u64,
    /// The KV cache when the context is full.
    #[ts(type = "number")]
    pub kv_bytes: u64,
    /// The worker itself, the tokeniser, and what is held for a moment: a prompt's buffers, the file's data while it is read.
    #[ts(type = "number")]
    pub buffers_bytes: u64,
    /// The draft model's weights, vocabulary and cache.
    #[ts(type = "number")]
    pub draft_bytes: u64,
    /// The most that is held at once, in the worst case: a prompt that fills the context.
    #[ts(type = "number")]
    pub peak_bytes: u64,
}

impl MemoryNeed {
    /// What `shape` takes at `context` tokens on a processor of this level, with `draft` beside it.
    pub(crate) fn of(shape: &Shape, draft: Option<&Shape>, level: CpuLevel, context: u64) -> Self {
        let parts = Parts::of(shape, level, context);
        let draft_bytes = draft.map_or(0, |draft| {
            let draft = Parts::of(draft, level, context);
            // The two models take turns, so the smaller one's prompt buffers find the larger one's room free.
            sum(&[
                draft.weights(),
                draft.vocabulary,
                draft.positions,
                draft.cache.peak(),
            ])
        });
        let peak = parts.peak().saturating_add(draft_bytes);
        let (weights, kv) = (parts.weights(), parts.cache.bytes);
        Self {
            weights_bytes: weights,
            kv_bytes: kv,
            buffers_bytes: peak.saturating_sub(sum(&[weights, kv, draft_bytes])),
            draft_bytes,
            peak_bytes: peak,
        }
    }

    /// With so many bytes more or less, as measurements ask for. They are counted among the buffers as far as those reach.
    pub(crate) fn corrected(self, up: u64, down: u64) -> Self {
        let peak = self.peak_bytes.saturating_add(up).saturating_sub(down);
        let weights = self
            .weights_bytes
            .saturating_sub(down.saturating_sub(self.buffers_bytes));
        Self {
            weights_bytes: weights,
            buffers_bytes: peak.saturating_sub(sum(&[weights, self.kv_bytes, self.draft_bytes])),
            peak_bytes: peak,
            ..self
        }
    }

    /// The part that every prompt takes, however short.
    pub(crate) fn fixed_bytes(&self) -> u64 {
        sum(&[self.weights_bytes, self.draft_bytes, WORKER_BYTES])
    }
}

/// Positions that the tables are made for, all together: those of the context (`worker/patches/mistralrs-core/rope.patch`), but
/// for families whose own tables are as long as what they were trained for.
fn positions(shape: &Shape, context: u64) -> u64 {
    let tables = match shape.architecture.as_str() {
        "granitemoehybrid" => return shape.trained_context,
        // One for layers with a window and one for those without; one for short texts and one for long ones.
        "gemma3" | "gemma4" | "phi3" => 2,
        _ => 1,
    };
    product(&[shape.trained_context.min(context), tables])
}

/// Whether the output's product works on the table of embeddings itself; of plain floats it makes a copy of its own.
fn is_shared(weights: &Weights) -> bool {
    let mut outputs = weights.matrices.iter().filter(|one| one.role == Role::Output);
    weights.tied && !outputs.any(|output| output.is_float() && !output.halves)
}

/// What is held when.
struct Parts {
    /// Matrices from when they are read, and what is added when they are used.
    matrices: u64,
    packed: u64,
    /// The table of embeddings as it is in the file (`worker/patches/mistralrs-core/embedding.patch`), where the output
    /// does not share it, and that of rows for each layer.
    embeddings: u64,
    /// Norms and biases as 32-bit floats (`QRmsNorm::new` in `layers.rs`).
    vectors: u64,
    unstacking: u64,
    vocabulary: u64,
    /// The header's metadata, of which the tokens are nearly all.
    metadata: u64,
    /// Sines and cosines of [`positions`].
    positions: u64,
    cache: Cache,
    prompt: u64,
}

impl Parts {
    fn of(shape: &Shape, level: CpuLevel, context: u64) -> Self {
        let weights = &shape.weights;
        let held: Vec<_> = weights.matrices.iter().map(|one| held(one, level)).collect();
        let total = |of: fn(&Held) -> u64| sum(&held.iter().map(of).collect::<Vec<_>>());
        let words = shape.vocabulary.saturating_add(shape.merges);
        Self {
            matrices: total(|one| one.loaded),
            packed: total(|one| one.packed),
            embeddings: match is_shared(weights) {
                true => weights.per_layer_bytes,
                false => weights.embedding_bytes.saturating_add(weights.per_layer_bytes),
            },
            vectors: product(&[weights.vector_weights, 4]),
            unstacking: weights.unstacking_bytes,
            vocabulary: product(&[words, TOKEN_BYTES]),
            metadata: match weights.vocabulary_in_header {
                true => product(&[words, LOADING_TOKEN_BYTES]),
                false => 0,
            },
            positions: product(&[positions(shape, context), shape.rotary_length, 4]),
            cache: Cache::of(shape, context),
            prompt: prompt::buffers(shape, context),
        }
    }

    fn weights(&self) -> u64 {
        sum(&[self.matrices, self.packed, self.embeddings, self.vectors])
    }

    /// The highest of three moments.
    fn peak(&self) -> u64 {
        let all = sum(&[self.weights(), WORKER_BYTES, self.vocabulary, self.positions]);
        let reading_the_file = sum(&[all.saturating_sub(self.packed), self.unstacking, self.metadata]);
        // mistral.rs runs one token when all is loaded, which packs what is to be packed.
        let loaded = all.saturating_add(self.metadata);
        let left_by_the_portion_before = self.prompt.min(HEAP_BYTES);
        let reading_the_prompt = sum(&[
            all,
            self.cache.peak(),
            self.prompt,
            (left_by_the_portion_before as f64 * HEAP_SHARE) as u64,
        ]);
        reading_the_file.max(loaded).max(reading_the_prompt)
    }
}
