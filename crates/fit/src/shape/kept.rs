//! What layers keep of the tokens that they have read.

use hearth_engine::support::gemma4::Layers;
use serde::{Deserialize, Serialize};

use crate::{product, sum};

/// What layers keep of the tokens that they have read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Layers that keep keys and values of all tokens.
    pub all: u64,
    /// Layers that keep those of the last `window` tokens.
    pub windowed: u64,
    /// How many those are.
    pub window: u64,
    /// Numbers of 32 bits in the states of all other layers, which do not grow.
    #[serde(default)]
    pub state_numbers: u64,
    /// Layers that share what is kept.
    #[serde(default)]
    pub shared: Shared,
}

/// Layers that share what is kept, as Gemma 4's last ones do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    /// Layers that see a window and keep all tokens, for others look at theirs.
    pub lent: u64,
    /// Layers that keep nothing and see all tokens that another keeps.
    pub all: u64,
    /// Those that keep nothing and see a window of them.
    pub windowed: u64,
}

/// Heads of layers that see a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowHeads {
    /// Heads of keys and values.
    pub kv_heads: u64,
    /// Numbers of a key, and of a value.
    pub length: u64,
}

impl Kept {
    /// All layers keep everything.
    pub(crate) fn everything(layers: u64) -> Self {
        Self {
            all: layers,
            windowed: 0,
            window: 0,
            state_numbers: 0,
            shared: Shared::default(),
        }
    }

    /// Gemma 4's, with a window of so many tokens.
    pub(crate) fn of_gemma4(layers: &Layers, window: u64) -> Self {
        let count = |of: &[bool], is_sliding| of.iter().filter(|kind| **kind == is_sliding).count() as u64;
        let (own, sharing) = layers.sliding.split_at(layers.own().len());
        let keep_all = (0..own.len()).filter(|layer| layers.keeps_all(*layer)).count() as u64;
        let all = count(own, false);
        let lent = keep_all.saturating_sub(all);
        Self {
            all,
            windowed: count(own, true).saturating_sub(lent),
            window,
            state_numbers: 0,
            shared: Shared {
                lent,
                all: count(sharing, false),
                windowed: count(sharing, true),
            },
        }
    }

    /// As the class of a family has it (`models/gemma2.rs`, `models/gpt_oss.rs`, `vision_models/gemma3/text.rs`,
    /// `models/phi3.rs`, `vision_models/qwen3_5/text.rs`): `every` is how often a layer sees all tokens, where that is told.
    pub(crate) fn of(family: &str, layers: u64, window: Option<u64>, every: Option<u64>) -> Self {
        let each = |every: u64| layers / every.max(1);
        match (family, window) {
            ("gemma2", Some(window)) => Self::windows(layers, each(2), window),
            ("gpt_oss" | "gpt-oss", Some(window)) => Self::windows(layers, each(2), window),
            ("gemma3", Some(window)) => Self::windows(layers, each(every.unwrap_or(6)), window),
            ("phi3", Some(window)) => Self::windows(layers, 0, window),
            ("qwen35" | "qwen35moe" | "qwen3_5" | "qwen3_5_moe", _) => {
                Self::everything(each(every.unwrap_or(4)))
            }
            _ => Self::everything(layers),
        }
    }

    fn windows(layers: u64, all: u64, window: u64) -> Self {
        Self {
            all,
            windowed: layers.saturating_sub(all),
            window,
            state_numbers: 0,
            shared: Shared::default(),
        }
    }

    /// With states of so many numbers in each layer of `layers` that keeps nothing of single tokens.
    pub(crate) fn and_states(self, layers: u64, numbers: u64) -> Self {
        Self {
            state_numbers: product(&[layers.saturating_sub(self.attending()), numbers]),
            ..self
        }
    }

    /// Layers that look at keys and values.
    pub(crate) fn attending(&self) -> u64 {
        let Shared { lent, all, windowed } = self.shared;
        sum(&[self.all, self.windowed, lent, all, windowed])
    }

    /// Tokens that layers which see all of them look at together when the last of `context` is read.
    pub(crate) fn seen_whole(&self, context: u64) -> u64 {
        product(&[self.all.saturating_add(self.shared.all), context])
    }

    /// Tokens that layers with a window look at together then.
    pub(crate) fn seen_in_windows(&self, context: u64) -> u64 {
        let layers = sum(&[self.windowed, self.shared.lent, self.shared.windowed]);
        product(&[layers, self.window.min(context)])
    }

    /// Tokens that layers with a window have room for together when the cache is made for `context`: a window keeps some before
    /// it, to go back to, and moves to the front now and then (`worker/patches/mistralrs-core/window.patch`).
    pub(crate) fn window_room(&self, context: u64) -> u64 {
        const BEFORE_AND_BEHIND: u64 = 64 + 512;
        let room = self.window.saturating_add(BEFORE_AND_BEHIND).min(context);
        product(&[self.windowed, room]).saturating_add(product(&[self.shared.lent, context]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gemma 4 E2B: 35 layers, of which every fifth sees all; the last 20 look at what layers 14 and 15 keep.
    #[test]
    fn layers_that_share_keep_nothing() {
        let layers = Layers {
            sliding: (1..=35).map(|layer| layer % 5 != 0).collect(),
            shared: 20,
            kv_heads: 1,
            global_kv_heads: 1,
            feed_forward: 6144,
            is_double_wide: true,
        };
        let kept = Kept::of_gemma4(&layers, 512);
        assert_eq!((kept.all, kept.windowed), (3, 11));
        let shared = Shared {
            lent: 1,
            all: 4,
            windowed: 16,
        };
        assert_eq!(kept.shared, shared);
        assert_eq!(kept.attending(), 35);
        assert_eq!(kept.seen_whole(4096), 7 * 4096);
        assert_eq!(kept.seen_in_windows(4096), 28 * 512);
        assert_eq!(kept.window_room(4096), 11 * (512 + 64 + 512) + 4096);
    }
}
