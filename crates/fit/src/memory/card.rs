//! The part of a model that lies on a graphics card.

use hearth_engine::support;
use hearth_machine::{CpuLevel, Gpu, GpuMemory, Machine};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{MemoryNeed, Parts, prompt};
use crate::constants::{CARD_BYTES, WORKER_BYTES};
use crate::held::held;
use crate::shape::Role;
use crate::{Shape, product, sum};

/// What of a model a graphics card takes. The engine fills it with the first layers, the embeddings and the output; layers
/// that find no room stay with the processor (`LayerDeviceMapper` in `device_map.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct CardShare {
    /// The card, as its maker calls it.
    pub name: String,
    /// Layers that lie there.
    #[ts(type = "number")]
    pub layers: u64,
    /// All layers of the model.
    #[ts(type = "number")]
    pub of_layers: u64,
    /// Bytes that it takes of the card's memory.
    #[ts(type = "number")]
    pub bytes: u64,
    /// Bytes of the card's memory that are free for it.
    #[ts(type = "number")]
    pub usable_bytes: u64,
    /// All of the card's memory, in bytes.
    #[ts(type = "number")]
    pub total_bytes: u64,
}

impl CardShare {
    /// Whether the whole model lies there.
    pub fn is_whole(&self) -> bool {
        self.layers == self.of_layers
    }
}

/// A model between a graphics card and the main memory.
pub(crate) struct Placed {
    pub share: CardShare,
    /// Bytes that stay in the main memory at the worst moment.
    pub main_bytes: u64,
    /// The card's memory is not the main memory.
    pub apart: bool,
}

/// As much of a model on the card as finds room; `None` where not even one layer does, and the processor does it all.
///
/// `need` is what the model takes where all of it lies in the main memory.
pub(crate) fn place(
    card: &Gpu,
    machine: &Machine,
    shape: &Shape,
    draft: Option<&Shape>,
    need: &MemoryNeed,
    context: u64,
) -> Option<Placed> {
    let usable = card.usable_bytes(&machine.memory)?;
    let (apart, total) = match card.memory {
        GpuMemory::Dedicated { total_bytes, .. } => (true, total_bytes),
        GpuMemory::Unified { budget_bytes } => (false, budget_bytes),
        GpuMemory::Unknown => return None,
    };
    // On a card nothing is packed, which is how a processor without kernels of its own holds matrices.
    let parts = Parts::of(shape, CpuLevel::Baseline, context);
    let all = shape.layers.max(1);
    let layer = |kv_bytes: u64| {
        let layers = sum(&[
            role_bytes(shape, |role| role != Role::Output),
            parts.vectors,
            kv_bytes,
        ]);
        layers.div_ceil(all)
    };
    let common = sum(&[
        CARD_BYTES,
        role_bytes(shape, |role| role == Role::Output),
        parts.embeddings,
        parts.positions,
        prompt::buffers(shape, context),
        attention(shape, context),
        draft.map_or(0, |draft| {
            let draft = Parts::of(draft, CpuLevel::Baseline, context);
            sum(&[draft.weights(), draft.positions, draft.cache.peak()])
        }),
    ]);
    let room = usable.checked_sub(common)?;
    // A model that is divided computes in 32 bits everywhere, and so does the card's part of the cache; one that is not, in
    // the 16 that cards are made for, unless it is a file of GGUF that runs as a class of its own (`worker/src/device.rs`).
    let divided = layer(product(&[parts.cache.bytes, 2]));
    let whole = match support::class(&shape.architecture) {
        Some(_) => divided,
        None => layer(parts.cache.bytes),
    };
    let (layers, each) = if product(&[all, whole]) <= room {
        (all, whole)
    } else {
        ((room / divided.max(1)).min(all - 1), divided)
    };
    if layers == 0 || (layers < all && stays_whole(shape)) {
        return None;
    }
    let share = CardShare {
        name: card.name.clone(),
        layers,
        of_layers: all,
        bytes: common.saturating_add(product(&[layers, each])),
        usable_bytes: usable,
        total_bytes: total,
    };
    let moved = sum(&[
        product(&[need.weights_bytes.saturating_add(need.kv_bytes), layers]) / all,
        need.draft_bytes,
    ]);
    // However little is left, there are the worker, the tokeniser and the file's header.
    let least = sum(&[WORKER_BYTES, parts.vocabulary, parts.metadata]);
    let main_bytes = match apart {
        true => need.peak_bytes.saturating_sub(moved).max(least),
        false => need.peak_bytes.saturating_add(CARD_BYTES),
    };
    Some(Placed {
        share,
        main_bytes,
        apart,
    })
}

/// Whether the engine cannot divide the model: states that do not grow all lie on one device (`HybridCache::new` in
/// `kv_cache/hybrid_cache.rs`), and Granite's class keeps everything as those do.
fn stays_whole(shape: &Shape) -> bool {
    shape.kept.attending() < shape.layers || shape.architecture.starts_with("granite")
}

/// Bytes on a card of the matrices of some roles.
fn role_bytes(shape: &Shape, of: impl Fn(Role) -> bool) -> u64 {
    let matrices = shape.weights.matrices.iter().filter(|one| of(one.role));
    let bytes: Vec<u64> = matrices.map(|one| held(one, CpuLevel::Baseline).loaded).collect();
    sum(&bytes)
}

/// What attention holds of one layer for a moment (`naive_sdpa` in `attention/backends/naive.rs`): what every query of a
/// chunk makes of every key, twice, and keys and values once for every head.
fn attention(shape: &Shape, context: u64) -> u64 {
    const FLOAT: u64 = 4;
    /// `ATTENTION_CHUNK_SIZE` in `attention/mod.rs`.
    const CHUNK: u64 = 1024;
    let queries = prompt::portion(shape, context).min(CHUNK);
    let scores = product(&[shape.heads, queries, context, FLOAT, 2]);
    let lengths = shape.key_length.saturating_add(shape.value_length);
    scores.saturating_add(product(&[shape.heads, lengths, context, FLOAT]))
}
