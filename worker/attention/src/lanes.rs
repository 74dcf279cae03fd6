//! Vectors of the processor, chosen when the program runs: what the kernels need of them and no more.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// The longest vector, in numbers: rows are padded to it with zeros, so that no loop needs a remainder.
pub const PADDING: usize = 16;
/// Vectors that are summed up at once.
pub const KEYS: usize = 4;

/// A set of vector instructions. A value of such a type is a proof that the processor has them.
pub trait Lanes: Copy {
    /// Numbers in a vector.
    const COUNT: usize;
    /// Vectors of each of four rows that fit into the registers beside what is multiplied.
    const WIDE: usize;
    type Vector: Copy;

    fn splat(self, number: f32) -> Self::Vector;
    /// The first numbers of a slice, which has at least as many.
    fn load(self, from: &[f32]) -> Self::Vector;
    fn store(self, vector: Self::Vector, to: &mut [f32]);
    /// `a · b + c`.
    fn multiply_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The sum of each vector's numbers.
    fn sums(self, vectors: [Self::Vector; KEYS]) -> [f32; KEYS];
    /// The first numbers of a slice, which has at least as many.
    fn load_narrow(self, from: &[f16]) -> Self::Vector;
    /// Slices of one length.
    fn widen(self, from: &[f16], to: &mut [f32]);
}

/// Work that is compiled once for each set of instructions: `run` and all that it calls must be inlined.
pub(crate) trait Job {
    fn run(self, lanes: impl Lanes);
}

/// Runs a job with the best that the processor has.
pub(crate) fn dispatch(job: impl Job) {
    #[cfg(target_arch = "x86_64")]
    {
        let fma = is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
        if is_x86_feature_detected!("avx512f") && fma {
            // SAFETY: the processor has it.
            return unsafe { x86::with_avx512(job) };
        }
        if is_x86_feature_detected!("avx2") && fma {
            // SAFETY: the processor has it.
            return unsafe { x86::with_avx2(job) };
        }
    }
    #[cfg(target_arch = "aarch64")]
    return job.run(arm::Neon);
    #[cfg(not(target_arch = "aarch64"))]
    job.run(Plain);
}

/// Any processor.
#[derive(Clone, Copy)]
#[cfg_attr(
    target_arch = "aarch64",
    allow(dead_code, reason = "every such processor has better")
)]
pub(crate) struct Plain;

impl Lanes for Plain {
    const COUNT: usize = 4;
    const WIDE: usize = 1;
    type Vector = [f32; 4];

    #[inline(always)]
    fn splat(self, number: f32) -> [f32; 4] {
        [number; 4]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 4] {
        [from[0], from[1], from[2], from[3]]
    }

    #[inline(always)]
    fn store(self, vector: [f32; 4], to: &mut [f32]) {
        to[..4].copy_from_slice(&vector);
    }

    #[inline(always)]
    fn multiply_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        // Not `mul_add`: without the instruction it is a call.
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    fn sums(self, vectors: [[f32; 4]; KEYS]) -> [f32; KEYS] {
        vectors.map(|vector| (vector[0] + vector[2]) + (vector[1] + vector[3]))
    }

    #[inline(always)]
    fn load_narrow(self, from: &[f16]) -> [f32; 4] {
        let mut numbers = [0.0; 4];
        self.widen(&from[..4], &mut numbers);
        numbers
    }

    #[inline(always)]
    fn widen(self, from: &[f16], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use half::f16;

    use super::{Job, KEYS, Lanes};

    /// The sums of two halves.
    #[inline]
    #[target_feature(enable = "avx512f,avx2")]
    fn halved(vector: __m512) -> __m256 {
        let high = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(vector)));
        _mm256_add_ps(_mm512_castps512_ps256(vector), high)
    }

    /// The sum of each vector's numbers.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn four_sums([a, b, c, d]: [__m256; KEYS]) -> [f32; KEYS] {
        let pairs = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
        let sums = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps::<1>(pairs));
        let mut out = [0.0; KEYS];
        // SAFETY: there is room for four numbers.
        unsafe { _mm_storeu_ps(out.as_mut_ptr(), sums) };
        out
    }

    #[target_feature(enable = "avx512f,avx2,fma,f16c")]
    pub(super) fn with_avx512(job: impl Job) {
        job.run(Avx512(()));
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn with_avx2(job: impl Job) {
        job.run(Avx2(()));
    }

    #[derive(Clone, Copy)]
    pub(super) struct Avx512(());

    impl Lanes for Avx512 {
        const COUNT: usize = 16;
        const WIDE: usize = 4;
        type Vector = __m512;

        #[inline(always)]
        fn splat(self, number: f32) -> __m512 {
            // SAFETY: `self` is only made where the processor has AVX-512.
            unsafe { _mm512_set1_ps(number) }
        }

        #[inline(always)]
        fn load(self, from: &[f32]) -> __m512 {
            let from = &from[..16];
            // SAFETY: as above; there are 16 numbers.
            unsafe { _mm512_loadu_ps(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, vector: __m512, to: &mut [f32]) {
            let to = &mut to[..16];
            // SAFETY: as above; there is room for 16 numbers.
            unsafe { _mm512_storeu_ps(to.as_mut_ptr(), vector) }
        }

        #[inline(always)]
        fn multiply_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: `self` is only made where the processor has AVX-512.
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn sums(self, [a, b, c, d]: [__m512; KEYS]) -> [f32; KEYS] {
            // SAFETY: `self` is only made where the processor has AVX-512, and then it has AVX2.
            unsafe { four_sums([halved(a), halved(b), halved(c), halved(d)]) }
        }

        #[inline(always)]
        fn load_narrow(self, from: &[f16]) -> __m512 {
            let from = &from[..16];
            // SAFETY: as above; there are 16 numbers.
            unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.as_ptr().cast())) }
        }

        #[inline(always)]
        fn widen(self, from: &[f16], to: &mut [f32]) {
            let (from_parts, to_parts) = (from.chunks_exact(16), to.chunks_exact_mut(16));
            let rest = from_parts.remainder();
            for (from, to) in from_parts.zip(to_parts) {
                // SAFETY: `self` is only made where the processor has AVX-512; both chunks have 16 numbers.
                unsafe {
                    let narrow = _mm256_loadu_si256(from.as_ptr().cast());
                    _mm512_storeu_ps(to.as_mut_ptr(), _mm512_cvtph_ps(narrow));
                }
            }
            let done = from.len() - rest.len();
            for (from, to) in rest.iter().zip(&mut to[done..]) {
                *to = from.to_f32();
            }
        }
    }

    #[derive(Clone, Copy)]
    pub(super) struct Avx2(());

    impl Lanes for Avx2 {
        const COUNT: usize = 8;
        const WIDE: usize = 2;
        type Vector = __m256;

        #[inline(always)]
        fn splat(self, number: f32) -> __m256 {
            // SAFETY: `self` is only made where the processor has AVX2, FMA and F16C.
            unsafe { _mm256_set1_ps(number) }
        }

        #[inline(always)]
        fn load(self, from: &[f32]) -> __m256 {
            let from = &from[..8];
            // SAFETY: as above; there are 8 numbers.
            unsafe { _mm256_loadu_ps(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, vector: __m256, to: &mut [f32]) {
            let to = &mut to[..8];
            // SAFETY: as above; there is room for 8 numbers.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), vector) }
        }

        #[inline(always)]
        fn multiply_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
            // SAFETY: `self` is only made where the processor has AVX2, FMA and F16C.
            unsafe { _mm256_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn sums(self, vectors: [__m256; KEYS]) -> [f32; KEYS] {
            // SAFETY: `self` is only made where the processor has AVX2.
            unsafe { four_sums(vectors) }
        }

        #[inline(always)]
        fn load_narrow(self, from: &[f16]) -> __m256 {
            let from = &from[..8];
            // SAFETY: `self` is only made where the processor has F16C; there are 8 numbers.
            unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.as_ptr().cast())) }
        }

        #[inline(always)]
        fn widen(self, from: &[f16], to: &mut [f32]) {
            let (from_parts, to_parts) = (from.chunks_exact(8), to.chunks_exact_mut(8));
            let rest = from_parts.remainder();
            for (from, to) in from_parts.zip(to_parts) {
                // SAFETY: `self` is only made where the processor has F16C; both chunks have 8 numbers.
                unsafe {
                    let narrow = _mm_loadu_si128(from.as_ptr().cast());
                    _mm256_storeu_ps(to.as_mut_ptr(), _mm256_cvtph_ps(narrow));
                }
            }
            let done = from.len() - rest.len();
            for (from, to) in rest.iter().zip(&mut to[done..]) {
                *to = from.to_f32();
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use std::arch::aarch64::*;

    use half::f16;
    use half::slice::HalfFloatSliceExt;

    use super::{KEYS, Lanes};

    /// Every 64-bit ARM processor that Rust's standard library supports has NEON.
    #[derive(Clone, Copy)]
    pub(super) struct Neon;

    impl Lanes for Neon {
        const COUNT: usize = 4;
        const WIDE: usize = 4;
        type Vector = float32x4_t;

        #[inline(always)]
        fn splat(self, number: f32) -> float32x4_t {
            // SAFETY: NEON is there.
            unsafe { vdupq_n_f32(number) }
        }

        #[inline(always)]
        fn load(self, from: &[f32]) -> float32x4_t {
            let from = &from[..4];
            // SAFETY: NEON is there; so are 4 numbers.
            unsafe { vld1q_f32(from.as_ptr()) }
        }

        #[inline(always)]
        fn store(self, vector: float32x4_t, to: &mut [f32]) {
            let to = &mut to[..4];
            // SAFETY: NEON is there; so is room for 4 numbers.
            unsafe { vst1q_f32(to.as_mut_ptr(), vector) }
        }

        #[inline(always)]
        fn multiply_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
            // SAFETY: NEON is there.
            unsafe { vfmaq_f32(c, a, b) }
        }

        #[inline(always)]
        fn sums(self, [a, b, c, d]: [float32x4_t; KEYS]) -> [f32; KEYS] {
            let mut out = [0.0; KEYS];
            // SAFETY: NEON is there; so is room for 4 numbers.
            unsafe { vst1q_f32(out.as_mut_ptr(), vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d))) };
            out
        }

        #[inline(always)]
        fn load_narrow(self, from: &[f16]) -> float32x4_t {
            let mut numbers = [0.0; 4];
            self.widen(&from[..4], &mut numbers);
            self.load(&numbers)
        }

        #[inline(always)]
        fn widen(self, from: &[f16], to: &mut [f32]) {
            from.convert_to_f32_slice(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Check;

    impl Job for Check {
        #[inline(always)]
        fn run(self, lanes: impl Lanes) {
            check(lanes);
        }
    }

    fn check<L: Lanes>(lanes: L) {
        let numbers: Vec<f32> = (0..37_u8).map(f32::from).collect();
        let narrow: Vec<f16> = numbers.iter().map(|number| f16::from_f32(*number)).collect();
        let mut wide = vec![-1.0; numbers.len()];
        lanes.widen(&narrow, &mut wide);
        assert_eq!(wide, numbers);
        let vector = lanes.multiply_add(lanes.load(&numbers), lanes.splat(2.0), lanes.splat(0.5));
        let mut stored = vec![0.0; L::COUNT];
        lanes.store(vector, &mut stored);
        let right: Vec<f32> = numbers[..L::COUNT]
            .iter()
            .map(|number| number * 2.0 + 0.5)
            .collect();
        assert_eq!(stored, right);
        let doubled = lanes.multiply_add(vector, lanes.splat(2.0), lanes.splat(0.0));
        let sum = right.iter().sum::<f32>();
        let sums = lanes.sums([vector, doubled, vector, lanes.splat(1.0)]);
        assert_eq!(sums, [sum, 2.0 * sum, sum, L::COUNT as f32]);
        let mut loaded = vec![0.0; L::COUNT];
        lanes.store(lanes.load_narrow(&narrow), &mut loaded);
        assert_eq!(loaded, numbers[..L::COUNT]);
    }

    #[test]
    fn every_set_of_instructions_computes_the_same() {
        check(Plain);
        dispatch(Check);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
        {
            // SAFETY: the processor has it.
            unsafe { x86::with_avx2(Check) };
        }
    }
}
