//! Blocks beside candle's, and numbers that are none.

#![expect(clippy::expect_used, reason = "tests")]

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Tensor};
use half::{bf16, f16};
use hearth_quantise::{Kind, Numbers, quantise, quantise_plainly};

const KINDS: [(Kind, GgmlDType); 4] = [
    (Kind::Q4K, GgmlDType::Q4K),
    (Kind::Q5K, GgmlDType::Q5K),
    (Kind::Q6K, GgmlDType::Q6K),
    (Kind::Q8_0, GgmlDType::Q8_0),
];

fn blocks(kind: Kind, numbers: &[f32]) -> Vec<u8> {
    let in_order = |parts, part: &(dyn Fn(usize) + Sync)| (0..parts).for_each(part);
    quantise(kind, Numbers::F32(numbers), in_order).expect("whole blocks")
}

/// What candle reads out of blocks.
fn read(kind: GgmlDType, blocks: Vec<u8>, count: usize) -> Vec<f32> {
    let storage = QStorage::from_data(blocks.into(), &Device::Cpu, kind).expect("blocks");
    let weights = QTensor::new(storage, (1, count)).expect("a tensor");
    let back = weights.dequantize(&Device::Cpu).expect("numbers");
    back.flatten_all().and_then(|all| all.to_vec1()).expect("numbers")
}

fn through_ours(kind: Kind, theirs: GgmlDType, numbers: &[f32]) -> Vec<f32> {
    read(theirs, blocks(kind, numbers), numbers.len())
}

fn through_candle(kind: GgmlDType, numbers: &[f32]) -> Vec<f32> {
    let weights = Tensor::from_slice(numbers, (1, numbers.len()), &Device::Cpu).expect("a tensor");
    let blocks = QTensor::quantize(&weights, kind).expect("blocks");
    let back = blocks.dequantize(&Device::Cpu).expect("numbers");
    back.flatten_all().and_then(|all| all.to_vec1()).expect("numbers")
}

fn square_error(one: &[f32], other: &[f32]) -> f64 {
    let squares = one.iter().zip(other).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>() / one.len() as f64
}

fn normal(random: &mut fastrand::Rng) -> f32 {
    // Box and Muller's.
    let (radius, angle) = (random.f32().max(1e-9), random.f32() * std::f32::consts::TAU);
    (-2.0 * radius.ln()).sqrt() * angle.cos()
}

/// As weights are, with outliers as some have, small, sparse, and of one sign, which none are: name, numbers, and how much more
/// than candle's their error may be.
fn rows() -> Vec<(&'static str, Vec<f32>, f64)> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut row = |from: &mut dyn FnMut(&mut fastrand::Rng) -> f32| -> Vec<f32> {
        (0..256 * 65).map(|_| from(&mut random)).collect()
    };
    vec![
        ("normal", row(&mut |random| 0.02 * normal(random)), 1.0),
        (
            "heavy-tailed",
            row(&mut |random| 0.02 * normal(random) / normal(random).abs().max(0.05)),
            1.0,
        ),
        ("above zero", row(&mut |random| 1.0 + 0.3 * random.f32()), 1.0),
        ("below zero", row(&mut |random| -1.0 - 0.3 * random.f32()), 1.05),
        ("small", row(&mut |random| 1e-4 * normal(random)), 1.0),
        (
            "mostly zeros",
            row(&mut |random| if random.u8(..) < 8 { normal(random) } else { 0.0 }),
            1.0,
        ),
    ]
}

#[test]
fn numbers_are_no_further_off_than_candles() {
    for (name, row, more) in rows() {
        for (kind, theirs) in KINDS {
            let ours = square_error(&row, &through_ours(kind, theirs, &row));
            let candles = square_error(&row, &through_candle(theirs, &row));
            assert!(
                ours <= candles * more,
                "{name}, {kind:?}: {ours:e}, candle {candles:e}"
            );
        }
    }
}

#[test]
fn what_blocks_can_say_is_said_exactly() {
    // Zeros, and whole steps of a scale of 16 bits that reach from end to end.
    let steps = [
        (0..=15, 63.0),
        (0..=31, 63.0),
        (-32..=31, -128.0),
        (-127..=127, 1.0),
    ];
    for ((kind, theirs), (levels, scale)) in KINDS.into_iter().zip(steps) {
        assert_eq!(through_ours(kind, theirs, &[0.0; 512]), [0.0; 512]);
        let levels: Vec<i32> = levels.collect();
        let numbers: Vec<f32> = (0..512)
            .map(|index| {
                // Both ends in every 16.
                let end = [levels[0], levels[levels.len() - 1]];
                let level = if index % 16 < 2 {
                    end[index % 16]
                } else {
                    levels[index * 7 % levels.len()]
                };
                level as f32 * scale / 256.0
            })
            .collect();
        // But for what sums in 32 bits are off.
        let back = through_ours(kind, theirs, &numbers);
        let error = back.iter().zip(&numbers).map(|(a, b)| (a - b).abs());
        assert!(error.fold(0.0, f32::max) < 1e-5, "{kind:?}: {back:?}");
    }
}

#[test]
fn constant_rows_stay_constant() {
    for constant in [1.0, -1.0, 0.37, -0.37, 0.05, 4e4] {
        for (kind, theirs) in KINDS {
            let back = through_ours(kind, theirs, &[constant; 512]);
            assert!(back.iter().all(|x| *x == back[0]), "{kind:?} of {constant}");
            // Its scale has 16 bits, of which eleven count.
            assert!(
                (back[0] / constant - 1.0).abs() < 1e-3,
                "{kind:?} of {constant}: {}",
                back[0]
            );
        }
    }
}

#[test]
fn what_is_no_number_harms_no_other() {
    let mut random = fastrand::Rng::with_seed(3);
    let mut row: Vec<f32> = (0..1024).map(|_| normal(&mut random)).collect();
    (row[5], row[300], row[600]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    for (kind, theirs) in KINDS {
        let back = through_ours(kind, theirs, &row);
        assert!(back.iter().all(|x| x.is_finite()), "{kind:?}");
        assert!(back[5].abs() < 0.3, "{kind:?}: {}", back[5]);
        assert!(
            back[300] > 6e4 && back[600] < -6e4,
            "{kind:?}: {}, {}",
            back[300],
            back[600]
        );
        // The last block has none of it.
        assert!(square_error(&row[768..], &back[768..]) < 0.01, "{kind:?}");
    }
}

/// Any bits at all, in each of the three widths: what comes out is finite and no further off than half a step of the coarsest
/// scale.
#[test]
fn any_bits_become_finite_numbers_of_their_size() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..200 {
        let magnitude = 10_f32.powi(random.i32(-30..5));
        let row: Vec<f32> = (0..768)
            .map(|_| match round % 4 {
                0 => f32::from_bits(random.u32(..)),
                _ => normal(&mut random) * magnitude,
            })
            .collect();
        for (kind, theirs) in KINDS {
            let back = through_ours(kind, theirs, &row);
            for (block, back) in row.chunks(256).zip(back.chunks(256)) {
                let held = |x: f32| {
                    if x.is_nan() {
                        0.0
                    } else {
                        x.clamp(-65504.0, 65504.0)
                    }
                };
                let largest = block.iter().map(|x| held(*x).abs()).fold(0.0, f32::max);
                for (&x, &y) in block.iter().zip(back) {
                    let error = (held(x) - y).abs();
                    // A scale below what 16 bits hold is none.
                    let bound = 0.2 * largest + 1e-4;
                    assert!(error <= bound, "{kind:?}: {x} became {y}, of {largest}");
                }
            }
        }
    }
}

#[test]
fn all_processors_give_the_same_bytes_for_all_widths() {
    let mut random = fastrand::Rng::with_seed(5);
    let row: Vec<f32> = (0..256 * 131).map(|_| normal(&mut random)).collect();
    let halves: Vec<f16> = row.iter().map(|x| f16::from_f32(*x)).collect();
    let shorts: Vec<bf16> = row.iter().map(|x| bf16::from_f32(*x)).collect();
    let backwards = |parts, part: &(dyn Fn(usize) + Sync)| (0..parts).rev().for_each(part);
    for (kind, _) in KINDS {
        assert_eq!(
            Some(blocks(kind, &row)),
            quantise_plainly(kind, Numbers::F32(&row))
        );
        let wide: Vec<f32> = halves.iter().map(|x| x.to_f32()).collect();
        let narrow = quantise(kind, Numbers::F16(&halves), backwards);
        assert_eq!(narrow, Some(blocks(kind, &wide)), "{kind:?}");
        let wide: Vec<f32> = shorts.iter().map(|x| x.to_f32()).collect();
        let narrow = quantise(kind, Numbers::BF16(&shorts), backwards);
        assert_eq!(narrow, Some(blocks(kind, &wide)), "{kind:?}");
    }
}

#[test]
fn parts_of_blocks_and_kinds_that_are_only_read_are_refused() {
    let in_order = |parts, part: &(dyn Fn(usize) + Sync)| (0..parts).for_each(part);
    assert!(quantise(Kind::Q4K, Numbers::F32(&[0.0; 128]), in_order).is_none());
    assert!(quantise(Kind::Q8_0, Numbers::F32(&[0.0; 16]), in_order).is_none());
    assert!(quantise(Kind::Q4_0, Numbers::F32(&[0.0; 256]), in_order).is_none());
    assert!(quantise_plainly(Kind::Q5_1, Numbers::F32(&[0.0; 256])).is_none());
    assert_eq!(
        quantise(Kind::Q8_0, Numbers::F32(&[]), in_order),
        Some(Vec::new())
    );
}
