//! Every number that was measured and not derived, so that measuring again changes one file.
//!
//! Measured on Linux with glibc, two cores, the worker of this repository, models of noise written by `hearth-fixtures`
//! at the shapes of Llama 3.2 1B (128,256 tokens) and Qwen3 0.6B (151,936 tokens) as Q4_K_M, and the built-in model.
//! Memory is `VmHWM`, and `VmRSS` where a rest is meant. `cargo xtask bench fit` compares predictions with such
//! measurements.

/// Bytes of the worker without a model: its program and libraries as far as they are touched (42 MB), runtime, thread
/// stacks, grammars. Measured: the built-in model at rest, 86 MB, less its weights and vocabulary.
pub const WORKER_BYTES: u64 = 75_000_000;

/// Bytes that a graphics card's driver takes for a program that computes there: its context, the libraries' kernels and
/// workspaces. Not measured: no card was at hand. nvidia-smi shows 300 to 500 MB for programs that have computed nothing yet.
pub const CARD_BYTES: u64 = 500_000_000;

/// Bytes per token of the vocabulary, and as many again per merge, that stay after loading: the tokeniser and the trie of
/// llguidance. Measured: memory at rest less the weights and [`WORKER_BYTES`], with `MALLOC_MMAP_THRESHOLD_=131072` so that freed
/// weights leave no holes: 1,010 for Llama's and 1,250 for Qwen3's tokens, each of which had a merge, while grammars had a copy of
/// the tokeniser; the peaks of `cargo xtask bench fit` are 340 and 460 lower without
/// (`worker/patches/mistralrs-core/vocabulary.patch`).
pub const TOKEN_BYTES: u64 = 380;

/// Bytes per token, and as many again per merge, that loading leaves in holes of the heap: the metadata, held twice
/// while the weights are read (`Content::from_readers` in `gguf/content.rs`). Prompts reuse them, so they count only at
/// the end of loading. Measured: the highest point of loading less what is resident at rest in the run above: 220 for
/// Llama's tokens, 780 for Qwen3's, each with a merge.
pub const LOADING_TOKEN_BYTES: u64 = 250;

/// What of [`HEAP_BYTES`] is already in holes while the prompt is read, as a share. Measured: 1,928 MB at the end
/// of a prompt of 1,023 tokens (Qwen3 0.6B), 27 MB above the sum of the parts; 34 MB after 2,559.
pub const HEAP_SHARE: f64 = 0.25;

/// The most that freed prompt buffers leave in the heap for the time after. glibc takes blocks under 32 MB from the heap
/// and returns its end only when more than 64 MB are free there. Measured with Qwen3 0.6B: 40 MB after a prompt of 511
/// tokens, whose buffers took 48, and 81 MB after one of 1,023, whose buffers took 97.
pub const HEAP_BYTES: u64 = 96_000_000;

/// What a number of a state of linear attention costs in reading a prompt, in terms of a number of a key or a value that is
/// multiplied with a query: it is multiplied four times (`worker/attention/src/delta.rs`).
pub const STATE_COST: f64 = 4.0;

/// The share that a model reaches of the speed that its parts have alone: between two products others use the caches and the
/// memory. Measured with `bench fit` on an EPYC of Zen 4, 33 cases: 0.92 for tokens and for prompts, at the median.
pub const REACHED: f64 = 0.92;

/// How far a predicted speed may be off, as a share either way: what the range is widened by.
pub const SPEED_UNCERTAINTY: f64 = 0.2;

/// How much longer a byte takes while a token is written, where a type is multiplied row by row, than where several rows
/// are. Measured there with Q8_0, whose byte now takes as long as one of Q4_K.
pub const DECODE_COST_ROW_BY_ROW: f64 = 1.95;

/// What one weight costs in reading a prompt, in terms of one of Q4_K. Measured with `cargo bench -p hearth-matmul` in
/// `worker/matmul`: Q4_K, Q5_K and Q6_K within a twentieth of each other.
pub const PROMPT_COST_TILED: f64 = 1.0;
/// A weight of Q8_0, whose scales come every 32 weights and whose signs have to be moved to the other factor, where the
/// processor has no dot products of bytes.
pub const PROMPT_COST_TILED_Q8: f64 = 1.22;
/// A weight of a type that is multiplied row by row. Measured with `bench fit` on a Xeon with AVX-512 and without VNNI:
/// Q8_0 as candle multiplies it.
pub const PROMPT_COST_ROW_BY_ROW: f64 = 12.0;
/// A weight held as a 32-bit float, multiplied by the `gemm` crate.
pub const PROMPT_COST_FLOAT: f64 = 2.0;

/// The least that a measured peak corrects a prediction by, as a share of what does not depend on the prompt. A chat
/// whose prompts were short shows less memory than its context allows for, and that must not be taken for a rule.
pub const MOST_CORRECTION_DOWN: f64 = 0.15;
