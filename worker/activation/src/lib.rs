//! Gated activation functions on a CPU: `activation(gate) · up`, a vector at a time.
//!
//! Both functions here are a number times the logistic function of something, so one loop does for them. It is compiled once
//! for each set of vector instructions and chosen when the program runs.

#![allow(unsafe_code, reason = "vector instructions")]

mod exp;

pub use exp::exp;
use hearth_pool::pool;

/// A function that a feed-forward network bends its numbers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x · σ(x), Elfwing et al., "Sigmoid-weighted linear units", 2017.
    Silu,
    /// The GELU with tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), Hendrycks and Gimpel, 2016.
    GeluTanh,
}

/// Numbers that one thread takes at a time.
const PART: usize = 32 * 1024;

/// `activation(gate) · up`, number by number.
///
/// # Panics
/// When the lengths differ, which is a fault of the caller.
pub fn gated(activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    assert_eq!(gate.len(), up.len());
    let mut out = vec![0.0; gate.len()];
    if gate.len() <= PART {
        run(activation, gate, up, &mut out);
        return out;
    }
    let parts: Vec<_> = (gate.chunks(PART))
        .zip(up.chunks(PART))
        .zip(out.chunks_mut(PART).map(std::sync::Mutex::new))
        .collect();
    pool().run(parts.len(), &|part| {
        let ((gate, up), out) = &parts[part];
        let mut out = out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        run(activation, gate, up, &mut out);
    });
    drop(parts);
    out
}

fn run(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has it.
            return unsafe { with_avx512(activation, gate, up, out) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has it.
            return unsafe { with_avx2(activation, gate, up, out) };
        }
    }
    each(activation, gate, up, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn with_avx512(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    each(activation, gate, up, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn with_avx2(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    each(activation, gate, up, out);
}

#[inline(always)]
fn each(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    let numbers = gate.iter().zip(up).zip(out);
    match activation {
        Activation::Silu => numbers.for_each(|((&gate, &up), out)| *out = gate * logistic(gate) * up),
        Activation::GeluTanh => numbers.for_each(|((&gate, &up), out)| {
            // (1 + tanh y) / 2 is σ(2y).
            const TWICE_ROOT: f32 = 2.0 * 0.797_884_6;
            let inner = TWICE_ROOT * (gate + 0.044_715 * gate * gate * gate);
            *out = gate * logistic(inner) * up;
        }),
    }
}

/// 1 / (1 + e⁻ˣ), by the exponential of a number that is never positive, so that nothing overflows.
#[inline(always)]
pub fn logistic(x: f32) -> f32 {
    let small = exp(-x.abs());
    let upper = if x >= 0.0 { 1.0 } else { small };
    upper / (1.0 + small)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(activation: Activation, gate: f32, up: f32) -> f64 {
        let (x, up) = (f64::from(gate), f64::from(up));
        match activation {
            Activation::Silu => x / (1.0 + (-x).exp()) * up,
            Activation::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh()) * up
            }
        }
    }

    #[test]
    fn it_is_the_activation_times_the_other() {
        for activation in [Activation::Silu, Activation::GeluTanh] {
            // More than one part, and an end that is no whole vector.
            let gate: Vec<f32> = (0..PART + 12_345)
                .map(|step| (step as f32 - 20_000.0) / 1_500.0)
                .collect();
            let up: Vec<f32> = gate.iter().map(|x| 0.3 - x / 20.0).collect();
            let out = gated(activation, &gate, &up);
            assert_eq!(out.len(), gate.len());
            for ((&gate, &up), &out) in gate.iter().zip(&up).zip(&out) {
                let right = exact(activation, gate, up);
                let error = (f64::from(out) - right).abs();
                assert!(
                    error <= 2e-6 * right.abs().max(1e-3),
                    "{activation:?} of {gate} times {up}: {out}, not {right}"
                );
            }
        }
    }

    #[test]
    fn extremes_are_what_they_tend_to() {
        let gate = [f32::MAX, 1e30, -1e30, f32::MIN, 0.0, -0.0, -87.5, -200.0];
        let out = gated(Activation::Silu, &gate, &[1.0; 8]);
        assert_eq!(out[..2], [f32::MAX, 1e30]);
        assert!(out[2..].iter().all(|&number| number == 0.0), "{out:?}");
        assert!(gated(Activation::Silu, &[f32::NAN], &[1.0])[0].is_nan());
    }
}
