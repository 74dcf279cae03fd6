//! The frequencies of rotary position embeddings (Su et al., "RoFormer", 2021), stretched as models are that were trained on
//! short texts and made to read long ones.

use std::f32::consts::PI;
use std::sync::atomic::{AtomicUsize, Ordering};

static LONGEST: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Says how many positions will be asked for at most, in tokens: models that are loaded from now on make no longer tables.
pub fn set_longest(tokens: usize) {
    LONGEST.store(tokens, Ordering::Relaxed);
}

/// How many positions a table is made for, of those that a model was trained for.
pub fn positions(trained: usize) -> usize {
    trained.min(LONGEST.load(Ordering::Relaxed))
}

/// How a model's frequencies differ from the plain ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scaling {
    /// What each frequency is divided by, one for each: Llama 3.1's, as converters write them.
    pub divisors: Option<Vec<f32>>,
    /// How many times further positions reach. 1 or less: no further.
    pub factor: f32,
    /// For YaRN (Peng et al., 2023) the context that the model was trained with before: high frequencies stay as they are. None
    /// where all positions are squeezed alike.
    pub yarn: Option<usize>,
}

/// Angles per position of each pair of `length` numbers, `length / 2` of them, and what sine and cosine are multiplied with.
pub fn frequencies(base: f32, length: usize, scaling: &Scaling) -> (Vec<f32>, f32) {
    let plain = |pair: usize| {
        let divisor = (scaling.divisors.as_ref()).and_then(|divisors| divisors.get(pair));
        1.0 / base.powf(2.0 * pair as f32 / length as f32) / divisor.unwrap_or(&1.0)
    };
    let pairs = 0..length / 2;
    if scaling.factor <= 1.0 {
        return (pairs.map(plain).collect(), 1.0);
    }
    let Some(context) = scaling.yarn else {
        return (pairs.map(|pair| plain(pair) / scaling.factor).collect(), 1.0);
    };
    let (low, high) = unchanged(base, length, context);
    let frequency = |pair: usize| {
        let squeezed = ((pair as f32 - low) / (high - low).max(0.001)).clamp(0.0, 1.0);
        plain(pair) / scaling.factor * squeezed + plain(pair) * (1.0 - squeezed)
    };
    (pairs.map(frequency).collect(), 0.1 * scaling.factor.ln() + 1.0)
}

/// YaRN's bounds: pairs up to the first turn more than 32 times in the context and stay, those from the second on turn less
/// than once and are squeezed. 32 and 1 are the paper's β and α for Llama, which everybody uses.
fn unchanged(base: f32, length: usize, context: usize) -> (f32, f32) {
    let pair_that_turns =
        |turns: f32| length as f32 * (context as f32 / (turns * 2.0 * PI)).ln() / (2.0 * base.ln());
    let last = length as f32 - 1.0;
    (
        pair_that_turns(32.0).floor().clamp(0.0, last),
        pair_that_turns(1.0).ceil().clamp(0.0, last),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_frequencies_fall_from_one_to_nearly_the_base() {
        let (plain, magnitude) = frequencies(10_000.0, 8, &Scaling::default());
        let right = [1.0, 0.1, 0.01, 0.001];
        assert!(
            plain.iter().zip(right).all(|(a, b)| (a / b - 1.0).abs() < 1e-5),
            "{plain:?}"
        );
        assert_eq!(magnitude, 1.0);
    }

    #[test]
    fn divisors_and_factors_divide() {
        let scaling = Scaling {
            divisors: Some(vec![1.0, 2.0]),
            factor: 4.0,
            yarn: None,
        };
        let (scaled, magnitude) = frequencies(100.0, 4, &scaling);
        assert_eq!(scaled, [0.25, 0.0125]);
        assert_eq!(magnitude, 1.0);
    }

    #[test]
    fn yarn_keeps_what_turns_often_and_squeezes_what_does_not() {
        let plain = frequencies(10_000.0, 128, &Scaling::default()).0;
        let scaling = Scaling {
            divisors: None,
            factor: 4.0,
            yarn: Some(32_768),
        };
        let (yarn, magnitude) = frequencies(10_000.0, 128, &scaling);
        let ratio: Vec<f32> = plain
            .iter()
            .zip(&yarn)
            .map(|(plain, yarn)| plain / yarn)
            .collect();
        assert!(
            (ratio[0] - 1.0).abs() < 1e-5 && (ratio[63] - 4.0).abs() < 1e-4,
            "{ratio:?}"
        );
        assert!(ratio.is_sorted_by(|a, b| a <= &(b + 1e-4)));
        // 0.1 · ln 4 + 1.
        assert!((magnitude - 1.138_629_4).abs() < 1e-6);
    }

    #[test]
    fn nonsense_gives_numbers_all_the_same() {
        for scaling in [
            Scaling {
                divisors: Some(Vec::new()),
                factor: f32::NAN,
                yarn: Some(0),
            },
            Scaling {
                divisors: None,
                factor: 2.0,
                yarn: Some(0),
            },
        ] {
            let (numbers, _) = frequencies(1.0, 6, &scaling);
            assert_eq!(numbers.len(), 3);
        }
    }
}
