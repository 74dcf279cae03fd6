//! What a GGUF file of Gemma 4 says of its layers one by one: which of them see a window, which take their keys and values from
//! a layer before, how many heads and how wide a state each has. The class in mistral.rs knows these patterns and no others
//! (`vision_models/gemma4/text.rs`); llama.cpp's `conversion/gemma.py` writes them.

use std::collections::BTreeMap;

use hearth_gguf::{Header, Value};

use super::{Unsupported, tensor};

/// More than any published model has, and few enough to be asked for one by one.
const MOST_LAYERS: u64 = 1024;

/// The layers of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Which of them see a window of tokens; the others see all.
    pub sliding: Vec<bool>,
    /// Layers at the end that look at the keys and values of the last layer before them that sees as much as they do.
    pub shared: usize,
    /// Heads of keys and values of a layer with a window.
    pub kv_heads: u64,
    /// Those of a layer that sees all.
    pub global_kv_heads: u64,
    /// Length of the feed-forward state.
    pub feed_forward: u64,
    /// That of the layers that share is twice as long.
    pub is_double_wide: bool,
}

impl Layers {
    /// What metadata says of them.
    ///
    /// # Errors
    /// When it says nothing, or what the class does not know.
    pub fn of(metadata: &BTreeMap<String, Value>) -> Result<Self, Unsupported> {
        let value = |key: &str| metadata.get(&format!("gemma4.{key}"));
        let count = value("block_count").and_then(Value::largest).unwrap_or(0);
        if !(1..=MOST_LAYERS).contains(&count) {
            return Err(missing("block_count"));
        }
        let count = count as usize;
        let of_each = |key: &str| match value(key) {
            Some(Value::Unsigned(number)) if *number > 0 => Ok(vec![*number; count]),
            Some(Value::List(numbers)) if numbers.len() == count && !numbers.contains(&0) => {
                Ok(numbers.clone())
            }
            _ => Err(missing(key)),
        };
        let sliding: Vec<bool> = match value("attention.sliding_window_pattern") {
            Some(Value::List(numbers)) if numbers.len() == count => {
                numbers.iter().map(|number| *number != 0).collect()
            }
            _ => return Err(missing("attention.sliding_window_pattern")),
        };
        let shared = match value("attention.shared_kv_layers") {
            Some(Value::Unsigned(shared)) if *shared < count as u64 => *shared as usize,
            None => 0,
            _ => return Err(missing("attention.shared_kv_layers")),
        };
        let (own, sharing) = sliding.split_at(count - shared);
        if sharing.iter().any(|kind| !own.contains(kind)) {
            return Err(unknown("keys and values are shared"));
        }
        let heads = of_each("attention.head_count_kv")?;
        let heads_of = |kind: bool| {
            let mut those = heads
                .iter()
                .zip(&sliding)
                .filter(|(_, is_sliding)| **is_sliding == kind);
            let first = those.next().map(|(heads, _)| *heads);
            match those.all(|(heads, _)| Some(*heads) == first) {
                true => Ok(first),
                false => Err(unknown("heads are dealt out")),
            }
        };
        let (local, global) = (heads_of(true)?, heads_of(false)?);
        let wide = of_each("feed_forward_length")?;
        let (own, sharing) = wide.split_at(count - shared);
        let first = own[0];
        let is_double_wide = sharing.first().is_some_and(|wide| *wide != first);
        let of_sharing = if is_double_wide {
            first.saturating_mul(2)
        } else {
            first
        };
        if own.iter().any(|wide| *wide != first) || sharing.iter().any(|wide| *wide != of_sharing) {
            return Err(unknown("feed-forward states are dealt out"));
        }
        Ok(Self {
            sliding,
            shared,
            kv_heads: local.or(global).unwrap_or(1),
            global_kv_heads: global.or(local).unwrap_or(1),
            feed_forward: first,
            is_double_wide,
        })
    }

    /// The layers that keep keys and values of their own.
    pub fn own(&self) -> &[bool] {
        &self.sliding[..self.sliding.len() - self.shared]
    }

    /// Whether a layer with this number keeps all tokens: one that sees all, or that another looks at (`donor_layers` in
    /// `vision_models/gemma4/text.rs`).
    pub fn keeps_all(&self, layer: usize) -> bool {
        let own = self.own();
        let is_asked = self.shared > 0 && own.iter().rposition(|is_sliding| *is_sliding) == Some(layer);
        own.get(layer) == Some(&false) || is_asked && self.sliding[own.len()..].contains(&true)
    }
}

/// Whether what lies outside of the layers is as the class asks for it.
///
/// # Errors
/// What is not.
pub(super) fn check(header: &Header) -> Result<(), Unsupported> {
    let layers = Layers::of(&header.metadata)?;
    let number = |key: &str| header.unsigned(&format!("gemma4.{key}"));
    for (turned, of) in [
        ("rope.dimension_count", "attention.key_length"),
        ("rope.dimension_count_swa", "attention.key_length_swa"),
    ] {
        if number(turned).is_some_and(|turned| Some(turned) != number(of)) {
            return Err(unknown("positions are written into heads"));
        }
    }
    let Some(divisors) = tensor(header, "rope_freqs.weight") else {
        return Err(Unsupported::Missing {
            what: "divisors of its positions (rope_freqs.weight)".to_owned(),
        });
    };
    if divisors.weights() != number("attention.key_length").map(|length| length / 2) {
        return Err(unknown("positions are divided"));
    }
    // Where a layer that sees all has no values, they are its keys; only then may it have other heads than the others.
    let has_values = |layer: usize| tensor(header, &format!("blk.{layer}.attn_v.weight")).is_some();
    let mut global = (0..layers.own().len()).filter(|layer| !layers.sliding[*layer]);
    let first = global.next();
    let alike = first.is_none_or(|first| global.all(|layer| has_values(layer) == has_values(first)));
    if !alike || first.is_some_and(has_values) && layers.kv_heads != layers.global_kv_heads {
        return Err(unknown("values are dealt out"));
    }
    let table = "per_layer_token_embd.weight";
    let for_each = number("embedding_length_per_layer_input").unwrap_or(0);
    let width = for_each.saturating_mul(layers.sliding.len() as u64);
    if for_each > 0 && tensor(header, table).is_none_or(|table| table.shape.first() != Some(&width)) {
        return Err(Unsupported::Missing {
            what: format!("table of {width} numbers for each token ({table})"),
        });
    }
    Ok(())
}

fn missing(key: &str) -> Unsupported {
    Unsupported::Missing {
        what: format!("usable numbers gemma4.{key}"),
    }
}

fn unknown(what: &str) -> Unsupported {
    Unsupported::Misfit {
        detail: format!("its {what} in a way that the engine does not know of Gemma 4"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gemma 4 E2B, cut to ten layers.
    fn small() -> BTreeMap<String, Value> {
        let entries = [
            ("block_count", Value::Unsigned(10)),
            (
                "attention.sliding_window_pattern",
                Value::List(vec![1, 1, 1, 1, 0, 1, 1, 1, 1, 0]),
            ),
            ("attention.shared_kv_layers", Value::Unsigned(4)),
            ("attention.head_count_kv", Value::Unsigned(1)),
            (
                "feed_forward_length",
                Value::List([vec![6144; 6], vec![12_288; 4]].concat()),
            ),
        ];
        entries
            .map(|(key, value)| (format!("gemma4.{key}"), value))
            .into()
    }

    #[test]
    fn layers_are_told_apart() -> Result<(), Unsupported> {
        let layers = Layers::of(&small())?;
        assert_eq!((layers.kv_heads, layers.global_kv_heads), (1, 1));
        assert_eq!((layers.feed_forward, layers.is_double_wide), (6144, true));
        let keep: Vec<usize> = (0..10).filter(|layer| layers.keeps_all(*layer)).collect();
        assert_eq!(
            keep,
            [4, 5],
            "the one that sees all, and the one that those with a window look at"
        );
        Ok(())
    }

    #[test]
    fn other_patterns_are_refused() {
        for (key, value) in [
            ("block_count", Value::Unsigned(0)),
            ("block_count", Value::Unsigned(u64::MAX)),
            ("block_count", Value::Unsigned(11)),
            ("attention.sliding_window_pattern", Value::Array(10)),
            ("attention.shared_kv_layers", Value::Unsigned(10)),
            // Those that share would find no layer that sees all.
            ("attention.shared_kv_layers", Value::Unsigned(6)),
            ("attention.head_count_kv", Value::List(vec![1; 9])),
            (
                "attention.head_count_kv",
                Value::List(vec![1, 1, 1, 1, 2, 1, 1, 1, 1, 1]),
            ),
            (
                "feed_forward_length",
                Value::List([vec![6144; 6], vec![9000; 4]].concat()),
            ),
            ("feed_forward_length", Value::Text("wide".to_owned())),
        ] {
            let mut metadata = small();
            metadata.insert(format!("gemma4.{key}"), value.clone());
            assert!(Layers::of(&metadata).is_err(), "{key}: {value:?}");
        }
    }
}
