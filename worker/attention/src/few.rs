//! The arithmetic for few queries, which is bound by taking keys and values from memory: they are widened in registers, and
//! memory is asked for ahead.
//!
//! What a query comes to is computed in the same order whatever queries are beside it, so that it is the same to the last bit
//! alone and in company.

use std::ops::Range;

use crate::kernel::TILE;
use crate::lanes::{KEYS, Lanes};
use crate::rows::{Element, Rows};

/// Bytes ahead of what is read that are asked for. What a processor guesses by itself ends with a page.
const AHEAD: usize = 4096;
/// Bytes that come from memory at once.
const LINE: usize = 64;

/// Queries, or what they have gathered: rows with the distance from one to the next.
pub type Block<'a> = (&'a [f32], usize);

/// Scores of every query with every key of the tile, `rows × TILE`. Columns behind the tile's last key hold anything.
#[inline(always)]
pub fn score<T: Element, L: Lanes>(
    lanes: L,
    queries: Block<'_>,
    keys: &Rows<'_, T>,
    head: usize,
    tile: Range<usize>,
    scores: &mut [f32],
) {
    let Some(last) = tile.clone().last() else {
        return;
    };
    let rows = scores.len() / TILE;
    for (group, first) in tile.step_by(KEYS).enumerate() {
        // Always so many: a key's score must not depend on how many follow it.
        let mut four = [keys.row(head, first); KEYS];
        for (place, key) in four.iter_mut().enumerate() {
            *key = keys.row(head, (first + place).min(last));
            ask_ahead(key);
        }
        let mut row = 0;
        while row < rows {
            let column = row * TILE + group * KEYS;
            row += match (L::WIDE, rows - row) {
                (4, 4..) => products::<T, L, 4>(lanes, queries, row, four, &mut scores[column..]),
                (4, 3) => products::<T, L, 3>(lanes, queries, row, four, &mut scores[column..]),
                (2.., 2..) => products::<T, L, 2>(lanes, queries, row, four, &mut scores[column..]),
                _ => products::<T, L, 1>(lanes, queries, row, four, &mut scores[column..]),
            };
        }
    }
}

/// Products of some queries, from the `row`th on, with four keys. Returns how many queries.
#[inline(always)]
fn products<T: Element, L: Lanes, const ROWS: usize>(
    lanes: L,
    queries: Block<'_>,
    row: usize,
    keys: [&[T]; KEYS],
    into: &mut [f32],
) -> usize {
    let mut sums = [[lanes.splat(0.0); KEYS]; ROWS];
    let length = keys[0].len();
    let whole = length - length % L::COUNT;
    for at in (0..whole).step_by(L::COUNT) {
        let mut wide = [lanes.splat(0.0); KEYS];
        for (wide, key) in wide.iter_mut().zip(keys) {
            *wide = T::load(lanes, &key[at..]);
        }
        multiply(lanes, queries, (row, at), wide, &mut sums);
    }
    if whole < length {
        let mut wide = [lanes.splat(0.0); KEYS];
        for (wide, key) in wide.iter_mut().zip(keys) {
            *wide = T::load_part(lanes, &key[whole..]);
        }
        multiply(lanes, queries, (row, whole), wide, &mut sums);
    }
    for (place, sums) in sums.into_iter().enumerate() {
        into[place * TILE..][..KEYS].copy_from_slice(&lanes.sums(sums));
    }
    ROWS
}

/// Adds what a part of four keys is with the same part of some queries.
#[inline(always)]
fn multiply<L: Lanes, const ROWS: usize>(
    lanes: L,
    queries: Block<'_>,
    (row, at): (usize, usize),
    keys: [L::Vector; KEYS],
    sums: &mut [[L::Vector; KEYS]; ROWS],
) {
    for (place, sums) in sums.iter_mut().enumerate() {
        let query = lanes.load(&queries.0[(row + place) * queries.1 + at..]);
        for (sum, key) in sums.iter_mut().zip(keys) {
            *sum = lanes.multiply_add(query, key, *sum);
        }
    }
}

/// Adds the tile's values to the sums of every query, by the weights that lie where its scores were.
#[inline(always)]
pub fn add<T: Element, L: Lanes>(
    lanes: L,
    weights: &[f32],
    values: &Rows<'_, T>,
    head: usize,
    tile: Range<usize>,
    sums: &mut [f32],
    padded: usize,
) {
    let rows = weights.len() / TILE;
    let mut row = 0;
    while row < rows {
        let (weights, sums) = (&weights[row * TILE..], &mut sums[row * padded..]);
        row += match (L::WIDE, rows - row) {
            (2.., 4..) => add_to::<T, L, 4>(lanes, weights, values, head, tile.clone(), sums, padded),
            (2.., 3) => add_to::<T, L, 3>(lanes, weights, values, head, tile.clone(), sums, padded),
            (_, 2..) => add_to::<T, L, 2>(lanes, weights, values, head, tile.clone(), sums, padded),
            _ => add_to::<T, L, 1>(lanes, weights, values, head, tile.clone(), sums, padded),
        };
    }
}

/// The same for some queries. Returns how many.
#[inline(always)]
fn add_to<T: Element, L: Lanes, const ROWS: usize>(
    lanes: L,
    weights: &[f32],
    values: &Rows<'_, T>,
    head: usize,
    tile: Range<usize>,
    sums: &mut [f32],
    padded: usize,
) -> usize {
    let mut column = 0;
    if L::WIDE == 4 {
        while column + 4 * L::COUNT <= values.length {
            add_strip::<T, L, ROWS, 4, false>(
                lanes,
                weights,
                values,
                head,
                tile.clone(),
                sums,
                padded,
                column,
            );
            column += 4 * L::COUNT;
        }
    }
    if L::WIDE >= 2 {
        while column + 2 * L::COUNT <= values.length {
            add_strip::<T, L, ROWS, 2, false>(
                lanes,
                weights,
                values,
                head,
                tile.clone(),
                sums,
                padded,
                column,
            );
            column += 2 * L::COUNT;
        }
    }
    while column + L::COUNT <= values.length {
        add_strip::<T, L, ROWS, 1, false>(lanes, weights, values, head, tile.clone(), sums, padded, column);
        column += L::COUNT;
    }
    if column < values.length {
        add_strip::<T, L, ROWS, 1, true>(lanes, weights, values, head, tile, sums, padded, column);
    }
    ROWS
}

/// The same for a strip of columns, whose sums stay in registers. `PART` is the last one of a row that is no multiple of a vector.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "inlined into one loop")]
fn add_strip<T: Element, L: Lanes, const ROWS: usize, const WIDE: usize, const PART: bool>(
    lanes: L,
    weights: &[f32],
    values: &Rows<'_, T>,
    head: usize,
    tile: Range<usize>,
    into: &mut [f32],
    padded: usize,
    column: usize,
) {
    let zero = lanes.splat(0.0);
    let mut sums = [[zero; WIDE]; ROWS];
    for (row, sums) in sums.iter_mut().enumerate() {
        for (part, sum) in sums.iter_mut().enumerate() {
            *sum = lanes.load(&into[row * padded + column + part * L::COUNT..]);
        }
    }
    for (place, key) in tile.enumerate() {
        let value = values.row(head, key);
        if column == 0 {
            ask_ahead(value);
        }
        let mut parts = [zero; WIDE];
        for (part, wide) in parts.iter_mut().enumerate() {
            let part = &value[column + part * L::COUNT..];
            *wide = if PART {
                T::load_part(lanes, part)
            } else {
                T::load(lanes, part)
            };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            let weight = lanes.splat(weights[row * TILE + place]);
            for (sum, part) in sums.iter_mut().zip(parts) {
                *sum = lanes.multiply_add(weight, part, *sum);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (part, sum) in sums.into_iter().enumerate() {
            lanes.store(sum, &mut into[row * padded + column + part * L::COUNT..]);
        }
    }
}

/// Asks memory for what lies some way behind a row.
#[inline(always)]
fn ask_ahead<T>(row: &[T]) {
    for at in (0..size_of_val(row)).step_by(LINE) {
        ask(row.as_ptr().wrapping_byte_add(at + AHEAD));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ask<T>(at: *const T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: an address that is not there is no fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

/// Rust has no such instruction for others yet.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn ask<T>(_: *const T) {}
