//! Linear attention of candle's tensors, on a CPU. States are changed where they lie.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use hearth_pool::pool;

use crate::{Convolution, DeltaRule};

/// The gated delta rule ([`DeltaRule`]), all of f32: queries and keys `(1, tokens, heads, key length)`, values `(1, tokens,
/// heads, value length)`, decays and strengths `(1, tokens, heads)`, and the state `(1, heads, key length, value length)`, which
/// is changed. Returns `(1, tokens, heads, value length)`.
///
/// # Errors
/// For several texts at once, other numbers than f32, a state that does not lie in one piece; candle's.
pub fn delta_rule(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    decays: &Tensor,
    strengths: &Tensor,
    state: &Tensor,
) -> Result<Tensor> {
    let (batch, _, heads, key_length) = queries.dims4()?;
    let value_length = values.dim(3)?;
    if batch != 1 || state.dims() != [1, heads, key_length, value_length] {
        bail!("linear attention of {:?} over {:?}", queries.dims(), state.dims());
    }
    let scaled = (queries * (1.0 / (key_length as f64).sqrt()))?;
    let inputs = [&scaled, keys, values, decays, strengths].map(numbers);
    let [queries, keys, rows, decays, strengths] = inputs;
    let rule = DeltaRule {
        queries: &queries?,
        keys: &keys?,
        values: &rows?,
        decays: &decays?,
        strengths: &strengths?,
        corrects: true,
        heads,
        key_length,
        value_length,
    };
    over(state, values, |state| rule.compute(state, each))
}

/// The selective scan of Mamba 2, all of f32: inputs `(1, tokens, heads, length)`, steps `(1, tokens, heads)`, rates below zero
/// `(heads)`, what writes and what reads `(1, tokens, heads, state length)`, and the state `(1, heads, length, state length)`,
/// which is changed, and whose numbers lie in an order of ours. Returns `(1, tokens, heads, length)`.
///
/// # Errors
/// As [`delta_rule`].
pub fn selective_scan(
    inputs: &Tensor,
    steps: &Tensor,
    rates: &Tensor,
    writes: &Tensor,
    reads: &Tensor,
    state: &Tensor,
) -> Result<Tensor> {
    let (batch, _, heads, value_length) = inputs.dims4()?;
    let key_length = reads.dim(3)?;
    if batch != 1 || state.dims() != [1, heads, value_length, key_length] {
        bail!("a scan of {:?} over {:?}", inputs.dims(), state.dims());
    }
    let decays = numbers(&steps.broadcast_mul(rates)?)?;
    let rule = DeltaRule {
        queries: &numbers(reads)?,
        keys: &numbers(writes)?,
        values: &numbers(inputs)?,
        decays: &decays,
        strengths: &numbers(steps)?,
        corrects: false,
        heads,
        key_length,
        value_length,
    };
    over(state, inputs, |state| rule.compute(state, each))
}

/// The convolution ([`Convolution`]) of `(1, tokens, channels)` with `(channels, length)` and perhaps a bias of `(channels)`, and
/// its SiLU. The state `(1, channels, length)` is changed.
///
/// # Errors
/// As [`delta_rule`].
pub fn convolution(
    input: &Tensor,
    weights: &Tensor,
    bias: Option<&Tensor>,
    state: &Tensor,
) -> Result<Tensor> {
    let (batch, _, channels) = input.dims3()?;
    let (_, length) = weights.dims2()?;
    if batch != 1 || weights.dim(0)? != channels || state.dims() != [1, channels, length] {
        bail!("a convolution of {:?} over {:?}", input.dims(), state.dims());
    }
    let (rows, weights) = (numbers(input)?, numbers(weights)?);
    let bias = bias.map(numbers).transpose()?.unwrap_or_default();
    let convolution = Convolution {
        input: &rows,
        weights: &weights,
        bias: &bias,
        channels,
        length,
    };
    over(state, input, |state| convolution.compute(state, each))
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

fn each(parts: usize, work: &(dyn Fn(usize) + Sync)) {
    pool().run(parts, work);
}

/// What `work` makes of the state's numbers, which it changes where they lie: a tensor like the values.
fn over(state: &Tensor, values: &Tensor, work: impl Fn(&mut [f32]) -> Vec<f32>) -> Result<Tensor> {
    let change = Change {
        work,
        out: RefCell::default(),
    };
    state.inplace_op1(&change)?;
    Tensor::from_vec(change.out.into_inner(), values.shape(), values.device())
}

struct Change<Work> {
    work: Work,
    out: RefCell<Vec<f32>>,
}

impl<Work: Fn(&mut [f32]) -> Vec<f32>> InplaceOp1 for Change<Work> {
    fn name(&self) -> &'static str {
        "linear attention"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(numbers), Some((start, end))) = (storage, layout.contiguous_offsets()) else {
            bail!("the state of linear attention does not lie in one piece of f32");
        };
        self.out.replace((self.work)(&mut numbers[start..end]));
        Ok(())
    }
}
