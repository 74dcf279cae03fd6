//! Blocks as GGUF files hold them, from numbers and the scales that were found for them.

use half::f16;

use crate::search::{LANES, Lanes, byte, further, higher, lower, round, with_minimum, without_minimum};

/// Numbers of a block whose scales share a scale.
pub(crate) const BLOCK: usize = 256;
/// Numbers of as many parts as there are lanes, of 32 numbers each.
const PAIR: usize = 2 * BLOCK;

/// Q4_K (`TOP` is 15) and Q5_K (31), two blocks at a time. See `block_q4_K` and `block_q5_K`:
/// <https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h>.
#[inline(always)]
pub(crate) fn with_minima<const TOP: u32, const BYTES: usize>(numbers: &[f32], out: &mut [u8]) {
    for (numbers, out) in numbers.chunks(PAIR).zip(out.chunks_mut(2 * BYTES)) {
        let mut pair = [[0.0; 32]; LANES];
        finite(numbers, pair.as_flattened_mut());
        let mut across = [[0.0; LANES]; 32];
        for (index, across) in across.iter_mut().enumerate() {
            for (lane, part) in pair.iter().enumerate() {
                across[lane] = part[index];
            }
        }
        let (scales, minima) = with_minimum::<TOP>(&across);
        for (half, out) in out.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            let at = half * LANES / 2;
            let parts: &[[f32; 32]; 8] = pair[at..].first_chunk().unwrap_or(&[[0.0; 32]; 8]);
            let scales: &[f32; 8] = scales[at..].first_chunk().unwrap_or(&[0.0; 8]);
            let minima: &[f32; 8] = minima[at..].first_chunk().unwrap_or(&[0.0; 8]);
            block_with_minima::<TOP>(parts, scales, minima, out);
        }
    }
}

#[inline(always)]
fn block_with_minima<const TOP: u32>(
    parts: &[[f32; 32]; 8],
    scales: &[f32; 8],
    minima: &[f32; 8],
    out: &mut [u8],
) {
    let (mut largest, mut lowest) = (0.0, 0.0);
    for part in 0..8 {
        largest = higher(scales[part], largest);
        lowest = lower(minima[part], lowest);
    }
    let (step, minimum_step) = (f16::from_f32(largest / 63.0), f16::from_f32(-lowest / 63.0));
    out[0..2].copy_from_slice(&step.to_le_bytes());
    out[2..4].copy_from_slice(&minimum_step.to_le_bytes());
    let (step, minimum_step) = (step.to_f32(), minimum_step.to_f32());
    let (per_step, per_minimum) = (inverse(step), inverse(minimum_step));
    let (mut scale_steps, mut minimum_steps) = ([0u8; 8], [0u8; 8]);
    let mut levels = [[0u8; 32]; 8];
    for part in 0..8 {
        let scale = below_64(scales[part] * per_step);
        let minimum = below_64(-minima[part] * per_minimum);
        (scale_steps[part], minimum_steps[part]) = (byte(scale), byte(minimum));
        let (inverse, minimum) = (inverse(scale * step), minimum * minimum_step);
        for (level, x) in levels[part].iter_mut().zip(&parts[part]) {
            let whole = round((x + minimum) * inverse);
            *level = byte(lower(higher(whole, 0.0), TOP as f32));
        }
    }
    pack_scales(&scale_steps, &minimum_steps, &mut out[4..16]);
    let out = &mut out[16..];
    let low = if TOP > 15 {
        for (index, out) in out[..32].iter_mut().enumerate() {
            let mut bits = 0;
            for (part, levels) in levels.iter().enumerate() {
                bits |= (levels[index] >> 4) << part;
            }
            *out = bits;
        }
        &mut out[32..]
    } else {
        out
    };
    for (two, out) in low.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (index, out) in out.iter_mut().enumerate() {
            *out = levels[2 * two][index] & 15 | levels[2 * two + 1][index] << 4;
        }
    }
}

/// Eight scales and eight minima of six bits in twelve bytes: the first four of each have bytes of their own, whose upper bits
/// are those of the last four.
#[inline(always)]
fn pack_scales(scales: &[u8; 8], minima: &[u8; 8], out: &mut [u8]) {
    for part in 0..4 {
        let (scale, minimum) = (scales[part + 4], minima[part + 4]);
        out[part] = scales[part] | scale >> 4 << 6;
        out[part + 4] = minima[part] | minimum >> 4 << 6;
        out[part + 8] = scale & 15 | minimum << 4;
    }
}

/// Q6_K. See `block_q6_K` at the same place.
#[inline(always)]
pub(crate) fn six_bits(numbers: &[f32], out: &mut [u8]) {
    for (numbers, out) in numbers
        .as_chunks::<BLOCK>()
        .0
        .iter()
        .zip(out.as_chunks_mut::<210>().0)
    {
        let mut parts = [[0.0; 16]; LANES];
        finite(numbers, parts.as_flattened_mut());
        let mut across = [[0.0; LANES]; 16];
        for (index, across) in across.iter_mut().enumerate() {
            for (lane, part) in parts.iter().enumerate() {
                across[lane] = part[index];
            }
        }
        block_of_six_bits(&parts, &without_minimum(&across), out);
    }
}

#[inline(always)]
fn block_of_six_bits(parts: &[[f32; 16]; 16], scales: &Lanes, out: &mut [u8; 210]) {
    let mut largest = 0.0_f32;
    for &scale in scales {
        largest = further(scale, largest);
    }
    // Of eight bits with a sign, -128 has no counterpart: the largest takes it.
    let step = f16::from_f32(largest / -128.0);
    out[208..210].copy_from_slice(&step.to_le_bytes());
    let step = step.to_f32();
    let per_step = inverse(step);
    let mut levels = [[0u8; 16]; 16];
    for (part, numbers) in parts.iter().enumerate() {
        let scale = round(scales[part] * per_step);
        let scale = lower(higher(scale, -128.0), 127.0);
        out[192 + part] = byte(scale);
        let inverse = inverse(scale * step);
        for (level, x) in levels[part].iter_mut().zip(numbers) {
            let whole = round(x * inverse);
            *level = byte(lower(higher(whole, -32.0), 31.0) + 32.0);
        }
    }
    let levels = levels.as_flattened();
    for half in 0..2 {
        let quarters = &levels[128 * half..][..128];
        for index in 0..32 {
            let [a, b, c, d] = [
                quarters[index],
                quarters[32 + index],
                quarters[64 + index],
                quarters[96 + index],
            ];
            out[64 * half + index] = a & 15 | c << 4;
            out[64 * half + 32 + index] = b & 15 | d << 4;
            out[128 + 32 * half + index] = a >> 4 | b >> 4 << 2 | c >> 4 << 4 | d >> 4 << 6;
        }
    }
}

/// Q8_0. See `block_q8_0` at the same place.
#[inline(always)]
pub(crate) fn eight_bits(numbers: &[f32], out: &mut [u8]) {
    for (numbers, out) in numbers
        .as_chunks::<32>()
        .0
        .iter()
        .zip(out.as_chunks_mut::<34>().0)
    {
        let mut block = [0.0; 32];
        finite(numbers, &mut block);
        let mut sizes = [0.0_f32; 8];
        for eight in block.as_chunks::<8>().0 {
            for (size, x) in sizes.iter_mut().zip(eight) {
                *size = higher(x.abs(), *size);
            }
        }
        let largest = sizes.iter().fold(0.0, |a: f32, &b| a.max(b));
        let step = f16::from_f32(largest / 127.0);
        out[..2].copy_from_slice(&step.to_le_bytes());
        let inverse = inverse(step.to_f32());
        for (out, x) in out[2..].iter_mut().zip(&block) {
            let whole = round(x * inverse);
            *out = byte(lower(higher(whole, -127.0), 127.0));
        }
    }
}

/// Numbers as far as a block's scale of 16 bits reaches, and zero for what is none.
#[inline(always)]
fn finite(numbers: &[f32], to: &mut [f32]) {
    const MOST: f32 = 65504.0;
    for (to, &x) in to.iter_mut().zip(numbers) {
        let x = if x.is_nan() { 0.0 } else { x };
        *to = lower(higher(x, -MOST), MOST);
    }
}

/// Of zero: zero.
#[inline(always)]
fn inverse(step: f32) -> f32 {
    if step == 0.0 { 0.0 } else { 1.0 / step }
}

/// A step of six bits.
#[inline(always)]
fn below_64(steps: f32) -> f32 {
    lower(higher(round(steps), 0.0), 63.0)
}
