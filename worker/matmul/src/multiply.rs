//! A matrix, and the division of the work.

use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::activations::{Activations, BLOCK, Block};
use crate::blocks::Kind;
use crate::packed::{Packed, Packing, SIDE};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512};

/// Rows of weights that are one piece of work. With the activations of a tile they fit a core's own cache.
pub(crate) const PIECE: usize = 32;
/// Most rows of activations that a row of weights is multiplied with at once.
pub(crate) const TILE: usize = 8;
/// From so many rows of activations on weights are unpacked for all of them at once. Below, what comes of a row does not
/// depend on how many others there are.
pub const MANY: usize = 32;
/// Blocks that are unpacked at once. Those of eight rows take half of a core's first cache: 15 KiB.
const UNPACKED: usize = 4;
/// Blocks whose products are summed before they are added to those before. Those of a tile's activations fit a core's first
/// cache: 20 KiB of 32.
pub(crate) const PANEL: usize = 8;

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
    /// `count` rows from `first` on, each from its block `start` on.
    fn new(activations: &Activations, first: usize, count: usize, start: usize) -> Self {
        let (blocks, scales) = activations.rows(first, count);
        Self {
            blocks: blocks[start..].as_ptr(),
            scales: scales[start..].as_ptr(),
            width: activations.width,
        }
    }

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

/// Adds the products of eight rows of weights with the rows of activations that it is for to their totals, each row's in
/// two halves.
///
/// # Safety
/// The processor has what the kernel was compiled for; `acts` begins with the first of the blocks and has as many rows as
/// there are totals and as many blocks as were packed.
pub(crate) type ManyKernel = unsafe fn(packed: &[Packed], acts: Acts, totals: &mut [[f32; 16]]);

/// The kernels for a kind of weights.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    /// For one to eight rows of activations.
    pub few: [Kernel; TILE],
    /// How weights are unpacked for more of them, and the kernels for one row to as many as it takes at once.
    pub many: Option<(Packing, &'static [ManyKernel])>,
}

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
        let out_start = AtomicPtr::new(out.as_mut_ptr());
        parallel(self.rows.div_ceil(PIECE), &|piece| {
            let rows = piece * PIECE..self.rows.min((piece + 1) * PIECE);
            let write = |first: usize, index: usize, products: &[f32]| {
                // SAFETY: every piece is given once and each writes columns of its own, below `rows`, of rows below `many`.
                unsafe {
                    let place = out_start.load(Ordering::Relaxed).add(index * self.rows + first);
                    place.copy_from_nonoverlapping(products.as_ptr(), products.len());
                }
            };
            match self.kernels.many {
                Some((packing, kernels)) if many >= MANY => {
                    self.many(packing, kernels, &activations, many, rows, write);
                }
                _ => self.few(&activations, many, rows, write),
            }
        });
        out
    }

    /// Some rows of weights as they are, with one tile of activations after the other.
    fn few(
        &self,
        activations: &Activations,
        many: usize,
        rows: Range<usize>,
        write: impl Fn(usize, usize, &[f32]),
    ) {
        let weights = &self.data[rows.start * self.row_bytes..rows.end * self.row_bytes];
        for first in (0..many).step_by(TILE) {
            let taken = TILE.min(many - first);
            // The rows of the result lie far apart: single numbers would be written through the caches one by one.
            let mut products: Products = [[0.0; PIECE]; TILE];
            // With one tile the weights pass once, and whole rows are how memory likes to be read. With several they stay
            // near, and it is the activations that must fit the first cache.
            let at_once = if many <= TILE { activations.width } else { PANEL };
            for start in (0..activations.width).step_by(at_once) {
                let blocks = at_once.min(activations.width - start);
                let acts = Acts::new(activations, first, taken, start);
                let weights = &weights[start * self.block_bytes..];
                // SAFETY: kernels_for() asked the processor; the weights are whole rows but for what lies before the first
                // block; `taken` rows of activations are there, of as many blocks.
                unsafe {
                    let kernel = self.kernels.few[taken - 1];
                    kernel(
                        weights,
                        self.row_bytes,
                        blocks * self.block_bytes,
                        acts,
                        &mut products,
                    );
                }
            }
            for (index, products) in products.iter().enumerate().take(taken) {
                write(rows.start, first + index, &products[..rows.len()]);
            }
        }
    }

    /// Some rows of weights, unpacked eight by eight for all rows of activations.
    fn many(
        &self,
        packing: Packing,
        kernels: &[ManyKernel],
        activations: &Activations,
        many: usize,
        rows: Range<usize>,
        write: impl Fn(usize, usize, &[f32]),
    ) {
        let groups = rows.len().div_ceil(SIDE);
        let mut totals = vec![[0.0_f32; 16]; groups * many];
        let mut packed = [const { Packed::ZERO }; UNPACKED];
        // The groups one after the other with the same blocks: of the activations only these have to be near.
        for start in (0..activations.width).step_by(UNPACKED) {
            let blocks = UNPACKED.min(activations.width - start);
            for (group, totals) in totals.chunks_mut(many).enumerate() {
                let first_row = rows.start + group * SIDE;
                for row in 0..SIDE.min(rows.end - first_row) {
                    let at = (first_row + row) * self.row_bytes + start * self.block_bytes;
                    let row_blocks = self.data[at..at + blocks * self.block_bytes].chunks(self.block_bytes);
                    for (block, to) in row_blocks.zip(&mut packed) {
                        (packing.pack)(block, row, to);
                    }
                }
                for (index, totals) in totals.chunks_mut(kernels.len()).enumerate() {
                    let acts = Acts::new(activations, index * kernels.len(), totals.len(), start);
                    // SAFETY: kernels_for() asked the processor; there is a total for each row of activations, and of its
                    // blocks as many as were packed.
                    unsafe { kernels[totals.len() - 1](&packed[..blocks], acts, totals) };
                }
            }
        }
        for (group, totals) in totals.chunks(many).enumerate() {
            let first_row = rows.start + group * SIDE;
            let side = SIDE.min(rows.end - first_row);
            for (index, halves) in totals.iter().enumerate() {
                let products: [f32; SIDE] = std::array::from_fn(|row| halves[2 * row] + halves[2 * row + 1]);
                write(first_row, index, &products[..side]);
            }
        }
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
