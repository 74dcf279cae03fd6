//! Matrices of plain numbers of 16 bits, which are made 32-bit ones a few at a time while they are multiplied with.

use std::sync::atomic::{AtomicPtr, Ordering};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::multiply::PIECE;

/// Numbers that are made 32-bit ones at once.
const WIDENED: usize = 256;

/// A matrix of 16-bit numbers as a GGUF file holds it, row after row.
pub struct Halves<'a> {
    numbers: Numbers<'a>,
    columns: usize,
    rows: usize,
}

enum Numbers<'a> {
    F16(&'a [f16]),
    BF16(&'a [bf16]),
}

impl Numbers<'_> {
    fn len(&self) -> usize {
        match self {
            Self::F16(numbers) => numbers.len(),
            Self::BF16(numbers) => numbers.len(),
        }
    }

    fn widen(&self, start: usize, to: &mut [f32]) {
        let those = start..start + to.len();
        match self {
            Self::F16(numbers) => numbers[those].convert_to_f32_slice(to),
            Self::BF16(numbers) => numbers[those].convert_to_f32_slice(to),
        }
    }
}

impl<'a> Halves<'a> {
    /// A matrix of `rows` rows of `columns` numbers of IEEE's 16 bits; none when `data` is not of that size, or does not lie as
    /// numbers do.
    #[must_use]
    pub fn f16(data: &'a [u8], rows: usize, columns: usize) -> Option<Self> {
        // SAFETY: all bits are numbers.
        let (before, numbers, after) = unsafe { data.align_to::<f16>() };
        let whole = before.is_empty() && after.is_empty();
        Self::new(Numbers::F16(numbers), rows, columns).filter(|_| whole)
    }

    /// The same of the upper 16 of 32 bits.
    #[must_use]
    pub fn bf16(data: &'a [u8], rows: usize, columns: usize) -> Option<Self> {
        // SAFETY: all bits are numbers.
        let (before, numbers, after) = unsafe { data.align_to::<bf16>() };
        let whole = before.is_empty() && after.is_empty();
        Self::new(Numbers::BF16(numbers), rows, columns).filter(|_| whole)
    }

    fn new(numbers: Numbers<'a>, rows: usize, columns: usize) -> Option<Self> {
        let fits = columns > 0 && Some(numbers.len()) == rows.checked_mul(columns);
        fits.then_some(Self {
            numbers,
            columns,
            rows,
        })
    }

    /// The product with `activations`, as [`crate::Matrix::multiply`]. What comes of a row does not depend on its company.
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
        let mut out = vec![0.0; many * self.rows];
        let out_start = AtomicPtr::new(out.as_mut_ptr());
        parallel(self.rows.div_ceil(PIECE), &|piece| {
            let mut widened = [0.0; WIDENED];
            let mut totals = vec![0.0; many];
            for row in piece * PIECE..self.rows.min((piece + 1) * PIECE) {
                totals.fill(0.0);
                for start in (0..self.columns).step_by(WIDENED) {
                    let widened = &mut widened[..WIDENED.min(self.columns - start)];
                    self.numbers.widen(row * self.columns + start, widened);
                    let of_rows = activations.chunks(self.columns);
                    for (total, of_row) in totals.iter_mut().zip(of_rows) {
                        *total += dot(widened, &of_row[start..start + widened.len()]);
                    }
                }
                for (index, total) in totals.iter().enumerate() {
                    // SAFETY: every piece is given once and each writes columns of its own, below `rows`, of rows below `many`.
                    unsafe { *out_start.load(Ordering::Relaxed).add(index * self.rows + row) = *total };
                }
            }
        });
        out
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor was asked.
        return unsafe { dot_avx2(one, other) };
    }
    dot_here(one, other)
}

/// The same, compiled for wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn dot_avx2(one: &[f32], other: &[f32]) -> f32 {
    dot_here(one, other)
}

#[inline(always)]
fn dot_here(one: &[f32], other: &[f32]) -> f32 {
    /// Sums side by side, for one alone is a chain in which each waits for the last.
    const SUMS: usize = 32;
    let (ones, rest) = one.as_chunks::<SUMS>();
    let (others, other_rest) = other.as_chunks::<SUMS>();
    let mut sums = [0.0_f32; SUMS];
    for (one, other) in ones.iter().zip(others) {
        for index in 0..SUMS {
            sums[index] += one[index] * other[index];
        }
    }
    let mut total = sums.iter().sum::<f32>();
    for (one, other) in rest.iter().zip(other_rest) {
        total += one * other;
    }
    total
}
