//! Products against the definition of each kind of weights, number by number.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use half::{bf16, f16};
use hearth_matmul::{Activations, BLOCK, Halves, Kind, MANY, MXFP4_HALVES, Matrix, Order};

fn one_by_one(many: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..many).for_each(work);
}

fn on_threads(many: usize, work: &(dyn Fn(usize) + Sync)) {
    std::thread::scope(|scope| {
        for thread in 0..3 {
            scope.spawn(move || (thread..many).step_by(3).for_each(work));
        }
    });
}

/// Where a block has its numbers of 16 bits.
fn scales(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Mxfp4 => &[],
        Kind::Q4K | Kind::Q5K | Kind::Q4_1 | Kind::Q5_1 => &[0, 2],
        Kind::Q6K => &[208],
        Kind::Q8_0 | Kind::Q4_0 | Kind::Q5_0 => &[0],
    }
}

/// Any bytes are weights; only the scales are kept from being anything.
fn weights(kind: Kind, blocks: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    let mut data: Vec<u8> = (0..blocks * kind.bytes()).map(|_| random.u8(..)).collect();
    for block in data.chunks_mut(kind.block().1) {
        for &at in scales(kind) {
            let scale = f16::from_f32(random.f32() * 0.1 - 0.05);
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
        if kind == Kind::Mxfp4 {
            block[0] = random.u8(110..130);
        }
    }
    data
}

/// With every set of kernels that this processor can run.
fn matrices<'a>(kind: Kind, data: &'a [u8], rows: usize, columns: usize) -> Vec<Matrix<'a>> {
    let matrices = Matrix::with_each_set(kind, data, rows, columns);
    assert!(!matrices.is_empty(), "a test machine has AVX2");
    matrices
}

fn half(bytes: &[u8]) -> f64 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f64()
}

/// Scale and minimum of the `sub`th 32 weights, six bits each in twelve bytes.
fn scale_and_minimum(scales: &[u8], sub: usize) -> (f64, f64) {
    let (scale, minimum) = if sub < 4 {
        (scales[sub] & 63, scales[sub + 4] & 63)
    } else {
        (
            scales[sub + 4] & 15 | scales[sub - 4] >> 6 << 4,
            scales[sub + 4] >> 4 | scales[sub] >> 6 << 4,
        )
    };
    (f64::from(scale), f64::from(minimum))
}

/// The number that a weight stands for.
fn weight(kind: Kind, block: &[u8], index: usize) -> f64 {
    let (sub, within) = (index / 32, index % 32);
    match kind {
        Kind::Q4K | Kind::Q5K => {
            let (scale, minimum) = scale_and_minimum(&block[4..16], sub);
            let nibbles = if kind == Kind::Q4K {
                &block[16..]
            } else {
                &block[48..]
            };
            let byte = nibbles[32 * (sub / 2) + within];
            let mut value = if sub % 2 == 0 { byte & 15 } else { byte >> 4 };
            if kind == Kind::Q5K {
                value |= (block[16 + within] >> sub & 1) << 4;
            }
            half(block) * scale * f64::from(value) - half(&block[2..]) * minimum
        }
        Kind::Q6K => {
            let (half_block, quarter) = (index / 128, index % 128 / 32);
            let byte = block[64 * half_block + 32 * (quarter % 2) + within];
            let low = if quarter < 2 { byte & 15 } else { byte >> 4 };
            let high = block[128 + 32 * half_block + within] >> (2 * quarter) & 3;
            let scale = f64::from(block[192 + index / 16] as i8);
            half(&block[208..]) * scale * (f64::from(low | high << 4) - 32.0)
        }
        Kind::Q8_0 => {
            let block = &block[34 * sub..];
            half(block) * f64::from(block[2 + within] as i8)
        }
        Kind::Q4_0 => {
            let block = &block[18 * sub..];
            half(block) * (f64::from(nibble(&block[2..], within)) - 8.0)
        }
        Kind::Q4_1 => {
            let block = &block[20 * sub..];
            half(block) * f64::from(nibble(&block[4..], within)) + half(&block[2..])
        }
        Kind::Q5_0 => {
            let block = &block[22 * sub..];
            let value = nibble(&block[6..], within) | bit(&block[2..], within) << 4;
            half(block) * (f64::from(value) - 16.0)
        }
        Kind::Mxfp4 => {
            let block = &block[17 * sub..];
            let halves = MXFP4_HALVES[usize::from(nibble(&block[1..], within))];
            f64::from(halves) * (f64::from(block[0]) - 128.0).exp2()
        }
        Kind::Q5_1 => {
            let block = &block[24 * sub..];
            let value = nibble(&block[8..], within) | bit(&block[4..], within) << 4;
            half(block) * f64::from(value) + half(&block[2..])
        }
    }
}

/// Of 32 weights in 16 bytes the lower halves are the first sixteen, the upper halves the others.
fn nibble(bytes: &[u8], index: usize) -> u8 {
    if index < 16 {
        bytes[index] & 15
    } else {
        bytes[index - 16] >> 4
    }
}

fn bit(bytes: &[u8], index: usize) -> u8 {
    bytes[index / 8] >> (index % 8) & 1
}

/// Every set's products against the definition. What is off is measured by the terms, with each weight taken for `least` at
/// least.
fn check(kind: Kind, data: &[u8], rows: usize, columns: usize, activations: &[f32], least: f64) {
    let row_bytes = columns * kind.bytes() / BLOCK;
    let products: Vec<Vec<f32>> = matrices(kind, data, rows, columns)
        .iter()
        .map(|matrix| matrix.multiply(activations, on_threads))
        .collect();
    let many = activations.len() / columns;
    let taken = Activations::new(activations, columns, Order::Columns, one_by_one);
    for index in 0..many {
        let (blocks, scales) = taken.rows(index, 1);
        let numbers: Vec<f64> = blocks
            .iter()
            .zip(scales)
            .flat_map(|(block, &scale)| block.bytes.map(|byte| f64::from(byte) * f64::from(scale)))
            .collect();
        for row in 0..rows {
            let blocks = &data[row * row_bytes..];
            let (mut sum, mut size) = (0.0, 0.0);
            for (column, number) in numbers.iter().enumerate().take(columns) {
                let weight = weight(kind, &blocks[column / BLOCK * kind.bytes()..], column % BLOCK);
                sum += number * weight;
                size += number.abs() * weight.abs().max(least);
            }
            for products in &products {
                let product = f64::from(products[index * rows + row]);
                assert!(
                    (product - sum).abs() <= 1e-5 * size,
                    "{kind:?} {rows}x{columns}, {many}: {product} for {sum}"
                );
            }
        }
    }
}

#[test]
fn a_product_is_the_sum_of_products() {
    let mut random = fastrand::Rng::with_seed(1);
    for kind in Kind::ALL {
        for (rows, columns, many) in [
            (1, 256, 1),
            (3, 512, 2),
            (33, 768, 11),
            (70, 2048, 29),
            (45, 1280, MANY),
            (8, 512, MANY + 13),
            (5, 4864, 3),
            // Rows that end within 256 weights.
            (36, 192, 7),
            (24, 1120, 13),
            (40, 96, MANY),
            (48, 1120, MANY + 5),
        ] {
            if !usize::is_multiple_of(columns, kind.block().0) {
                continue;
            }
            let data = weights(kind, rows * columns / BLOCK, &mut random);
            let activations: Vec<f32> = (0..many * columns).map(|_| random.f32() * 2.0 - 1.0).collect();
            check(kind, &data, rows, columns, &activations, 0.0);
        }
    }
}

#[test]
fn the_largest_weights_and_activations_do_not_overflow() {
    let (rows, columns) = (17, 512);
    for kind in Kind::ALL {
        for scale in [65504.0, -65504.0, 6e-8] {
            let matrices = [0x00, 0xff, 0x7f, 0x80].map(|byte| {
                let mut data = vec![byte; rows * columns / BLOCK * kind.bytes()];
                for block in data.chunks_mut(kind.block().1) {
                    for &at in scales(kind) {
                        block[at..at + 2].copy_from_slice(&f16::from_f32(scale).to_le_bytes());
                    }
                    if kind == Kind::Mxfp4 {
                        block[0] = if scale > 1.0 { 200 } else { 2 };
                    }
                }
                data
            });
            let every = matrices
                .iter()
                .flat_map(|data| (0..BLOCK).map(|index| weight(kind, data, index)));
            let largest = every.map(f64::abs).fold(0.0, f64::max);
            for data in &matrices {
                for many in [1, 3, MANY] {
                    for activation in [1e6, -1e6] {
                        let activations = vec![activation; many * columns];
                        check(kind, data, rows, columns, &activations, largest);
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_its_company() {
    let mut random = fastrand::Rng::with_seed(2);
    // Rows of blocks of 32 may end within 256 weights.
    for (kind, rows, columns) in Kind::ALL.map(|kind| (kind, 37, 4864)).into_iter().chain(
        Kind::ALL
            .into_iter()
            .filter(|kind| kind.block().0 == 32)
            .map(|kind| (kind, 40, 416)),
    ) {
        let data = weights(kind, rows * columns / BLOCK, &mut random);
        let activations: Vec<f32> = (0..(MANY - 1) * columns)
            .map(|_| random.f32() * 2.0 - 1.0)
            .collect();
        for matrix in matrices(kind, &data, rows, columns) {
            let alone: Vec<f32> = activations
                .chunks(columns)
                .flat_map(|row| matrix.multiply(row, one_by_one))
                .collect();
            for many in 1..MANY {
                let together = matrix.multiply(&activations[..many * columns], on_threads);
                assert!(together == alone[..many * rows], "{kind:?}: {many} rows");
            }
        }
    }
}

#[test]
fn a_matrix_of_another_size_than_its_data_is_refused() {
    let data = vec![0; 144 * 4];
    assert!(Matrix::new(Kind::Q4K, &data, 2, 512).is_some());
    assert!(Matrix::new(Kind::Q4K, &data, 4, 256).is_some());
    assert!(Matrix::new(Kind::Q4K, &data, 2, 256).is_none());
    assert!(Matrix::new(Kind::Q4K, &data, 2, 500).is_none());
    assert!(Matrix::new(Kind::Q4K, &data, usize::MAX, 512).is_none());
    assert!(Matrix::new(Kind::Q6K, &data, 2, 512).is_none());
    assert!(Matrix::new(Kind::Q8_0, &data[..2 * 6 * 34], 2, 192).is_some());
    assert!(Matrix::new(Kind::Q8_0, &data[..2 * 6 * 34], 2, 190).is_none());
    assert!(Matrix::new(Kind::Q4_0, &data[..2 * 6 * 18], 2, 192).is_some());
    assert!(Matrix::new(Kind::Q4_0, &data[..2 * 6 * 18], 2, 200).is_none());
    assert!(Matrix::new(Kind::Q5_0, &data[..2 * 6 * 18], 2, 192).is_none());
    assert!(Matrix::new(Kind::Q4K, &[], 0, 0).is_none());
}

#[test]
fn what_is_no_number_stays_none() {
    let data = weights(Kind::Q4K, 2, &mut fastrand::Rng::with_seed(3));
    let matrix = Matrix::new(Kind::Q4K, &data, 1, 512).expect("a test machine has AVX2");
    let mut activations = vec![1.0; 512];
    activations[300] = f32::NAN;
    assert!(matrix.multiply(&activations, one_by_one)[0].is_nan());
}

#[test]
fn plain_numbers_of_16_bits_are_multiplied_as_they_are() {
    let mut random = fastrand::Rng::with_seed(11);
    // Neither sides nor pieces are whole.
    let (rows, columns, many) = (37, 300, 3);
    let numbers: Vec<f32> = (0..rows * columns).map(|_| random.f32() - 0.5).collect();
    let activations: Vec<f32> = (0..many * columns).map(|_| random.f32() - 0.5).collect();
    // On the processors that there are, the lower byte comes first in memory as well.
    let bytes = |bits: fn(f32) -> u16| -> Vec<u16> { numbers.iter().map(|number| bits(*number)).collect() };
    let f16s = bytes(|number| f16::from_f32(number).to_bits());
    let bf16s = bytes(|number| bf16::from_f32(number).to_bits());
    let of =
        |numbers: &[u16]| -> Vec<u8> { numbers.iter().flat_map(|number| number.to_le_bytes()).collect() };
    let (f16_bytes, bf16_bytes) = (of(&f16s), of(&bf16s));
    let one = Halves::f16(&f16_bytes, rows, columns).expect("they are so many");
    let other = Halves::bf16(&bf16_bytes, rows, columns).expect("they are so many");
    let widened: [Vec<f64>; 2] = [
        f16s.iter().map(|bits| f16::from_bits(*bits).to_f64()).collect(),
        bf16s.iter().map(|bits| bf16::from_bits(*bits).to_f64()).collect(),
    ];
    for (matrix, weights) in [one, other].iter().zip(&widened) {
        let together = matrix.multiply(&activations, on_threads);
        for (index, of_row) in activations.chunks(columns).enumerate() {
            let products = &together[index * rows..(index + 1) * rows];
            assert_eq!(products, matrix.multiply(of_row, one_by_one));
            for (product, weights) in products.iter().zip(weights.chunks(columns)) {
                let exact: f64 = weights
                    .iter()
                    .zip(of_row)
                    .map(|(weight, number)| weight * f64::from(*number))
                    .sum();
                assert!((f64::from(*product) - exact).abs() < 1e-4, "{product} {exact}");
            }
        }
    }
    assert!(Halves::f16(&f16_bytes, rows, columns + 1).is_none());
}
