//! Products with experts of MXFP4, four bits a number: blocks of 32 with a power of two each (Open Compute Project,
//! "Microscaling Formats", version 1.0). They stay as the file has them; a row is unpacked for as long as it is multiplied.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
use hearth_pool::pool;
use mistralrs_quant::MXFP4_EXPERTS;
use parking_lot::Mutex;

use crate::experts::asking;

/// Numbers that share a power of two.
const BLOCK: usize = 32;
/// Rows that a thread takes at once.
const PIECE: usize = 64;
/// Products that are summed up side by side.
const LANES: usize = 16;

/// Makes mistral.rs ask here.
pub fn install() {
    let _ = MXFP4_EXPERTS.set(product);
}

/// The two numbers of a byte, the lower four bits first: a sign, two bits of exponent and one of mantissa each.
static PAIRS: [[f32; 2]; 256] = {
    const NUMBERS: [f32; 16] = [
        0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0,
    ];
    let mut pairs = [[0.0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [NUMBERS[byte & 15], NUMBERS[byte >> 4]];
        byte += 1;
    }
    pairs
};

/// Blocks of u8 `(experts, rows, columns / 2)` with scales of u8 `(experts, rows, columns / 32)` times activations of
/// `(tokens, columns)` or `(tokens, asked, columns)`, for the experts that `ids`, u32 of `(tokens, asked)`, names:
/// `(tokens, asked, rows)`.
///
/// # Errors
/// candle's, when an expert is named that there is not, and for tensors of other shapes.
pub fn product(blocks: &Tensor, scales: &Tensor, activations: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let (count, rows, half) = blocks.dims3()?;
    let (tokens, asked) = ids.dims2()?;
    let columns = half * 2;
    let given = activations.elem_count() / columns.max(1);
    if scales.dims() != [count, rows, columns / BLOCK]
        || columns % BLOCK != 0
        || activations.dims().last() != Some(&columns)
        || (given != tokens && given != tokens * asked)
    {
        bail!("experts of {blocks:?} and {scales:?} do not multiply {activations:?}");
    }
    let asking = asking(ids, count)?;
    let numbers: Vec<f32> = activations.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    let (blocks, scales) = (blocks.contiguous()?, scales.contiguous()?);
    let ((blocks, blocks_at), (scales, scales_at)) =
        (blocks.storage_and_layout(), scales.storage_and_layout());
    let (Storage::Cpu(CpuStorage::U8(blocks)), Storage::Cpu(CpuStorage::U8(scales))) = (&*blocks, &*scales)
    else {
        bail!("the experts are not bytes in this computer's own memory");
    };
    let (blocks, scales) = (
        &blocks[blocks_at.start_offset()..],
        &scales[scales_at.start_offset()..],
    );
    let mut out = vec![0.0; tokens * asked * rows];
    for (expert, places) in asking.iter().enumerate().filter(|(_, places)| !places.is_empty()) {
        let pieces: Vec<_> = (0..rows.div_ceil(PIECE))
            .map(|_| Mutex::new(Vec::new()))
            .collect();
        pool().run(pieces.len(), &|piece| {
            let mut row = vec![0.0; columns];
            let mut products = Vec::with_capacity(PIECE * places.len());
            for at in piece * PIECE..rows.min((piece + 1) * PIECE) {
                let at = expert * rows + at;
                let scales = &scales[at * columns / BLOCK..(at + 1) * columns / BLOCK];
                unpack(&blocks[at * half..(at + 1) * half], scales, &mut row);
                products.extend(places.iter().map(|&place| {
                    let from = if given == tokens {
                        place as usize / asked
                    } else {
                        place as usize
                    };
                    dot(&row, &numbers[from * columns..(from + 1) * columns])
                }));
            }
            *pieces[piece].lock() = products;
        });
        let products = pieces.into_iter().flat_map(Mutex::into_inner).enumerate();
        for (at, product) in products {
            out[places[at % places.len()] as usize * rows + at / places.len()] = product;
        }
    }
    Tensor::from_vec(out, (tokens, asked, rows), &Device::Cpu)?.to_dtype(activations.dtype())
}

fn unpack(blocks: &[u8], scales: &[u8], row: &mut [f32]) {
    let blocks = blocks.chunks_exact(BLOCK / 2).zip(scales);
    for ((bytes, &scale), numbers) in blocks.zip(row.chunks_exact_mut(BLOCK)) {
        let scale = f32::from_bits(u32::from(scale) << 23);
        for (&byte, pair) in bytes.iter().zip(numbers.chunks_exact_mut(2)) {
            let [low, high] = PAIRS[usize::from(byte)];
            pair[0] = low * scale;
            pair[1] = high * scale;
        }
    }
}

/// Of rows whose length is a multiple of [`BLOCK`].
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (one, other) in one.chunks_exact(LANES).zip(other.chunks_exact(LANES)) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use candle_core::IndexOp;

    use super::*;

    #[test]
    fn every_token_gets_what_its_experts_give() -> Result<()> {
        let device = Device::Cpu;
        let (count, rows, columns) = (3, 70, 96);
        let bytes: Vec<u8> = (0..count * rows * columns / 2)
            .map(|i| (i * 37 % 251) as u8)
            .collect();
        let powers: Vec<u8> = (0..count * rows * columns / BLOCK)
            .map(|i| 120 + (i % 11) as u8)
            .collect();
        let mut exact = Vec::new();
        for (bytes, &power) in bytes.chunks(BLOCK / 2).zip(&powers) {
            for byte in bytes {
                for bits in [byte & 15, byte >> 4] {
                    // Sign, exponent and mantissa one by one: 2^(e - 1) * (1 + m / 2), and without a one before it for e = 0.
                    let (exponent, mantissa) = (f32::from(bits >> 1 & 3), f32::from(bits & 1));
                    let size = match exponent {
                        0.0 => mantissa / 2.0,
                        _ => (exponent - 1.0).exp2() * (1.0 + mantissa / 2.0),
                    };
                    let sign = if bits > 7 { -1.0 } else { 1.0 };
                    exact.push(sign * size * (f32::from(power) - 127.0).exp2());
                }
            }
        }
        let exact = Tensor::from_vec(exact, (count, rows, columns), &device)?;
        let blocks = Tensor::from_vec(bytes, (count, rows, columns / 2), &device)?;
        let scales = Tensor::from_vec(powers, (count, rows, columns / BLOCK), &device)?;
        let ids = Tensor::new(&[[2u32, 0], [1, 2], [0, 2], [2, 1]], &device)?;
        for shape in [vec![4, columns], vec![4, 2, columns]] {
            let activations = Tensor::randn(0_f32, 1_f32, shape, &device)?;
            let ours = product(&blocks, &scales, &activations, &ids)?;
            for (token, asked) in ids.to_vec2::<u32>()?.into_iter().enumerate() {
                for (slot, expert) in asked.into_iter().enumerate() {
                    let row = match activations.rank() {
                        2 => activations.i(token)?,
                        _ => activations.i((token, slot))?,
                    };
                    let right = exact.i(expert as usize)?.matmul(&row.unsqueeze(1)?)?.squeeze(1)?;
                    let apart = (ours.i((token, slot))? - &right)?
                        .abs()?
                        .max_all()?
                        .to_scalar::<f32>()?;
                    let size = right.abs()?.max_all()?.to_scalar::<f32>()?;
                    assert!(
                        apart < 1e-5 * size,
                        "token {token}, expert {expert}: {apart} of {size}"
                    );
                }
            }
        }
        Ok(())
    }

    #[test]
    fn experts_of_other_shapes_are_an_error() -> Result<()> {
        let device = Device::Cpu;
        let blocks = Tensor::zeros((2, 8, 16), DType::U8, &device)?;
        let scales = Tensor::zeros((2, 8, 1), DType::U8, &device)?;
        let row = Tensor::zeros((1, 32), DType::F32, &device)?;
        let ids = Tensor::new(&[[1u32]], &device)?;
        assert_eq!(product(&blocks, &scales, &row, &ids)?.dims(), [1, 1, 8]);
        assert!(product(&blocks, &scales, &row, &Tensor::new(&[[2u32]], &device)?).is_err());
        assert!(product(&blocks, &blocks, &row, &ids).is_err());
        assert!(product(&blocks, &scales, &row.narrow(1, 0, 16)?, &ids).is_err());
        Ok(())
    }
}
