//! What is read of a model from its header, or guessed from its size.

use crate::published::{GB, GPT_OSS_20B, MODELS, MXFP4, Q4_K, Q6_K, Q8_0, gemma_4_e4b, machine, model};
use crate::verdicts::PLAIN;
use hearth_fit::{Plan, Reason, Role, Shape, verdict};
use hearth_gguf::TensorType;
use hearth_machine::CpuLevel;

/// ggml-org/gpt-oss-20b-GGUF: experts of MXFP4, all else Q8_0, 12.1 GB.
#[test]
fn experts_of_mxfp4_are_read_from_gguf_where_the_model_was_trained_so() {
    let header = GPT_OSS_20B.header(Q8_0, Q8_0);
    let bytes = header.weight_bytes().unwrap();
    assert!((bytes as f64 / 12.1e9 - 1.0).abs() < 0.01, "{bytes}");
    let exact = Shape::of(&header).unwrap();
    let experts = exact.weights.matrices.iter().find(|one| one.role == Role::Expert);
    assert_eq!(
        experts.map(|one| one.tensor_type.name()).as_deref(),
        Some("MXFP4")
    );
    let estimated = Shape::estimated(&header.metadata, bytes).unwrap();
    let of = |shape: &Shape| {
        let matrices = shape.weights.matrices.iter();
        matrices.map(|one| one.bytes).sum::<u64>() as f64
    };
    assert!((of(&estimated) / of(&exact) - 1.0).abs() < 0.02);
    let mut mixed = header.clone();
    for tensor in &mut mixed.tensors {
        if tensor.name.contains("ffn_gate_exps") {
            tensor.tensor_type = TensorType::from_id(Q8_0);
        }
    }
    assert!(matches!(Shape::of(&mixed).unwrap_err(), Reason::Misfit { .. }));
    assert_eq!(
        Shape::of(&model("Qwen3 30B-A3B").header(MXFP4, Q8_0)).unwrap_err(),
        Reason::TensorType {
            tensor_type: "MXFP4".to_owned()
        }
    );
}

/// Of 8 billion numbers a token reads little more than half: the others are rows, of which it takes one. And what it keeps of a
/// long chat is a few layers'.
#[test]
fn a_table_of_rows_takes_memory_and_no_time() {
    let header = gemma_4_e4b();
    let exact = Shape::of(&header).unwrap();
    let of = |shape: &Shape| {
        let matrices = shape.weights.matrices.iter();
        matrices.map(|one| one.bytes).sum::<u64>()
    };
    let table = 262_144 * 42 * 256 / 256 * 144;
    assert_eq!(exact.weights.per_layer_bytes, table);
    let bytes = header.weight_bytes().unwrap();
    let read = of(&exact) as f64 / bytes as f64;
    assert!((0.6..0.7).contains(&read), "{read}");
    let said = |shape: &Shape, context| {
        let machine = machine(16 * GB, CpuLevel::Avx2);
        verdict(&machine, None, shape, Plan { context, ..PLAIN }, None).memory
    };
    let memory = said(&exact, 4096);
    assert!(memory.weights_bytes >= bytes && memory.peak_bytes < bytes + GB);
    // Four of 24 layers that keep anything keep all: of twice 512 and once 256 numbers, two heads each.
    let of_a_token = (4 * 512 + 256) * 2 * 2 * 2;
    let grown = said(&exact, 32_768).kv_bytes - said(&exact, 16_384).kv_bytes;
    assert_eq!(grown, 16_384 * of_a_token);
    let estimated = Shape::estimated(&header.metadata, bytes).unwrap();
    assert_eq!(estimated.weights.per_layer_bytes, table);
    assert!((of(&estimated) as f64 / of(&exact) as f64 - 1.0).abs() < 0.03);
}

#[test]
fn a_shape_from_the_size_alone_comes_near_the_exact_one() {
    for published in MODELS {
        for (most, better) in [(Q4_K, Q6_K), (Q8_0, Q8_0)] {
            let header = published.header(most, better);
            let Ok(exact) = Shape::of(&header) else { continue };
            let estimated = Shape::estimated(&header.metadata, header.weight_bytes().unwrap()).unwrap();
            assert!(estimated.estimated && !exact.estimated);
            assert_eq!(
                estimated.reliable_context, exact.reliable_context,
                "{}",
                published.name
            );
            let peak = |shape: &Shape| {
                let said = verdict(&machine(64 * GB, CpuLevel::Avx2), None, shape, PLAIN, None);
                said.memory.peak_bytes as f64
            };
            let off = peak(&estimated) / peak(&exact) - 1.0;
            assert!(off.abs() < 0.1, "{} in {most}: {off:+.3}", published.name);
        }
    }
}
