//! What a billion weights cost beside candle's way: `cargo bench -p hearth-quantise [threads]`.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use std::hint::black_box;
use std::time::Instant;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use hearth_quantise::{Kind, Numbers, quantise};

const ROWS: usize = 2048;
const COLUMNS: usize = 2048;

fn main() {
    let threads: usize = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(2);
    let parallel = |many: usize, work: &(dyn Fn(usize) + Sync)| {
        std::thread::scope(|scope| {
            for thread in 0..threads {
                scope.spawn(move || (thread..many).step_by(threads).for_each(work));
            }
        });
    };
    let weights = Tensor::randn(0_f32, 0.02, (ROWS, COLUMNS), &Device::Cpu).expect("weights");
    let numbers = weights
        .flatten_all()
        .and_then(|all| all.to_vec1::<f32>())
        .expect("numbers");
    println!(
        "{ROWS} x {COLUMNS}, {threads} threads, candle on one; nanoseconds a weight and mean square error"
    );
    for (kind, theirs) in [
        (Kind::Q4K, GgmlDType::Q4K),
        (Kind::Q5K, GgmlDType::Q5K),
        (Kind::Q6K, GgmlDType::Q6K),
        (Kind::Q8_0, GgmlDType::Q8_0),
    ] {
        let mut best = f64::MAX;
        let mut data = Vec::new();
        for _ in 0..5 {
            let start = Instant::now();
            data = black_box(quantise(kind, Numbers::F32(&numbers), parallel)).expect("blocks");
            best = best.min(start.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        let candle = QTensor::quantize(&weights, theirs).expect("blocks");
        let slow = start.elapsed().as_secs_f64();
        let ours = candle_core::quantized::QStorage::from_data(data.into(), &Device::Cpu, theirs)
            .and_then(|storage| QTensor::new(storage, (ROWS, COLUMNS)))
            .expect("blocks");
        let error = |blocks: &QTensor| -> f32 {
            let apart = blocks.dequantize(&Device::Cpu).and_then(|back| back - &weights);
            let square = apart.and_then(|apart| apart.sqr()?.mean_all()?.to_scalar::<f32>());
            square.expect("an error")
        };
        let each = 1e9 / (ROWS * COLUMNS) as f64;
        println!(
            "{kind:?}: {:>6.2} ns and {:.4e}, candle {:>6.2} ns and {:.4e}",
            best * each,
            error(&ours),
            slow * each,
            error(&candle),
        );
    }
}
