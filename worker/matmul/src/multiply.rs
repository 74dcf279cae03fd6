//! A matrix, and the division of the work.

use std::ops::Range;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::activations::{Activations, BLOCK, Block, Order, Pair};
use crate::blocks::Kind;
use crate::packed::{Many, ManyKernel, Pack, SideBySide};
#[cfg(target_arch = "x86_64")]
use crate::{avx2, avx512, vnni};

/// Rows of weights that are one piece of work. With the activations of a tile they fit a core's own cache.
pub(crate) const PIECE: usize = 32;
/// Most rows of activations that a row of weights is multiplied with at once by any set of kernels.
const TILE: usize = 12;
/// From so many rows of activations on weights are unpacked for all of them at once. Below, what comes of a row does not
/// depend on how many others there are.
pub const MANY: usize = 32;
/// Blocks that are unpacked at once. Those of eight rows take half of a core's first cache: 15 KiB of 32; those of sixteen,
/// which processors of larger caches have kernels for, 24 KiB of 48.
const UNPACKED: usize = 4;
/// Blocks whose products are summed before they are added to those before. Those of a tile's activations fit a core's first
/// cache: 20 KiB of 32.
pub(crate) const PANEL: usize = 8;

/// Bytes of activations beside which whole rows of weights pass: they need not all fit a core's first cache, but nearly.
pub(crate) const NEAR: usize = 56 << 10;
/// How far ahead weights are asked for, bytes, where whole rows pass.
const AHEAD: usize = 4096;

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

    /// Two blocks of a row.
    ///
    /// # Safety
    /// There are that many rows and pairs of blocks, in [`Order::Pairs`].
    #[inline(always)]
    pub unsafe fn pair<'a>(self, row: usize, place: usize) -> &'a Pair {
        // SAFETY: the caller's, and rows have an even number of blocks.
        unsafe { &*self.blocks.add(row * self.width + 2 * place).cast() }
    }

    /// What is in place of a block of a row.
    ///
    /// # Safety
    /// There are that many rows and blocks, in the order whose blocks are `T`.
    #[inline(always)]
    pub unsafe fn block_as<'a, T>(self, row: usize, place: usize) -> &'a T {
        // SAFETY: the caller's.
        unsafe { &*self.blocks.add(row * self.width + place).cast() }
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
/// the blocks and has the kernel's number of rows. Memory is asked for what lies `ahead` bytes behind each block, if the
/// kernel does not know better.
pub(crate) type Kernel =
    unsafe fn(weights: &[u8], row_bytes: usize, bytes: usize, ahead: usize, acts: Acts, out: &mut Products);

/// The kernels for a kind of weights.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    /// How those for few rows take a block's activations.
    pub order: Order,
    /// How those for many rows do.
    pub order_of_many: Order,
    /// Bytes of activations beside which whole rows of weights pass.
    pub near: usize,
    /// For one row of activations to as many as are taken at once.
    pub few: &'static [Kernel],
    /// For more of them.
    pub many: Option<Many>,
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

    /// The same with each set of kernels that this processor can run, the best first: for tests and benches.
    #[cfg(target_arch = "x86_64")]
    #[must_use]
    pub fn with_each_set(kind: Kind, data: &'a [u8], rows: usize, columns: usize) -> Vec<Self> {
        let sets = [vnni::kernels(kind), avx512::kernels(kind), avx2::kernels(kind)];
        let matrix = |kernels| Self::with(kind, data, rows, columns, kernels);
        sets.into_iter().flatten().filter_map(matrix).collect()
    }

    fn with(kind: Kind, data: &'a [u8], rows: usize, columns: usize, kernels: Kernels) -> Option<Self> {
        // Rows of blocks of 32 may end within 256 weights.
        let (weights, bytes) = kind.block();
        let row_bytes = columns / weights * bytes;
        let fits =
            columns > 0 && columns.is_multiple_of(weights) && data.len() == rows.checked_mul(row_bytes)?;
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
        let of_many = self.kernels.many.filter(|_| many >= MANY);
        let order = match of_many {
            Some(_) => self.kernels.order_of_many,
            None => self.kernels.order,
        };
        let activations = Activations::new(activations, self.columns, order, &parallel);
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
            match of_many {
                Some(Many::Eight(pack, kernels)) => {
                    self.many(pack, kernels, &activations, many, rows, write);
                }
                Some(Many::EightBlocks(pack, kernels)) => {
                    self.many(pack, kernels, &activations, many, rows, write);
                }
                #[cfg(target_arch = "x86_64")]
                Some(Many::Sixteen(pack, kernels)) => {
                    self.many(pack, kernels, &activations, many, rows, write);
                }
                #[cfg(target_arch = "x86_64")]
                Some(Many::SixteenWide(pack, kernels)) => {
                    self.many(pack, kernels, &activations, many, rows, write);
                }
                None => self.few(&activations, many, rows, write),
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
        let tile = self.kernels.few.len();
        for first in (0..many).step_by(tile) {
            let taken = tile.min(many - first);
            // The rows of the result lie far apart: single numbers would be written through the caches one by one.
            let mut products: Products = [[0.0; PIECE]; TILE];
            // With one tile the weights pass once, and whole rows are how memory likes to be read. With several they stay
            // near, and it is the activations that must fit the first cache. Then the next row but one is asked for.
            let whole = many <= tile && taken * activations.width * size_of::<Block>() <= self.kernels.near;
            let (at_once, ahead) = match whole {
                true => (activations.width, AHEAD),
                false => (PANEL, 2 * self.row_bytes),
            };
            for start in (0..activations.width).step_by(at_once) {
                let blocks = at_once.min(activations.width - start);
                let acts = Acts::new(activations, first, taken, start);
                let before = start * self.block_bytes;
                let bytes = (blocks * self.block_bytes).min(self.row_bytes - before);
                // SAFETY: kernels_for() asked the processor; the weights are whole rows but for what lies before the first
                // block; `taken` rows of activations are there, of as many blocks.
                unsafe {
                    let kernel = self.kernels.few[taken - 1];
                    kernel(
                        &weights[before..],
                        self.row_bytes,
                        bytes,
                        ahead,
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

    /// Some rows of weights, unpacked side by side for all rows of activations.
    fn many<Rows: SideBySide>(
        &self,
        pack: Pack<Rows>,
        kernels: &[ManyKernel<Rows>],
        activations: &Activations,
        many: usize,
        rows: Range<usize>,
        write: impl Fn(usize, usize, &[f32]),
    ) {
        let groups = rows.len().div_ceil(Rows::ROWS);
        let block_bytes = self.block_bytes * Rows::COLUMNS / BLOCK;
        let mut totals = vec![[0.0_f32; 16]; groups * many];
        let mut packed = [const { Rows::ZERO }; UNPACKED];
        // The groups one after the other with the same blocks: of the activations only these have to be near.
        for start in (0..activations.width).step_by(UNPACKED) {
            let blocks = UNPACKED.min(activations.width - start);
            for (group, totals) in totals.chunks_mut(many).enumerate() {
                let first_row = rows.start + group * Rows::ROWS;
                let side = Rows::ROWS.min(rows.end - first_row);
                for (place, to) in packed.iter_mut().enumerate().take(blocks) {
                    let of_row = (start + place) * block_bytes;
                    let bytes = block_bytes.min(self.row_bytes - of_row);
                    let at = first_row * self.row_bytes + of_row;
                    // SAFETY: kernels_for() asked the processor.
                    unsafe { pack(&self.data[at..], self.row_bytes, bytes, side, to) };
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
            let first_row = rows.start + group * Rows::ROWS;
            let side = Rows::ROWS.min(rows.end - first_row);
            for (index, totals) in totals.iter().enumerate() {
                write(first_row, index, &Rows::products(totals)[..side]);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn kernels_for(kind: Kind) -> Option<Kernels> {
    vnni::kernels(kind)
        .or_else(|| avx512::kernels(kind))
        .or_else(|| avx2::kernels(kind))
}

#[cfg(not(target_arch = "x86_64"))]
fn kernels_for(_: Kind) -> Option<Kernels> {
    None
}
