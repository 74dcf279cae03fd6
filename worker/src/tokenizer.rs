//! The tokeniser that a GGUF file describes: byte pairs, cut as its name for that says, SentencePiece's, or Gemma 4's.

use std::collections::HashMap;

use ahash::AHashMap;
use anyhow::{Context, Result, bail};
use candle_core::quantized::gguf_file::Value;
use hearth_engine::support::pre_tokenizers::pre_tokenizer;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::sequence::Sequence as Decoders;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence as Normalizers};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, DecoderWrapper, PreTokenizerWrapper, SplitDelimiterBehavior, Tokenizer};

/// ggml's numbers of kinds of tokens (`enum llama_token_type`).
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// Bytes of a piece that is looked at for what it is joined from: many times those of any real one, and few enough that a
/// hostile file cannot keep a core busy for hours.
const LONGEST_JOINED: usize = 1024;

/// What stands for a space.
const SPACE: &str = "▁";

/// How Gemma 4's text is cut before pieces are merged: no merge of its vocabulary goes over the end of a line
/// (`LLAMA_VOCAB_PRE_TYPE_GEMMA4` in llama.cpp).
const LINES: &str = "[^\\n]+|[\\n]+";

/// The parts of what is merged, the first to be merged first.
type Merges = Vec<(String, String)>;

/// Has mistral.rs take these tokenisers (`patches/mistralrs-core/tokenizer.patch`).
pub fn install() {
    // Set before, it is set to the same.
    let _ = mistralrs_core::GGUF_TOKENIZER.set(build);
}

/// The tokeniser that a file's metadata describes.
///
/// # Errors
/// When it describes none that is known.
pub fn build(metadata: &HashMap<String, Value>) -> Result<Tokenizer> {
    let tokens = texts(metadata, "tokenizer.ggml.tokens")?.context("it has no tokens")?;
    let kinds = match metadata.get("tokenizer.ggml.token_type") {
        Some(kinds) => kinds
            .to_vec()?
            .iter()
            .map(Value::to_i32)
            .collect::<Result<_, _>>()?,
        None => vec![NORMAL; tokens.len()],
    };
    let model = text(metadata, "tokenizer.ggml.model").unwrap_or_default();
    let mut tokenizer = match model {
        "gpt2" => byte_pairs(metadata, &tokens)?,
        "llama" => of_pieces(
            metadata,
            &tokens,
            &kinds,
            merges_of_scores(metadata, &tokens, &kinds)?,
        )?,
        "gemma4" => {
            let mut tokenizer = of_pieces(metadata, &tokens, &kinds, merges(metadata)?)?;
            tokenizer.with_pre_tokenizer(Some(isolated(LINES)?));
            tokenizer
        }
        other => bail!("its tokeniser, “{other}”, is not known to the engine"),
    };
    // What is for the engine alone is not part of a reply; what the publisher added is text.
    let of_kind = |wanted: &[i32], special| -> Vec<AddedToken> {
        let those = tokens
            .iter()
            .zip(&kinds)
            .filter(|(_, kind)| wanted.contains(kind));
        those
            .map(|(token, _)| AddedToken::from(token.clone(), special).normalized(false))
            .collect()
    };
    tokenizer.add_special_tokens(&of_kind(&[UNKNOWN, CONTROL], true));
    tokenizer.add_tokens(&of_kind(&[USER_DEFINED], false));
    Ok(tokenizer)
}

fn byte_pairs(metadata: &HashMap<String, Value>, tokens: &[String]) -> Result<Tokenizer> {
    let architecture = text(metadata, "general.architecture").unwrap_or_default();
    let name = text(metadata, "tokenizer.ggml.pre");
    let Some(way) = pre_tokenizer(name, architecture) else {
        bail!("its text is cut in a way that the engine does not know");
    };
    let model = BPE::builder()
        .vocab_and_merges(numbered(tokens), merges(metadata)?)
        .ignore_merges(way.ignore_merges)
        .build()
        .map_err(anyhow::Error::msg)?;
    let mut tokenizer = Tokenizer::new(model);
    let bytes = ByteLevel::new(false, false, false);
    let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
    for pattern in way.patterns {
        steps.push(isolated(pattern)?.into());
    }
    steps.push(bytes.into());
    tokenizer
        .with_pre_tokenizer(Some(Sequence::new(steps)))
        .with_decoder(Some(bytes))
        .with_post_processor(Some(bytes));
    Ok(tokenizer)
}

/// What matches is a piece, and so is what lies between.
fn isolated(pattern: &str) -> Result<Split> {
    let pattern = SplitPattern::Regex(pattern.to_owned());
    Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(anyhow::Error::msg)
}

/// The merges that a file lists.
fn merges(metadata: &HashMap<String, Value>) -> Result<Merges> {
    let merges = texts(metadata, "tokenizer.ggml.merges")?.context("it has no merges")?;
    let parts = merges.iter().map(|merge| {
        // A part may begin with a space where it is not one of GPT-2's letters for bytes.
        let (one, other) = merge.split_once(' ').context("one of its merges is none")?;
        Ok((one.to_owned(), other.to_owned()))
    });
    parts.collect()
}

/// SentencePiece joins the two neighbours whose joint piece has the highest score, which is what merges say once they are in
/// that order.
fn merges_of_scores(metadata: &HashMap<String, Value>, tokens: &[String], kinds: &[i32]) -> Result<Merges> {
    let scores = metadata
        .get("tokenizer.ggml.scores")
        .context("it has no scores")?
        .to_vec()?
        .iter()
        .map(Value::to_f32)
        .collect::<Result<Vec<_>, _>>()?;
    let vocabulary = numbered(tokens);
    let number = |piece: &str| vocabulary.get(piece).copied();
    let mut merges = Vec::new();
    for ((token, kind), score) in tokens.iter().zip(kinds).zip(&scores) {
        if *kind != NORMAL || token.len() > LONGEST_JOINED {
            continue;
        }
        for (at, _) in token.char_indices().skip(1) {
            let (one, other) = token.split_at(at);
            if let (Some(first), Some(second)) = (number(one), number(other)) {
                merges.push((*score, first, second, one, other));
            }
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let parts = merges
        .into_iter()
        .map(|(_, _, _, one, other)| (one.to_owned(), other.to_owned()));
    Ok(parts.collect())
}

/// Pieces of text as it is but for its spaces, and bytes where there is no piece.
fn of_pieces(
    metadata: &HashMap<String, Value>,
    tokens: &[String],
    kinds: &[i32],
    merges: Merges,
) -> Result<Tokenizer> {
    let unknown = tokens.iter().zip(kinds).find(|(_, kind)| **kind == UNKNOWN);
    let mut model = BPE::builder()
        .vocab_and_merges(numbered(tokens), merges)
        .byte_fallback(true)
        .fuse_unk(true);
    if let Some((unknown, _)) = unknown {
        model = model.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(model.build().map_err(anyhow::Error::msg)?);
    let spaces = Replace::new(" ", SPACE).map_err(anyhow::Error::msg)?;
    let back = Replace::new(SPACE, " ").map_err(anyhow::Error::msg)?;
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    let mut undone: Vec<DecoderWrapper> = vec![back.into(), ByteFallback::new().into(), Fuse::new().into()];
    let begins = metadata
        .get("tokenizer.ggml.add_space_prefix")
        .is_none_or(|value| value.to_bool().unwrap_or(true));
    if begins {
        steps.push(Prepend::new(SPACE.to_owned()).into());
        undone.push(Strip::new(' ', 1, 0).into());
    }
    steps.push(spaces.into());
    tokenizer
        .with_normalizer(Some(Normalizers::new(steps)))
        .with_decoder(Some(Decoders::new(undone)));
    Ok(tokenizer)
}

fn numbered(tokens: &[String]) -> AHashMap<String, u32> {
    tokens.iter().cloned().zip(0..).collect()
}

fn text<'a>(metadata: &'a HashMap<String, Value>, key: &str) -> Option<&'a str> {
    metadata.get(key)?.to_string().ok().map(String::as_str)
}

fn texts(metadata: &HashMap<String, Value>, key: &str) -> Result<Option<Vec<String>>> {
    let Some(value) = metadata.get(key) else {
        return Ok(None);
    };
    let texts = value.to_vec()?.iter().map(|text| text.to_string().cloned());
    Ok(Some(texts.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use hearth_engine::support::pre_tokenizers::NAMES;
    use serde_json::Value as Json;

    use super::*;

    /// What llama.cpp makes of a text, and of which vocabulary (`tests/families/tokens.mjs`).
    fn golden() -> Json {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/families/tokens.json");
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn texts_of(value: &Json) -> Value {
        let texts = value.as_array().unwrap().iter();
        Value::Array(
            texts
                .map(|text| Value::String(text.as_str().unwrap().to_owned()))
                .collect(),
        )
    }

    fn metadata(model: &str, vocabulary: &Json) -> HashMap<String, Value> {
        let kinds = vocabulary["kinds"].as_array().unwrap().iter();
        let kinds = kinds.map(|kind| Value::I32(kind.as_i64().unwrap() as i32));
        HashMap::from([
            (
                "general.architecture".to_owned(),
                Value::String("llama".to_owned()),
            ),
            ("tokenizer.ggml.model".to_owned(), Value::String(model.to_owned())),
            (
                "tokenizer.ggml.tokens".to_owned(),
                texts_of(&vocabulary["tokens"]),
            ),
            (
                "tokenizer.ggml.token_type".to_owned(),
                Value::Array(kinds.collect()),
            ),
        ])
    }

    /// The same tokens, and the text again from them.
    fn compare(name: &str, metadata: &HashMap<String, Value>, text: &Json, expected: &Json) {
        let tokenizer = build(metadata).unwrap();
        let text = text.as_str().unwrap();
        let found = tokenizer.encode_fast(text, false).unwrap();
        let expected: Vec<u32> = expected
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_u64().unwrap() as u32)
            .collect();
        let words = |ids: &[u32]| -> Vec<String> {
            ids.iter().map(|id| tokenizer.id_to_token(*id).unwrap()).collect()
        };
        assert_eq!(words(found.get_ids()), words(&expected), "{name}");
        // SentencePiece puts a space after every token that is not its own.
        let bare = |text: &str| text.replace("<|im_start|>", "").replace(' ', "");
        let back = tokenizer.decode(&expected, true).unwrap();
        assert_eq!(bare(&back), bare(text), "{name}");
    }

    #[test]
    fn text_is_cut_as_llama_cpp_cuts_it() {
        let golden = golden();
        let pairs = &golden["bytePairs"];
        let mut metadata = metadata("gpt2", pairs);
        metadata.insert("tokenizer.ggml.merges".to_owned(), texts_of(&pairs["merges"]));
        for (name, _) in NAMES {
            metadata.insert("tokenizer.ggml.pre".to_owned(), Value::String(name.to_owned()));
            compare(name, &metadata, &golden["text"], &pairs["ids"][name]);
        }
        for (name, ids) in pairs["marked"].as_object().unwrap() {
            metadata.insert("tokenizer.ggml.pre".to_owned(), Value::String(name.clone()));
            compare(name, &metadata, &pairs["marks"], ids);
        }
    }

    #[test]
    fn sentence_piece_joins_as_llama_cpp_joins_it() {
        let golden = golden();
        let pieces = &golden["sentencePiece"];
        let mut metadata = metadata("llama", pieces);
        let scores = pieces["scores"].as_array().unwrap().iter();
        let scores = scores.map(|score| Value::F32(score.as_f64().unwrap() as f32));
        metadata.insert("tokenizer.ggml.scores".to_owned(), Value::Array(scores.collect()));
        compare("llama", &metadata, &golden["text"], &pieces["ids"]);
        metadata.insert("tokenizer.ggml.add_space_prefix".to_owned(), Value::Bool(false));
        compare("llama, bare", &metadata, &golden["text"], &pieces["bare"]);
    }

    /// Gemma 4 lists the merges that SentencePiece's scores stand for.
    #[test]
    fn listed_merges_join_as_scores_do() {
        let golden = golden();
        let pieces = &golden["sentencePiece"];
        let mut metadata = metadata("gemma4", pieces);
        let scores = pieces["scores"].as_array().unwrap().iter();
        let scores = scores.map(|score| Value::F32(score.as_f64().unwrap() as f32));
        metadata.insert("tokenizer.ggml.scores".to_owned(), Value::Array(scores.collect()));
        metadata.insert("tokenizer.ggml.add_space_prefix".to_owned(), Value::Bool(false));
        assert!(build(&metadata).is_err(), "it lists none");
        let tokens = super::texts(&metadata, "tokenizer.ggml.tokens").unwrap().unwrap();
        let kinds = metadata["tokenizer.ggml.token_type"].to_vec().unwrap();
        let kinds: Vec<i32> = kinds.iter().map(|kind| kind.to_i32().unwrap()).collect();
        let merges = merges_of_scores(&metadata, &tokens, &kinds).unwrap();
        let merges = merges
            .iter()
            .map(|(one, other)| Value::String(format!("{one} {other}")));
        metadata.insert("tokenizer.ggml.merges".to_owned(), Value::Array(merges.collect()));
        compare("gemma4", &metadata, &golden["text"], &pieces["bare"]);
    }

    #[test]
    fn a_tokeniser_that_is_none_is_refused() {
        let golden = golden();
        let whole = metadata("gpt2", &golden["bytePairs"]);
        for (key, value) in [
            ("tokenizer.ggml.model", Value::String("bert".to_owned())),
            ("tokenizer.ggml.pre", Value::String("newest".to_owned())),
            ("tokenizer.ggml.tokens", Value::U32(7)),
            ("tokenizer.ggml.token_type", Value::Array(vec![Value::Bool(true)])),
            (
                "tokenizer.ggml.merges",
                Value::Array(vec![Value::String("one".to_owned())]),
            ),
        ] {
            let mut broken = whole.clone();
            broken.insert(key.to_owned(), value);
            assert!(build(&broken).is_err(), "{key}");
        }
    }
}
