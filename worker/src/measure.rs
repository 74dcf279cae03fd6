//! What this computer can do, measured with the kernels that run models, so that a prediction made from it holds.

mod layer;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::quantized::{GgmlDType, QTensor, ggml_file::qtensor_from_ggml};
use candle_core::{Device, Shape, Tensor};
use hearth_engine::protocol::Speeds;
use mistralrs_quant::{GgufMatMul, QuantMethod, QuantMethodConfig};

/// Enough passes for a median, and eight measurements together under ten seconds.
const MEASURE_FOR: Duration = Duration::from_millis(900);
const FEWEST_PASSES: usize = 3;
/// Several times what any processor's caches hold, so that memory is measured.
const MEMORY_BYTES: usize = 512 << 20;
/// Width and height of one matrix: those of an 8 B model's attention.
const SIDE: usize = 4096;
/// 28 matrices of Q4_K are 264 MB, beyond the caches as well.
const MATRICES: usize = 28;
/// Tokens of a prompt that is read.
const ROWS: usize = 512;

/// Measures.
///
/// # Errors
/// candle's, when a kernel fails.
pub fn speeds() -> candle_core::Result<Speeds> {
    let threads = candle_core::utils::get_num_threads();
    let read_bytes_per_second = read_speed(threads);
    let matrices = (0..MATRICES)
        .map(|_| matrix(SIDE, SIDE))
        .collect::<Result<Vec<_>, _>>()?;
    let bytes = MATRICES * SIDE * SIDE / GgmlDType::Q4K.block_size() * GgmlDType::Q4K.type_size();
    let one_row = rows(1)?;
    let matvec = median_seconds(|| {
        for matrix in &matrices {
            black_box(matrix.forward(&one_row)?);
        }
        Ok(())
    })?;
    let many_rows = rows(ROWS)?;
    let prompt = median_seconds(|| {
        black_box(matrices[0].forward(&many_rows)?);
        Ok(())
    })?;
    let attention = layer::attention_speeds()?;
    Ok(Speeds {
        read_bytes_per_second,
        matvec_bytes_per_second: bytes as f64 / matvec,
        prompt_weights_per_second: (SIDE * SIDE * ROWS) as f64 / prompt,
        layer_seconds: layer::seconds_of_a_token()?,
        prompt_numbers_per_second: layer::numbers_of_a_prompt()?,
        key_numbers_per_second: attention.keys,
        attention_numbers_per_second: attention.queries,
        prompt_attention_per_second: attention.prompt,
        threads,
    })
}

/// Bytes/s that all threads together read from memory, in one sweep each over a share of their own.
fn read_speed(threads: usize) -> f64 {
    let memory = vec![1_u64; MEMORY_BYTES / size_of::<u64>()];
    let share = memory.len().div_ceil(threads.max(1));
    let sweep = || {
        std::thread::scope(|scope| {
            for part in memory.chunks(share) {
                scope.spawn(move || black_box(part.iter().fold(0_u64, |sum, n| sum.wrapping_add(*n))));
            }
        });
        Ok(())
    };
    // A sweep cannot fail, so there is always a median.
    median_seconds(sweep).map_or(0.0, |seconds| MEMORY_BYTES as f64 / seconds)
}

/// The median time of one pass, after one that does not count: candle packs weights at their first use.
fn median_seconds(mut pass: impl FnMut() -> candle_core::Result<()>) -> candle_core::Result<f64> {
    pass()?;
    let start = Instant::now();
    let mut seconds = Vec::new();
    while seconds.len() < FEWEST_PASSES || start.elapsed() < MEASURE_FOR {
        let before = Instant::now();
        pass()?;
        seconds.push(before.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[seconds.len() / 2])
}

fn rows(count: usize) -> candle_core::Result<Tensor> {
    random((count, SIDE))
}

fn random(shape: impl Into<Shape>) -> candle_core::Result<Tensor> {
    Tensor::rand(-1_f32, 1_f32, shape, &Device::Cpu)
}

/// A matrix of one quantised block over and over: quantising millions of weights would take longer than measuring.
fn matrix(rows: usize, columns: usize) -> candle_core::Result<GgufMatMul> {
    let weights = Tensor::rand(-1_f32, 1_f32, GgmlDType::Q4K.block_size(), &Device::Cpu)?;
    let block = QTensor::quantize(&weights, GgmlDType::Q4K)?;
    let block = block.data()?;
    let data = block.repeat(rows * columns / GgmlDType::Q4K.block_size());
    let weights = qtensor_from_ggml(GgmlDType::Q4K, &data, vec![rows, columns], &Device::Cpu)?;
    GgufMatMul::new(QuantMethodConfig::Gguf {
        q_weight: Arc::new(weights),
        b: None,
    })
}
