//! Blocks of weights as GGUF files hold them.

/// How weights are packed, as GGUF names it:
/// <https://github.com/ggml-org/llama.cpp/blob/master/ggml/src/ggml-common.h>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 256 weights in 144 bytes: four bits each, eight scales and minima of six bits.
    Q4K,
    /// 256 weights in 176 bytes: as [`Self::Q4K`] with a fifth bit.
    Q5K,
    /// 256 weights in 210 bytes: six bits each, sixteen scales of eight bits.
    Q6K,
    /// 32 weights in 34 bytes: eight bits each and a scale.
    Q8_0,
    /// 32 weights in 18 bytes: four bits each, which stand for -8 to 7, and a scale.
    Q4_0,
    /// 32 weights in 20 bytes: four bits each, a scale and a minimum.
    Q4_1,
    /// 32 weights in 22 bytes: five bits each, which stand for -16 to 15, and a scale.
    Q5_0,
    /// 32 weights in 24 bytes: five bits each, a scale and a minimum.
    Q5_1,
    /// 32 weights in 17 bytes: four bits each, which stand for the numbers of [`MXFP4_HALVES`], and the exponent of a power of two
    /// (Open Compute Project, "Microscaling Formats", version 1.0).
    Mxfp4,
}

/// Twice what four bits of MXFP4 stand for: a sign, two bits of exponent and one of mantissa.
pub const MXFP4_HALVES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// The same without a sign, 12 more.
pub(crate) const MXFP4_STEPS: [u8; 16] = {
    let mut steps = [0; 16];
    let mut bits = 0;
    while bits < 16 {
        steps[bits] = (MXFP4_HALVES[bits] + 12) as u8;
        bits += 1;
    }
    steps
};

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Q8_0,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Mxfp4,
    ];

    /// Weights of a block, which a row's length is a multiple of, and its bytes.
    #[must_use]
    pub fn block(self) -> (usize, usize) {
        match self {
            Self::Q4K => (256, 144),
            Self::Q5K => (256, 176),
            Self::Q6K => (256, 210),
            Self::Q8_0 => (32, 34),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Mxfp4 => (32, 17),
        }
    }

    /// Bytes of 256 weights.
    #[must_use]
    pub fn bytes(self) -> usize {
        let (weights, bytes) = self.block();
        256 / weights * bytes
    }
}

/// Scales and minima of the eight times 32 weights of a Q4_K or Q5_K block, from the twelve bytes of six bits each from `at`
/// on: a byte for each scale in the first two words, for each minimum in the last two.
#[inline(always)]
pub(crate) fn scales_and_minima(block: &[u8], at: usize) -> [u32; 4] {
    let [a, b, c] = [word(block, at), word(block, at + 4), word(block, at + 8)];
    [
        a & 0x3f3f_3f3f,
        (c & 0x0f0f_0f0f) | ((a >> 2) & 0x3030_3030),
        b & 0x3f3f_3f3f,
        ((c >> 4) & 0x0f0f_0f0f) | ((b >> 2) & 0x3030_3030),
    ]
}

/// Four bytes from `at` on.
// Not a closure: compiled without the caller's instructions it would be called, and every register saved for it.
#[inline(always)]
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap_or(&[0; 4]))
}
