//! Headers of published models, and a computer whose memory a test chooses.

use std::collections::BTreeMap;

use hearth_gguf::{Header, Tensor, TensorType, Value};
use hearth_machine::{Cpu, CpuLevel, Machine, Memory, Speeds};

pub const GB: u64 = 1_000_000_000;

/// Dimensions from a model's published config.json.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    pub name: &'static str,
    pub architecture: &'static str,
    pub layers: u64,
    pub embedding: u64,
    pub feed_forward: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head: u64,
    pub vocabulary: u64,
    pub context: u64,
    pub rotary_base: f64,
    /// The output is the table of embeddings.
    pub tied: bool,
    /// The file holds factors for the rotary positions.
    pub factors: bool,
    /// Experts, and how many a token asks.
    pub experts: Option<(u64, u64)>,
    /// Tokens that layers with a window see.
    pub window: Option<u64>,
}

#[rustfmt::skip]
#[allow(clippy::too_many_arguments, reason = "a row of the table below")]
const fn row(
    name: &'static str, architecture: &'static str, layers: u64, embedding: u64, feed_forward: u64, heads: u64,
    kv_heads: u64, head: u64, vocabulary: u64, context: u64, rotary_base: f64, tied: bool,
) -> Published {
    Published {
        name, architecture, layers, embedding, feed_forward, heads, kv_heads, head, vocabulary, context, rotary_base,
        tied, factors: false, experts: None, window: None,
    }
}

const fn with_factors(published: Published) -> Published {
    Published {
        factors: true,
        ..published
    }
}

const fn with_window(window: u64, published: Published) -> Published {
    Published {
        window: Some(window),
        ..published
    }
}

#[rustfmt::skip]
pub const MODELS: [Published; 17] = [
    row("Qwen3 0.6B", "qwen3", 28, 1024, 3072, 16, 8, 128, 151_936, 40_960, 1e6, true),
    with_factors(row("Llama 3.2 1B", "llama", 16, 2048, 8192, 32, 8, 64, 128_256, 131_072, 5e5, true)),
    with_factors(row("Llama 3.2 3B", "llama", 28, 3072, 8192, 24, 8, 128, 128_256, 131_072, 5e5, true)),
    row("Phi-3 mini 4k", "phi3", 32, 3072, 8192, 32, 32, 96, 32_064, 4096, 1e4, false),
    with_window(1024, row("Gemma 3 4B", "gemma3", 34, 2560, 10_240, 8, 4, 256, 262_144, 131_072, 1e6, true)),
    row("Qwen3 4B", "qwen3", 36, 2560, 9728, 32, 8, 128, 151_936, 40_960, 1e6, true),
    row("Mistral 7B 0.3", "llama", 32, 4096, 14_336, 32, 8, 128, 32_768, 32_768, 1e6, false),
    row("Qwen2.5 7B", "qwen2", 28, 3584, 18_944, 28, 4, 128, 152_064, 32_768, 1e6, false),
    with_factors(row("Llama 3.1 8B", "llama", 32, 4096, 14_336, 32, 8, 128, 128_256, 131_072, 5e5, false)),
    row("Qwen3 8B", "qwen3", 36, 4096, 12_288, 32, 8, 128, 151_936, 40_960, 1e6, false),
    with_window(4096, row("Gemma 2 9B", "gemma2", 42, 3584, 14_336, 16, 8, 256, 256_000, 8192, 1e4, true)),
    with_window(1024, row("Gemma 3 12B", "gemma3", 48, 3840, 15_360, 16, 8, 256, 262_144, 131_072, 1e6, true)),
    row("Phi-4", "phi3", 40, 5120, 17_920, 40, 10, 128, 100_352, 16_384, 2.5e5, false),
    row("Mistral Small 24B", "llama", 40, 5120, 32_768, 32, 8, 128, 131_072, 32_768, 1e8, false),
    row("Qwen3 32B", "qwen3", 64, 5120, 25_600, 64, 8, 128, 151_936, 40_960, 1e6, false),
    Published {
        experts: Some((128, 8)),
        ..row("Qwen3 30B-A3B", "qwen3moe", 48, 2048, 768, 32, 4, 128, 151_936, 40_960, 1e6, false)
    },
    Published {
        experts: Some((8, 2)),
        ..row("Mixtral 8x7B", "llama", 32, 4096, 14_336, 32, 8, 128, 32_000, 32_768, 1e6, false)
    },
];

/// Its experts are of MXFP4, and its rows too short for K-quants.
pub const GPT_OSS_20B: Published = Published {
    experts: Some((32, 4)),
    window: Some(128),
    ..row(
        "gpt-oss 20B",
        "gpt-oss",
        24,
        2880,
        2880,
        64,
        8,
        64,
        201_088,
        131_072,
        1.5e5,
        false,
    )
};

/// Its layers take turns in seeing a window, the last 18 look at what others keep, and each token brings 256 numbers for every
/// layer.
pub fn gemma_4_e4b() -> Header {
    let published = with_window(
        512,
        row(
            "Gemma 4 E4B",
            "gemma4",
            42,
            2560,
            10_240,
            8,
            2,
            512,
            262_144,
            131_072,
            1e6,
            true,
        ),
    );
    let mut header = published.q4_k_m();
    let numbers = [
        ("attention.key_length_swa", Value::Unsigned(256)),
        ("attention.shared_kv_layers", Value::Unsigned(18)),
        (
            "attention.sliding_window_pattern",
            Value::List((1..=42).map(|layer| u64::from(layer % 6 != 0)).collect()),
        ),
        ("embedding_length_per_layer_input", Value::Unsigned(256)),
    ];
    let numbers = numbers.map(|(key, value)| (format!("gemma4.{key}"), value));
    header.metadata.extend(numbers);
    // A window's heads are half as long.
    for tensor in &mut header.tensors {
        let layer = tensor
            .name
            .strip_prefix("blk.")
            .and_then(|name| name.split('.').next());
        let layer = layer.and_then(|layer| layer.parse::<u64>().ok());
        let side = match tensor.name.rsplit('.').nth(1) {
            Some("attn_q" | "attn_k" | "attn_v") => 1,
            Some("attn_output") => 0,
            _ => continue,
        };
        if layer.is_some_and(|layer| (layer + 1) % 6 != 0) {
            tensor.shape[side] /= 2;
        }
    }
    let mut add = |name: String, shape: &[u64], kind| {
        header.tensors.push(Tensor {
            name,
            shape: shape.to_vec(),
            tensor_type: TensorType::from_id(kind),
            offset: 0,
        });
    };
    let of_all = 42 * 256;
    add("rope_freqs.weight".to_owned(), &[256], 0);
    add("per_layer_token_embd.weight".to_owned(), &[of_all, 262_144], Q4_K);
    add("per_layer_model_proj.weight".to_owned(), &[2560, of_all], Q4_K);
    for layer in 0..42 {
        add(format!("blk.{layer}.inp_gate.weight"), &[2560, 256], Q4_K);
        add(format!("blk.{layer}.proj.weight"), &[256, 2560], Q4_K);
    }
    header
}

pub fn model(name: &str) -> Published {
    *MODELS
        .iter()
        .find(|model| model.name == name)
        .expect("a model of the table")
}

/// ggml's numbers of the types used here.
pub const F16: u32 = 1;
pub const Q8_0: u32 = 8;
pub const Q4_K: u32 = 12;
pub const Q6_K: u32 = 14;
pub const IQ4_XS: u32 = 23;
pub const MXFP4: u32 = 39;

impl Published {
    /// The header of its Q4_K_M file, as llama.cpp would write it.
    pub fn q4_k_m(&self) -> Header {
        self.header(Q4_K, Q6_K)
    }

    /// The header of its file in `most`, with half of the value and down projections and the output in `better`.
    pub fn header(&self, most: u32, better: u32) -> Header {
        let mut tensors = Vec::new();
        let mut add = |name: String, shape: &[u64], kind: u32| {
            tensors.push(Tensor {
                name,
                shape: shape.to_vec(),
                tensor_type: TensorType::from_id(kind),
                offset: 0,
            });
        };
        let (wide, queries, keys) = (self.embedding, self.heads * self.head, self.kv_heads * self.head);
        let ffn = self.feed_forward;
        add(
            "token_embd.weight".into(),
            &[wide, self.vocabulary],
            if self.tied { better } else { most },
        );
        add("output_norm.weight".into(), &[wide], 0);
        if !self.tied {
            add("output.weight".into(), &[wide, self.vocabulary], better);
        }
        if self.factors {
            add("rope_freqs.weight".into(), &[self.head / 2], 0);
        }
        for layer in 0..self.layers {
            let (eighth, seven) = (self.layers / 8, 7 * self.layers / 8);
            let sensitive = layer < eighth || layer >= seven || (layer - eighth) % 3 == 2;
            let down = if sensitive { better } else { most };
            let mut of_layer =
                |name: &str, shape: &[u64], kind| add(format!("blk.{layer}.{name}.weight"), shape, kind);
            of_layer("attn_norm", &[wide], 0);
            of_layer("ffn_norm", &[wide], 0);
            of_layer("attn_output", &[queries, wide], most);
            if self.architecture == "phi3" {
                of_layer("attn_qkv", &[wide, queries + 2 * keys], most);
                of_layer("ffn_up", &[wide, 2 * ffn], most);
                of_layer("ffn_down", &[ffn, wide], down);
                continue;
            }
            of_layer("attn_q", &[wide, queries], most);
            of_layer("attn_k", &[wide, keys], most);
            of_layer("attn_v", &[wide, keys], down);
            match self.experts {
                None => {
                    of_layer("ffn_gate", &[wide, ffn], most);
                    of_layer("ffn_up", &[wide, ffn], most);
                    of_layer("ffn_down", &[ffn, wide], down);
                }
                Some((count, _)) => {
                    let (most, down) = match self.architecture {
                        "gpt-oss" => (MXFP4, MXFP4),
                        _ => (most, down),
                    };
                    of_layer("ffn_gate_inp", &[wide, count], 0);
                    of_layer("ffn_gate_exps", &[wide, ffn, count], most);
                    of_layer("ffn_up_exps", &[wide, ffn, count], most);
                    of_layer("ffn_down_exps", &[ffn, wide, count], down);
                }
            }
        }
        Header {
            metadata: self.metadata(),
            tensors,
            data_start: 0,
            vocabulary_hash: Some([7; 32]),
        }
    }

    pub fn metadata(&self) -> BTreeMap<String, Value> {
        let mut metadata = BTreeMap::from([
            (
                "general.architecture".to_owned(),
                Value::Text(self.architecture.to_owned()),
            ),
            ("tokenizer.ggml.model".to_owned(), Value::Text("llama".to_owned())),
            ("tokenizer.ggml.tokens".to_owned(), Value::Array(self.vocabulary)),
            (
                "tokenizer.chat_template".to_owned(),
                Value::Text("{{ messages }}".to_owned()),
            ),
        ]);
        let mut number = |key: &str, value: Value| {
            metadata.insert(format!("{}.{key}", self.architecture), value);
        };
        for (key, value) in [
            ("block_count", self.layers),
            ("embedding_length", self.embedding),
            ("feed_forward_length", self.feed_forward),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("attention.key_length", self.head),
            ("attention.value_length", self.head),
            ("rope.dimension_count", self.head),
            ("context_length", self.context),
        ] {
            number(key, Value::Unsigned(value));
        }
        number("attention.layer_norm_rms_epsilon", Value::Float(1e-5));
        number("rope.freq_base", Value::Float(self.rotary_base));
        if let Some(window) = self.window {
            number("attention.sliding_window", Value::Unsigned(window));
        }
        if let Some((count, used)) = self.experts {
            number("expert_count", Value::Unsigned(count));
            number("expert_used_count", Value::Unsigned(used));
        }
        metadata
    }
}

/// A computer with so much memory free.
pub fn machine(usable_bytes: u64, level: CpuLevel) -> Machine {
    let available_bytes = usable_bytes.saturating_add(hearth_machine::RESERVE_BYTES);
    Machine {
        os: "Test".to_owned(),
        cpu: Cpu {
            name: "Test".to_owned(),
            physical_cores: 8,
            logical_cores: 16,
            features: Vec::new(),
            level,
        },
        memory: Memory {
            total_bytes: available_bytes,
            available_bytes,
            limit_bytes: None,
            unified: false,
        },
        gpus: Vec::new(),
        disks: Vec::new(),
    }
}

/// About those of a desktop with eight cores and two channels of DDR5.
pub fn speeds() -> Speeds {
    Speeds {
        read_bytes_per_second: 60e9,
        matvec_bytes_per_second: 30e9,
        prompt_weights_per_second: 1.5e12,
        layer_seconds: 1.5e-4,
        prompt_numbers_per_second: 1.5e9,
        key_numbers_per_second: 2e10,
        attention_numbers_per_second: 8e10,
        prompt_attention_per_second: 1e11,
        threads: 8,
        measured_at: 0,
    }
}
