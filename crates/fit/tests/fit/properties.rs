//! What holds for every model and computer, however absurd.

use crate::published::{GB, MODELS, machine, speeds};
use hearth_fit::{Built, Label, Measured, Plan, Shape, Verdict, quick_label, verdict};
use hearth_gguf::{Header, Tensor, TensorType, Value};
use hearth_machine::{CpuLevel, Speeds};
use proptest::prelude::*;

const LEVELS: [CpuLevel; 9] = [
    CpuLevel::Baseline,
    CpuLevel::Avx2,
    CpuLevel::AvxVnni,
    CpuLevel::Avx512,
    CpuLevel::Avx512Vnni,
    CpuLevel::Amx,
    CpuLevel::Neon,
    CpuLevel::NeonDotprod,
    CpuLevel::NeonI8mm,
];

fn published() -> impl Strategy<Value = Shape> {
    let shapes: Vec<Shape> = MODELS
        .iter()
        .filter_map(|model| Shape::of(&model.q4_k_m()).ok())
        .collect();
    proptest::sample::select(shapes)
}

fn level() -> impl Strategy<Value = CpuLevel> {
    proptest::sample::select(LEVELS.to_vec())
}

fn plan(context: u64) -> Plan<'static> {
    Plan {
        context,
        draft: None,
        card: None,
    }
}

fn rank(label: Label) -> u8 {
    match label {
        Label::Fits => 0,
        Label::Tight => 1,
        Label::TooBig => 2,
        Label::EngineCannot => 3,
    }
}

/// Small, large and largest numbers alike.
fn any_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..300,
        any::<u32>().prop_map(u64::from),
        any::<u64>(),
        Just(u64::MAX)
    ]
}

fn parts_add_up(said: &Verdict) -> bool {
    let memory = &said.memory;
    let parts = [
        memory.weights_bytes,
        memory.kv_bytes,
        memory.buffers_bytes,
        memory.draft_bytes,
    ];
    let sum = parts.iter().fold(0_u64, |all, &part| all.saturating_add(part));
    sum == memory.peak_bytes
}

proptest! {
    #[test]
    fn more_context_never_takes_less(shape in published(), level in level(), one in 1_u64..50_000, more in 0_u64..50_000) {
        let computer = machine(32 * GB, level);
        let less = verdict(&computer, Some(&speeds()), &shape, plan(one), None);
        let longer = verdict(&computer, Some(&speeds()), &shape, plan(one + more), None);
        prop_assert!(less.memory.peak_bytes <= longer.memory.peak_bytes);
        prop_assert!(rank(less.label) <= rank(longer.label));
        prop_assert!(less.decode.unwrap().low >= longer.decode.unwrap().low);
        prop_assert!(parts_add_up(&less) && parts_add_up(&longer));
    }

    #[test]
    fn more_memory_never_makes_it_worse(shape in published(), level in level(), few in 0_u64..80, more in 0_u64..80, context in 1_u64..40_960) {
        let small = verdict(&machine(few * GB, level), None, &shape, plan(context), None);
        let large = verdict(&machine((few + more) * GB, level), None, &shape, plan(context), None);
        prop_assert!(rank(large.label) <= rank(small.label));
        prop_assert!(large.largest_context >= small.largest_context);
        prop_assert_eq!(small.memory, large.memory);
    }

    #[test]
    fn the_largest_context_fits_and_the_next_does_not(shape in published(), level in level(), usable in 0_u64..60_000_000_000) {
        let computer = machine(usable, level);
        let label = |context| verdict(&computer, None, &shape, plan(context), None).label;
        let largest = verdict(&computer, None, &shape, plan(1), None).largest_context;
        prop_assert!(largest.is_none_or(|tokens| label(tokens) != Label::TooBig));
        let next = largest.unwrap_or(0) + 512;
        if next <= shape.reliable_context {
            prop_assert_eq!(label(next), Label::TooBig);
        }
    }

    #[test]
    fn a_measurement_never_breaks_it(shape in published(), context in any_number(), then in any_number(), peak in any_number(), speed in any::<f64>()) {
        let measured = Measured {
            context: then,
            peak_bytes: Some(peak),
            decode_tokens_per_second: Some(speed),
            prompt_tokens_per_second: Some(speed),
        };
        let said = verdict(&machine(16 * GB, CpuLevel::Avx2), Some(&speeds()), &shape, plan(context), Some(&measured));
        prop_assert!(parts_add_up(&said));
        for speed in [said.decode, said.prompt].into_iter().flatten() {
            prop_assert!(0.0 <= speed.low && speed.low <= speed.tokens_per_second && speed.tokens_per_second <= speed.high);
        }
    }

    #[test]
    fn a_hostile_header_gets_an_answer(
        numbers in proptest::collection::vec(any_number(), 15),
        dimensions in proptest::collection::vec(proptest::collection::vec(any_number(), 0..4), 4),
        kinds in proptest::collection::vec(0_u32..45, 4),
        architecture in proptest::sample::select(vec!["llama", "mistral3", "phi3", "qwen2", "qwen3", "starcoder2", "qwen3moe", "gemma3", "qwen35", "deepseek2", ""]),
        speed in any::<f64>(),
    ) {
        let keys = [
            "block_count", "embedding_length", "context_length", "attention.head_count", "attention.head_count_kv",
            "feed_forward_length", "rope.dimension_count", "attention.key_length", "expert_count", "expert_used_count",
            "attention.sliding_window", "rope.scaling.original_context_length", "full_attention_interval",
            "nextn_predict_layers", "attention.kv_lora_rank",
        ];
        let mut metadata: std::collections::BTreeMap<String, Value> = keys
            .iter()
            .zip(&numbers)
            .map(|(key, number)| (format!("{architecture}.{key}"), Value::Unsigned(*number)))
            .collect();
        metadata.insert("general.architecture".to_owned(), Value::Text(architecture.to_owned()));
        metadata.insert(format!("{architecture}.rope.scaling.factor"), Value::Float(speed));
        metadata.insert(format!("{architecture}.attention.layer_norm_rms_epsilon"), Value::Float(1e-5));
        metadata.insert("tokenizer.ggml.model".to_owned(), Value::Text("llama".to_owned()));
        metadata.insert("tokenizer.ggml.tokens".to_owned(), Value::Array(numbers[12]));
        metadata.insert("tokenizer.chat_template".to_owned(), Value::Text(String::new()));
        let names = ["token_embd.weight", "output.weight", "blk.0.ffn_down_exps.weight", "blk.0.attn_qkv.weight"];
        let mut tensors: Vec<Tensor> = names
            .iter()
            .zip(dimensions)
            .zip(kinds)
            .map(|((name, shape), kind)| Tensor {
                name: (*name).to_owned(),
                shape,
                tensor_type: TensorType::from_id(kind),
                offset: 0,
            })
            .collect();
        // Else few headers would get past the first check.
        tensors[0].shape = vec![numbers[1], numbers[12]];
        let header = Header { metadata, tensors, data_start: 0, vocabulary_hash: None };
        let odd = Speeds {
            read_bytes_per_second: speed,
            matvec_bytes_per_second: speed,
            prompt_weights_per_second: speed,
            layer_seconds: speed,
            prompt_numbers_per_second: speed,
            key_numbers_per_second: speed,
            attention_numbers_per_second: speed,
            prompt_attention_per_second: speed,
            threads: 0,
            measured_at: 0,
        };
        let shapes = [Shape::of(&header), Shape::estimated(&header.metadata, numbers[0])];
        for shape in shapes.into_iter().flatten() {
            for level in [CpuLevel::Baseline, CpuLevel::Amx, CpuLevel::NeonI8mm] {
                let pair = Plan { context: numbers[2], draft: Some(&shape), card: None };
                let said = verdict(&machine(numbers[3], level), Some(&odd), &shape, pair, None);
                prop_assert!(said.memory.peak_bytes >= said.memory.weights_bytes);
                prop_assert!(said.largest_context.is_none_or(|tokens| tokens <= shape.trained_context));
            }
        }
        quick_label(&machine(numbers[3], CpuLevel::Amx), None, Built::Unknown, numbers[4], numbers[5]);
    }
}
