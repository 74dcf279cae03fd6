//! What products cost by the number of rows, with each set of kernels: `cargo bench -p hearth-matmul [threads]`.

use std::hint::black_box;
use std::time::Instant;

use hearth_matmul::{Kind, Matrix};
use hearth_pool::Pool;

const COLUMNS: usize = 2048;
const ROWS: usize = 16 * 1024 * 1024 / COLUMNS;
/// Matrices enough to be beyond the caches.
const MATRICES: usize = 12;

fn main() {
    let threads: usize = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(2);
    let pool = Pool::new(threads);
    let parallel = |many: usize, work: &(dyn Fn(usize) + Sync)| pool.run(many, work);
    println!("{ROWS} x {COLUMNS}, {threads} threads");
    for kind in Kind::ALL {
        let bytes = ROWS * COLUMNS / 256 * kind.bytes();
        let data: Vec<Vec<u8>> = (0..MATRICES).map(|seed| vec![seed as u8; bytes]).collect();
        let sets = Matrix::with_each_set(kind, &data[0], ROWS, COLUMNS).len();
        for set in 0..sets {
            let mut single = 0.0;
            for many in [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 512] {
                let activations: Vec<f32> = (0..many * COLUMNS)
                    .map(|index| (index % 97) as f32 - 48.0)
                    .collect();
                let mut seconds: Vec<f64> = Vec::new();
                for round in 0..if many > 100 { 1 } else { 7 } {
                    for data in data.iter().take(if many > 100 { 3 } else { MATRICES }) {
                        let matrix = &Matrix::with_each_set(kind, data, ROWS, COLUMNS)[set];
                        let start = Instant::now();
                        black_box(matrix.multiply(&activations, parallel));
                        if round > 0 || many > 100 {
                            seconds.push(start.elapsed().as_secs_f64());
                        }
                    }
                }
                seconds.sort_by(f64::total_cmp);
                let median = seconds[seconds.len() / 2];
                if many == 1 {
                    single = median;
                }
                println!(
                    "{kind:?}, set {}, {many:>4} rows: {:>8.2} ms, {:>5.2} times one, {:>5.1} GB/s, {:>6.1} billion products/s",
                    set + 1,
                    median * 1e3,
                    median / single,
                    bytes as f64 / median / 1e9,
                    (many * ROWS * COLUMNS) as f64 / median / 1e9,
                );
            }
        }
    }
}
