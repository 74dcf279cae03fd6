//! A matrix, and the division of the work.

use std::sync::atomic::{AtomicPtr, Ordering};

use crate::activations::{Activations, BLOCK, Block};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// Rows of weights that are one piece of work. With the activations of a tile they fit a core's own cache.
pub(crate) const PIECE: usize = 32;
/// Most rows of activations that a row of weights is multiplied with at once.
pub(crate) const TILE: usize = 8;
/// Blocks whose products are summed before they are added to those before. Those of a tile's activations fit a core's first
/// cache: 20 KiB of 32.
pub(crate) const PANEL: usize = 8;

/// How weights are packed, as GGUF names it:
/// <https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 256 weights in 144 bytes: four bits each, eight scales and minima of six bits.
    Q4K,
    /// 256 weights in 176 bytes: as [`Self::Q4K`] with a fifth bit.
    Q5K,
    /// 256 weights in 210 bytes: six bits each, sixteen scales of eight bits.
    Q6K,
    /// 32 weights in 34 bytes: eight bits each and a scale.
    Q8_0,
}

impl Kind {
    /// Bytes of 256 weights.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
            Self::Q8_0 => 8 * 34,
        }
    }
}

/// Products of some rows of weights with one tile of activations.
pub(crate) type Products = [[f32; PIECE]; TILE];

/// Rows of activations, one behind the other.
#[derive(Clone, Copy)]
pub(crate) struct Acts {
    pub blocks: *const Block,
    pub scales: *const f32,
    /// Blocks of a row.
    pub width: usize,
}

impl Acts {
    /// A block of a row.
    ///
    /// # Safety
    /// There are that many rows and blocks.
    #[inline(always)]
    pub unsafe fn block<'a>(self, row: usize, place: usize) -> &'a Block {
        // SAFETY: the caller's.
        unsafe { &*self.blocks.add(row * self.width + place) }
    }

    /// What a step of it is worth.
    ///
    /// # Safety
    /// There are that many rows and blocks.
    #[inline(always)]
    pub unsafe fn scale(self, row: usize, place: usize) -> f32 {
        // SAFETY: the caller's.
        unsafe { *self.scales.add(row * self.width + place) }
    }
}

/// Multiplies some blocks of each row of weights, at most [`PIECE`] rows, with the same blocks of as many rows of activations
/// as the kernel is for. The products are added to `out`, panel by panel: whoever calls it once for many panels and whoever
/// calls it for one at a time get the same sums.
///
/// # Safety
/// The processor has what the kernel was compiled for; `weights` begins with the first of the blocks in the first row and
/// holds the last one in the last; rows are `row_bytes` apart and have `bytes` that count; `acts` begins with the first of
/// the blocks and has the kernel's number of rows.
pub(crate) type Kernel =
    unsafe fn(weights: &[u8], row_bytes: usize, bytes: usize, acts: Acts, out: &mut Products);

/// The same kernel for one to eight rows of activations.
pub(crate) type Kernels = [Kernel; TILE];

/// A quantised matrix as a GGUF file holds it, row after row.
pub struct Matrix<'a> {
    data: &'a [u8],
    block_bytes: usize,
    row_bytes: usize,
    columns: usize,
    rows: usize,
    kernels: Kernels,
}

impl<'a> Matrix<'a> {
    /// A matrix of `rows` rows of `columns` weights; none when this processor has no kernel for it, or `data` is not of that
    /// size.
    #[must_use]
    pub fn new(kind: Kind, data: &'a [u8], rows: usize, columns: usize) -> Option<Self> {
        Self::with(kind, data, rows, columns, kernels_for(kind)?)
    }

    /// The same with the kernels for AVX2 where the processor has better ones: for tests and benches.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn with_avx2(kind: Kind, data: &'a [u8], rows: usize, columns: usize) -> Option<Self> {
        Self::with(kind, data, rows, columns, avx2::kernels(kind)?)
    }

    fn with(kind: Kind, data: &'a [u8], rows: usize, columns: usize, kernels: Kernels) -> Option<Self> {
        let row_bytes = columns / BLOCK * kind.bytes();
        let fits =
            columns > 0 && columns.is_multiple_of(BLOCK) && data.len() == rows.checked_mul(row_bytes)?;
        fits.then_some(Self {
            data,
            block_bytes: kind.bytes(),
            row_bytes,
            columns,
            rows,
            kernels,
        })
    }

    /// The product with `activations`, rows of as many numbers as the matrix has columns: a row of as many numbers as the
    /// matrix has rows for each of them. `parallel` calls the function it is given, at once or one after the other, with
    /// each number below the one it is given.
    ///
    /// # Panics
    /// When the number of activations is no multiple of the columns.
    #[must_use]
    pub fn multiply(
        &self,
        activations: &[f32],
        parallel: impl Fn(usize, &(dyn Fn(usize) + Sync)),
    ) -> Vec<f32> {
        assert!(
            activations.len().is_multiple_of(self.columns),
            "rows of another length"
        );
        let many = activations.len() / self.columns;
        let activations = Activations::new(activations, self.columns, &parallel);
        let mut out = vec![0.0; many * self.rows];
        let start = AtomicPtr::new(out.as_mut_ptr());
        parallel(self.rows.div_ceil(PIECE), &|piece| {
            let rows = piece * PIECE..self.rows.min((piece + 1) * PIECE);
            let weights = &self.data[rows.start * self.row_bytes..rows.end * self.row_bytes];
            for first in (0..many).step_by(TILE) {
                let taken = TILE.min(many - first);
                // The rows of the result lie far apart: single numbers would be written through the caches one by one.
                let mut block: Products = [[0.0; PIECE]; TILE];
                // With one tile the weights pass once, and whole rows are how memory likes to be read. With several they
                // stay near, and it is the activations that must fit the first cache.
                let at_once = if many <= TILE { activations.width } else { PANEL };
                for start in (0..activations.width).step_by(at_once) {
                    let blocks = at_once.min(activations.width - start);
                    let (acts, scales) = activations.rows(first, taken);
                    let acts = Acts {
                        blocks: acts[start..].as_ptr(),
                        scales: scales[start..].as_ptr(),
                        width: activations.width,
                    };
                    let weights = &weights[start * self.block_bytes..];
                    // SAFETY: kernels_for() asked the processor; the weights are whole rows but for what lies before the
                    // first block; `taken` rows of activations are there, of as many blocks.
                    unsafe {
                        let kernel = self.kernels[taken - 1];
                        kernel(
                            weights,
                            self.row_bytes,
                            blocks * self.block_bytes,
                            acts,
                            &mut block,
                        );
                    }
                }
                for (index, products) in block.iter().enumerate().take(taken) {
                    // SAFETY: every piece is given once and each writes columns of its own, below `rows`, of rows below
                    // `many`.
                    unsafe {
                        let place = start
                            .load(Ordering::Relaxed)
                            .add((first + index) * self.rows + rows.start);
                        place.copy_from_nonoverlapping(products.as_ptr(), rows.len());
                    }
                }
            }
        });
        out
    }
}

#[cfg(target_arch = "x86_64")]
fn kernels_for(kind: Kind) -> Option<Kernels> {
    avx512::kernels(kind).or_else(|| avx2::kernels(kind))
}

#[cfg(not(target_arch = "x86_64"))]
fn kernels_for(_: Kind) -> Option<Kernels> {
    None
}
