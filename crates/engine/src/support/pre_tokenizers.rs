//! How text is cut before byte pairs are merged, by the names that GGUF files give it (`tokenizer.ggml.pre`).
//!
//! The expressions are those of the models' own `tokenizer.json`; which name stands for which is llama.cpp's
//! (`src/llama-vocab.cpp`), and `worker/src/tokenizer.rs` is held to its tokens.

/// One way to cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreTokenizer {
    /// Regular expressions in the order in which they are applied, each to what the one before has cut. What one matches is a
    /// piece, and so is what lies between.
    pub patterns: &'static [&'static str],
    /// A piece that is a token is that token, whatever merges would make of it.
    pub ignore_merges: bool,
}

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// As [`QWEN_2`], with marks that belong to letters.
const QWEN_35: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT_4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK_V3: [&str; 3] = [
    r"\p{N}{1,3}",
    r"[一-龥぀-ゟ゠-ヿ]+",
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
];

/// Letters that have a case, spelled out as DeepSeek does.
const DEEPSEEK_LLM: [&str; 6] = [
    r"[\r\n]",
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\x{1F7D}ᾀ-ᾴᾶ-ᾼ\x{1FBE}ῂ-ῄῆ-ῌῐ-\x{1FD3}ῖ-\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    r"[一-龥ࠀ-一가-퟿]+",
    r"\p{N}+",
];

/// The names that are known, with the way that each stands for.
pub const NAMES: [(&str, PreTokenizer); 20] = [
    ("gpt-2", plain(&[GPT_2])),
    ("phi-2", plain(&[GPT_2])),
    ("olmo", plain(&[GPT_2])),
    ("starcoder", plain(&[r"\p{N}", GPT_2])),
    ("refact", plain(&[r"\p{N}", GPT_2])),
    ("smollm", plain(&[r"\p{N}", GPT_2])),
    ("command-r", plain(&[r"\p{N}", GPT_2])),
    ("llama-bpe", whole(&[LLAMA_3])),
    ("smaug-bpe", plain(&[LLAMA_3])),
    ("dbrx", plain(&[LLAMA_3])),
    ("qwen2", plain(&[QWEN_2])),
    ("deepseek-r1-qwen", plain(&[QWEN_2])),
    ("stablelm2", plain(&[QWEN_2])),
    ("gpt-4o", plain(&[GPT_4O])),
    ("tekken", whole(&[TEKKEN])),
    ("deepseek-v3", plain(&DEEPSEEK_V3)),
    ("deepseek-llm", plain(&DEEPSEEK_LLM)),
    ("glm4", plain(&[LLAMA_3])),
    ("chatglm-bpe", plain(&[LLAMA_3])),
    ("qwen35", plain(&[QWEN_35])),
];

const fn plain(patterns: &'static [&'static str]) -> PreTokenizer {
    PreTokenizer {
        patterns,
        ignore_merges: false,
    }
}

const fn whole(patterns: &'static [&'static str]) -> PreTokenizer {
    PreTokenizer {
        patterns,
        ignore_merges: true,
    }
}

/// The way that a file asks for. Files of before the key was there, and those that say `default`, are cut as the models of
/// their architecture were.
pub fn pre_tokenizer(name: Option<&str>, architecture: &str) -> Option<PreTokenizer> {
    let name = match name {
        None | Some("default" | "") => match architecture {
            "llama" => "llama-bpe",
            "starcoder2" => "starcoder",
            "mistral3" => "tekken",
            "phi3" => "dbrx",
            _ => "qwen2",
        },
        Some(name) => name,
    };
    NAMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, way)| *way)
}
