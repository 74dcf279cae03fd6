//! What a layer takes besides its weights, measured with the operations that models are made of: what lies between the products,
//! and attention.

use std::hint::black_box;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor, bail};
use hearth_attention::{attention, stored};
use mistralrs_core::layers::{QRmsNorm, RotaryEmbedding};
use mistralrs_core::pipeline::KvCache;
use mistralrs_quant::{GluActivationType, QuantMethod, fused_glu};

use super::{matrix, median_seconds, random};
use crate::reader::PORTION;
use crate::threads;

/// The dimensions of a layer.
#[derive(Clone, Copy)]
struct Shape {
    heads: usize,
    key_heads: usize,
    length: usize,
    feed_forward: usize,
}

impl Shape {
    /// So small that its weights take no time.
    const SMALL: Self = Self {
        heads: 4,
        key_heads: 4,
        length: 64,
        feed_forward: 256,
    };

    /// Llama 3.1 8B's.
    const LARGE: Self = Self {
        heads: 32,
        key_heads: 8,
        length: 128,
        feed_forward: 14_336,
    };

    fn width(self) -> usize {
        self.heads * self.length
    }
}

/// A layer as Llama's: all but its weights.
struct Layer {
    shape: Shape,
    norm: QRmsNorm,
    rotary: RotaryEmbedding,
    cache: KvCache,
}

impl Layer {
    fn new(shape: Shape) -> Result<Self> {
        let ones = Tensor::ones(shape.width(), DType::F32, &Device::Cpu)?;
        Ok(Self {
            shape,
            norm: QRmsNorm::new(QTensor::quantize(&ones, GgmlDType::F32)?, 1e-5)?,
            rotary: RotaryEmbedding::new(1e4, shape.length, PORTION, &Device::Cpu, false, DType::F32)?,
            cache: KvCache::new_normal(2, PORTION, PORTION),
        })
    }

    /// One pass over states of `(1, tokens, width)`, with `product` for its products: of what, and how wide its result is. A
    /// token alone attends to itself; more of them do not, as that is no small part and measured by itself.
    fn pass(
        &mut self,
        states: &Tensor,
        product: &dyn Fn(&Tensor, usize) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let Shape {
            heads,
            key_heads,
            length,
            feed_forward,
        } = self.shape;
        let (_, tokens, width) = states.dims3()?;
        let apart = |states: Tensor, heads| states.reshape((1, tokens, heads, length))?.transpose(1, 2);
        let normed = self.norm.forward(states)?;
        let queries = apart(product(&normed, width)?, heads)?;
        let keys = apart(product(&normed, key_heads * length)?, key_heads)?;
        let values = apart(product(&normed, key_heads * length)?, key_heads)?;
        let (queries, keys) = self.rotary.forward(&queries, &keys, &[0])?;
        self.cache.reset();
        let (keys, values) = self.cache.append(&keys, &values)?;
        let seen = match tokens {
            1 => attend(&queries, &keys, &values, None)?,
            _ => queries,
        };
        let seen = seen.transpose(1, 2)?.reshape((1, tokens, width))?;
        let states = (product(&seen, width)? + states)?;
        let normed = self.norm.forward(&states)?;
        let (gate, up) = (product(&normed, feed_forward)?, product(&normed, feed_forward)?);
        product(&fused_glu(&gate, &up, GluActivationType::Silu)?, width)? + states
    }
}

/// Seconds of a layer for one token, but for its weights, keys and values.
///
/// # Errors
/// candle's.
pub fn seconds_of_a_token() -> Result<f64> {
    const PASSES: usize = 64;
    let width = Shape::SMALL.width();
    let mut layer = Layer::new(Shape::SMALL)?;
    let weights = matrix(width, width)?;
    let states = random((1, 1, width))?;
    let seconds = threads::run(1, || {
        median_seconds(|| {
            for _ in 0..PASSES {
                black_box(layer.pass(&states, &|states, _| weights.forward(states))?);
            }
            Ok(())
        })
    })?;
    Ok(seconds / PASSES as f64)
}

/// Numbers of the hidden, query and feed-forward states of all tokens of a portion, worked through between the products in a
/// second.
///
/// # Errors
/// candle's.
pub fn numbers_of_a_prompt() -> Result<f64> {
    let shape = Shape::LARGE;
    let (width, keys) = (shape.width(), shape.key_heads * shape.length);
    let mut layer = Layer::new(shape)?;
    let states = random((1, PORTION, width))?;
    let results = [width, keys, shape.feed_forward].map(|width| random((1, PORTION, width)));
    let results = results.into_iter().collect::<Result<Vec<_>>>()?;
    let product = |_: &Tensor, width: usize| match results.iter().find(|result| result.dims()[2] == width) {
        Some(result) => Ok(result.clone()),
        None => bail!("a layer has no product {width} wide"),
    };
    let seconds = threads::run(PORTION, || {
        median_seconds(|| {
            black_box(layer.pass(&states, &product)?);
            Ok(())
        })
    })?;
    Ok((PORTION * (2 * width + shape.feed_forward)) as f64 / seconds)
}

/// How fast attention goes.
pub struct Attention {
    /// Numbers of keys and values that one token takes from the cache in a second.
    pub keys: f64,
    /// The same numbers, multiplied with a query each, in a second.
    pub queries: f64,
    /// Numbers of keys and values multiplied with a query each in a second while a prompt is read.
    pub prompt: f64,
}

/// Measures attention over a cache that is more than the processor's caches hold.
///
/// # Errors
/// candle's.
pub fn attention_speeds() -> Result<Attention> {
    const SEEN: usize = 2048;
    const LAYERS: usize = 12;
    const GROUP: usize = 8;
    let Shape {
        heads,
        key_heads,
        length,
        ..
    } = Shape::LARGE;
    let cache = |_| {
        let of = || stored(&random((1, key_heads, SEEN, length))?);
        Ok((of()?, of()?))
    };
    let caches = (0..LAYERS).map(cache).collect::<Result<Vec<_>>>()?;
    let seconds = |queries: usize, heads: usize, caches: &[(Tensor, Tensor)]| -> Result<f64> {
        let asked = random((1, heads, queries, length))?;
        let mask = (queries > 1).then(|| mask(queries, SEEN)).transpose()?;
        let seconds = threads::run(queries, || {
            median_seconds(|| {
                for (keys, values) in caches {
                    black_box(attend(&asked, keys, values, mask.as_ref())?);
                }
                Ok(())
            })
        })?;
        Ok(seconds / caches.len() as f64)
    };
    let numbers = (2 * key_heads * length * SEEN) as f64;
    // One query for each key and several differ by what a query takes.
    let (one, several) = (
        seconds(1, key_heads, &caches)?,
        seconds(1, GROUP * key_heads, &caches)?,
    );
    let query = ((several - one) / (GROUP - 1) as f64).clamp(one / 100.0, one);
    let prompt = seconds(PORTION, heads, &caches[..1])?;
    // A portion's queries see half of it on average.
    let looked_at = PORTION * (SEEN - PORTION / 2) * heads * 2 * length;
    Ok(Attention {
        keys: numbers / (one - query).max(one / 100.0),
        queries: numbers / query,
        prompt: looked_at as f64 / prompt,
    })
}

fn mask(queries: usize, keys: usize) -> Result<Tensor> {
    let seen = |query: usize| keys - queries + query;
    let of_query = |query| {
        (0..keys).map(move |key| {
            if key <= seen(query) {
                0.0
            } else {
                f32::NEG_INFINITY
            }
        })
    };
    Tensor::from_iter((0..queries).flat_map(of_query), &Device::Cpu)?.reshape((queries, keys))
}

fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let [queries, keys, values] = [queries, keys, values].map(|heads| heads.transpose(1, 2));
    match attention(&queries?, &keys?, &values?, mask, 0.1, None)? {
        Some(seen) => Ok(seen),
        None => bail!("there are no kernels for such attention"),
    }
}
