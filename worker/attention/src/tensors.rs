//! Attention of candle's tensors.

use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, WithDType};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use hearth_pool::pool;

use crate::{Attention, Element, Mask, Rows};

/// Attention of `(batch, queries, heads, length)` over `(batch, keys, key heads, length)`, as `(batch, heads, queries,
/// length)` in the queries' type; none for what the kernels do not know: keys of another type than values, rows that do not
/// lie in one piece, values longer than keys, a mask that differs between heads.
///
/// # Errors
/// candle's, for tensors of other than four dimensions.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    scale: f32,
    softcap: Option<f32>,
) -> Result<Option<Tensor>> {
    match (q.dtype(), k.dtype()) {
        (DType::F32, DType::F32) => run::<f32, f32>(q, k, v, mask, scale, softcap),
        (DType::F32, DType::F16) => run::<f32, f16>(q, k, v, mask, scale, softcap),
        (DType::F16, DType::F16) => run::<f16, f16>(q, k, v, mask, scale, softcap),
        (DType::BF16, DType::BF16) => run::<bf16, bf16>(q, k, v, mask, scale, softcap),
        _ => Ok(None),
    }
}

/// Keys or values as a cache keeps them, in one piece: of 16 bits where they came in 32 on a CPU, since a token's are read
/// again for every token after it, and more digits than that change nothing that is said.
///
/// # Errors
/// candle's.
pub fn stored(tensor: &Tensor) -> Result<Tensor> {
    if tensor.dtype() != DType::F32 || !tensor.device().is_cpu() {
        return tensor.contiguous();
    }
    let tensor = tensor.contiguous()?;
    let (guard, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*guard, layout.contiguous_offsets()) else {
        return tensor.to_dtype(DType::F16);
    };
    let mut narrow = vec![f16::ZERO; end - start];
    narrow.convert_from_f32_slice(&storage.as_slice::<f32>()?[start..end]);
    Tensor::from_vec(narrow, tensor.shape(), tensor.device())
}

/// A number that results are narrowed to.
trait Number: WithDType + Element {
    fn narrow(from: Vec<f32>) -> Vec<Self>;
}

impl Number for f32 {
    fn narrow(from: Vec<f32>) -> Vec<Self> {
        from
    }
}

impl Number for f16 {
    fn narrow(from: Vec<f32>) -> Vec<Self> {
        let mut narrow = vec![f16::ZERO; from.len()];
        narrow.convert_from_f32_slice(&from);
        narrow
    }
}

impl Number for bf16 {
    fn narrow(from: Vec<f32>) -> Vec<Self> {
        let mut narrow = vec![bf16::ZERO; from.len()];
        narrow.convert_from_f32_slice(&from);
        narrow
    }
}

fn run<Q: Number, K: Number>(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    scale: f32,
    softcap: Option<f32>,
) -> Result<Option<Tensor>> {
    let (batch, queries, heads, length) = q.dims4()?;
    let (_, keys, key_heads, key_length) = k.dims4()?;
    let contiguous_rows = [q, k, v].iter().all(|tensor| tensor.stride()[3] == 1);
    let value_length = v.dim(3)?;
    let same = v.dtype() == k.dtype() && v.dims()[..3] == k.dims()[..3] && value_length <= key_length;
    if !contiguous_rows || !same || key_length != length || key_heads == 0 || heads % key_heads != 0 {
        return Ok(None);
    }
    let bias: Vec<f32>;
    let mask = match mask {
        None => Mask::Full,
        Some(mask) => {
            // One for all heads: (queries, keys) behind any number of ones.
            let dims = mask.dims();
            let Some((ones, &[rows, columns])) = dims.split_last_chunk::<2>() else {
                return Ok(None);
            };
            if (rows, columns) != (queries, keys) || ones.iter().any(|&one| one != 1) {
                return Ok(None);
            }
            if is_causal::<Q>(mask, queries, keys)? {
                Mask::Causal
            } else {
                bias = mask.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
                Mask::Bias(&bias)
            }
        }
    };
    let (q_guard, _) = q.storage_and_layout();
    let (k_guard, _) = k.storage_and_layout();
    let (v_guard, _) = v.storage_and_layout();
    let (Storage::Cpu(q_cpu), Storage::Cpu(k_cpu), Storage::Cpu(v_cpu)) = (&*q_guard, &*k_guard, &*v_guard)
    else {
        return Ok(None);
    };
    let mut out = Vec::with_capacity(batch * heads * queries * value_length);
    for index in 0..batch {
        let attention = Attention {
            queries: rows::<Q>(q, q_cpu, index)?,
            keys: rows::<K>(k, k_cpu, index)?,
            values: rows::<K>(v, v_cpu, index)?,
            scale,
            softcap,
            mask,
        };
        out.extend(attention.compute(|parts, work| pool().run(parts, work)));
    }
    Tensor::from_vec(
        Q::narrow(out),
        (batch, heads, queries, value_length),
        &Device::Cpu,
    )
    .map(Some)
}

fn rows<'a, T: Number>(tensor: &Tensor, storage: &'a CpuStorage, batch: usize) -> Result<Rows<'a, T>> {
    let (_, positions, heads, length) = tensor.dims4()?;
    let stride = tensor.stride();
    let start = tensor.layout().start_offset() + batch * stride[0];
    Ok(Rows {
        data: &storage.as_slice::<T>()?[start..],
        heads,
        positions,
        length,
        head_stride: stride[2],
        position_stride: stride[1],
    })
}

/// Whether the mask hides from every query just the keys that come after it.
fn is_causal<T: Number>(mask: &Tensor, queries: usize, keys: usize) -> Result<bool> {
    let (guard, layout) = mask.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*guard, layout.contiguous_offsets()) else {
        return Ok(false);
    };
    if mask.dtype() != T::DTYPE || keys < queries {
        return Ok(false);
    }
    let data = &storage.as_slice::<T>()?[start..end];
    Ok(data.chunks_exact(keys).enumerate().all(|(query, row)| {
        let (seen, hidden) = row.split_at(keys - (queries - 1 - query));
        seen.iter().all(|&number| Into::<f32>::into(number) == 0.0)
            && hidden
                .iter()
                .all(|&number| Into::<f32>::into(number) == f32::NEG_INFINITY)
    }))
}
