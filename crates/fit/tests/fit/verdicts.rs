//! What would be said of published models on the computers of `hearth-machine`'s fixtures.

use std::fmt::Write;

use crate::published::{F16, GB, MODELS, Published, Q4_K, Q6_K, Q8_0, machine, model, speeds};
use hearth_fit::{
    Basis, Built, Label, Measured, Plan, Reason, Shape, decode_speed, four_bit_bytes, prompt_speed,
    quick_label, same_vocabulary, verdict,
};
use hearth_gguf::Value;
use hearth_machine::CpuLevel;

const CONTEXT: u64 = 4096;
/// A first chat with the model alone, on the processor.
pub const PLAIN: Plan<'static> = Plan {
    context: CONTEXT,
    draft: None,
    card: None,
};

fn shape(name: &str) -> Shape {
    Shape::of(&model(name).q4_k_m()).unwrap()
}

fn word(label: Label) -> &'static str {
    match label {
        Label::Fits => "fits",
        Label::Tight => "tight",
        Label::TooBig => "too big",
        Label::EngineCannot => "engine cannot",
    }
}

fn gb(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / GB as f64)
}

/// A person checks this by hand: 4-bit files, 4,096 tokens, and the largest context beside each label.
#[test]
fn four_bit_models_on_every_computer() {
    let computers = hearth_machine::fixtures();
    let mut table = String::new();
    for (name, machine) in &computers {
        writeln!(
            table,
            "{name}: {} GB usable, {:?}",
            gb(machine.usable_bytes()),
            machine.cpu.level
        )
        .unwrap();
        for published in MODELS {
            match Shape::of(&published.q4_k_m()) {
                Ok(shape) => {
                    let said = verdict(machine, None, &shape, PLAIN, None);
                    let largest = said
                        .largest_context
                        .map_or("-".to_owned(), |tokens| tokens.to_string());
                    let peak = gb(said.memory.peak_bytes);
                    writeln!(
                        table,
                        "  {:<18}{:>7}  {:<8}{largest:>7}",
                        published.name,
                        peak,
                        word(said.label)
                    )
                    .unwrap();
                }
                Err(_) => writeln!(table, "  {:<18}{:>7}  engine cannot", published.name, "").unwrap(),
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// Where the memory goes, GB: the file, then the parts, on a processor with AVX2 and on an ARM with 8-bit products.
#[test]
fn the_parts_of_memory() {
    let mut table =
        String::from("                  level       context    file weights     kv buffers   peak\n");
    for name in [
        "Llama 3.2 1B",
        "Qwen3 4B",
        "Llama 3.1 8B",
        "Gemma 3 4B",
        "Phi-3 mini 4k",
        "Mixtral 8x7B",
    ] {
        for level in [
            CpuLevel::Baseline,
            CpuLevel::Avx2,
            CpuLevel::Amx,
            CpuLevel::NeonI8mm,
        ] {
            for context in [512, 4096, 32_768] {
                let header = model(name).q4_k_m();
                let said = verdict(
                    &machine(64 * GB, level),
                    None,
                    &Shape::of(&header).unwrap(),
                    Plan { context, ..PLAIN },
                    None,
                );
                let memory = said.memory;
                let numbers = [
                    header.weight_bytes().unwrap(),
                    memory.weights_bytes,
                    memory.kv_bytes,
                    memory.buffers_bytes,
                    memory.peak_bytes,
                ];
                let numbers: String = numbers.iter().map(|&bytes| format!("{:>8}", gb(bytes))).collect();
                writeln!(
                    table,
                    "{name:<18}{:<12}{:>7}{numbers}",
                    format!("{level:?}"),
                    said.context
                )
                .unwrap();
            }
        }
    }
    insta::assert_snapshot!(table);
}

/// Tokens a second on a desktop with eight cores.
#[test]
fn speeds_of_a_desktop() {
    let machine = machine(64 * GB, CpuLevel::Avx2);
    let mut table = String::from("                  type    decode at 1  at 4096   prompt of 512  of 4096\n");
    for published in MODELS {
        for (kind, most, better) in [("Q4_K_M", Q4_K, Q6_K), ("Q8_0", Q8_0, Q8_0), ("F16", F16, F16)] {
            let Ok(shape) = Shape::of(&published.header(most, better)) else {
                continue;
            };
            let decode = |context| {
                decode_speed(&machine, &speeds(), &shape, context)
                    .unwrap()
                    .tokens_per_second
            };
            let prompt = |tokens| {
                prompt_speed(&machine, &speeds(), &shape, tokens)
                    .unwrap()
                    .tokens_per_second
            };
            writeln!(
                table,
                "{:<18}{kind:<8}{:>11.1}{:>9.1}{:>16.1}{:>9.1}",
                published.name,
                decode(1),
                decode(4096),
                prompt(512),
                prompt(4096)
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_was_measured_of_the_worker_is_predicted_within_a_twentieth() {
    // Peaks of the worker on two cores, with prompts that fill the context: `cargo xtask bench fit`.
    let q4 = |name: &str, context| {
        Shape::of(
            &Published {
                context,
                ..model(name)
            }
            .q4_k_m(),
        )
        .unwrap()
    };
    let (llama, qwen) = (q4("Llama 3.2 1B", 8192), q4("Qwen3 0.6B", 8192));
    let measured = [
        (&llama, 512, 1_030_000_000_u32),
        (&llama, 1024, 1_070_000_000),
        (&llama, 2048, 1_130_000_000),
        (&qwen, 512, 660_000_000),
        (&qwen, 1536, 780_000_000),
    ];
    for (shape, context, peak) in measured {
        let said = verdict(
            &machine(16 * GB, CpuLevel::Avx2),
            None,
            shape,
            Plan { context, ..PLAIN },
            None,
        );
        let off = said.memory.peak_bytes as f64 / f64::from(peak) - 1.0;
        assert!(
            off.abs() < 0.05,
            "{context} tokens of {}: {off:+.3} {:?}",
            shape.architecture,
            said.memory
        );
    }
}

#[test]
fn a_stretched_context_stops_where_the_engine_follows_it() {
    let machine = machine(64 * GB, CpuLevel::Avx2);
    let asked = Plan {
        context: 131_072,
        ..PLAIN
    };
    let followed = verdict(&machine, None, &shape("Llama 3.1 8B"), asked, None);
    assert_eq!((followed.context, followed.reason), (131_072, None));

    let stretched = |kind: &str| {
        let mut header = model("Qwen3 8B").q4_k_m();
        let context = ("qwen3.context_length".to_owned(), Value::Unsigned(131_072));
        let kind = ("qwen3.rope.scaling.type".to_owned(), Value::Text(kind.to_owned()));
        let factor = ("qwen3.rope.scaling.factor".to_owned(), Value::Float(4.0));
        header.metadata.extend([context, kind, factor]);
        Shape::of(&header).unwrap()
    };
    assert_eq!(stretched("yarn").reliable_context, 131_072);
    let unknown = verdict(&machine, None, &stretched("longrope"), asked, None);
    assert_eq!((unknown.context, unknown.largest_context), (32_768, Some(32_768)));
    assert_eq!(
        unknown.reason,
        Some(Reason::ContextLimited {
            trained: 131_072,
            reliable: 32_768
        })
    );

    let whole = verdict(&machine, None, &shape("Qwen3 4B"), asked, None);
    assert_eq!((whole.context, whole.reason), (40_960, None));
}

#[test]
fn a_search_result_is_judged_by_its_parameters() {
    let computer = machine(16 * GB, CpuLevel::Avx2);
    assert_eq!(
        quick_label(
            &computer,
            None,
            Built::Architecture("qwen3"),
            4_000_000_000,
            CONTEXT
        ),
        Label::Fits
    );
    assert_eq!(
        quick_label(&computer, None, Built::Unknown, 32_000_000_000, CONTEXT),
        Label::TooBig
    );
    assert_eq!(
        quick_label(
            &computer,
            None,
            Built::Architecture("cohere2"),
            1_000_000_000,
            CONTEXT
        ),
        Label::EngineCannot
    );
    assert_eq!(
        quick_label(
            &computer,
            None,
            Built::Class("Gemma3ForCausalLM"),
            1_000_000_000,
            CONTEXT
        ),
        Label::Fits
    );
    assert_eq!(
        quick_label(&computer, None, Built::Class("BertModel"), 1_000_000_000, CONTEXT),
        Label::EngineCannot
    );
    let published = 4_920_000_000_f64;
    assert!((four_bit_bytes(8_030_000_000) as f64 / published - 1.0).abs() < 0.1);
}

#[test]
fn measurements_outrank_the_formula() {
    let (computer, shape) = (machine(16 * GB, CpuLevel::Avx2), shape("Qwen3 4B"));
    let formula = verdict(&computer, Some(&speeds()), &shape, PLAIN, None);
    let measured = Measured {
        context: CONTEXT,
        peak_bytes: Some(formula.memory.peak_bytes + 300_000_000),
        decode_tokens_per_second: Some(3.0),
        prompt_tokens_per_second: Some(20.0),
    };
    let said = verdict(&computer, Some(&speeds()), &shape, PLAIN, Some(&measured));
    assert_eq!((formula.basis, said.basis), (Basis::Formula, Basis::Measured));
    assert_eq!(said.memory.peak_bytes, formula.memory.peak_bytes + 300_000_000);
    let slowest = said.decode.unwrap().low;
    assert!(
        (slowest - 3.0).abs() < 0.01,
        "measured with a full context: {slowest}"
    );
    assert!(said.decode.unwrap().tokens_per_second > 3.0);
    // Without the computer's speeds, the measured one is all that is known.
    let alone = verdict(&computer, None, &shape, PLAIN, Some(&measured));
    assert!((alone.prompt.unwrap().tokens_per_second - 20.0).abs() < 0.01);
    assert_eq!(verdict(&computer, None, &shape, PLAIN, None).decode, None);
}

#[test]
fn a_draft_takes_its_own_room_and_the_target_s_tokens() {
    let (target, draft) = (shape("Qwen3 8B"), shape("Qwen3 0.6B"));
    let computer = machine(32 * GB, CpuLevel::Avx2);
    let alone = verdict(&computer, None, &target, PLAIN, None);
    let pair = Plan {
        draft: Some(&draft),
        ..PLAIN
    };
    let both = verdict(&computer, None, &target, pair, None);
    assert!(both.memory.draft_bytes > draft.weights.embedding_bytes);
    assert_eq!(
        both.memory.peak_bytes,
        alone.memory.peak_bytes + both.memory.draft_bytes
    );

    let (one, other) = (model("Qwen3 8B").q4_k_m(), model("Qwen3 0.6B").q4_k_m());
    assert!(same_vocabulary(one.vocabulary_hash, other.vocabulary_hash));
    assert!(!same_vocabulary(one.vocabulary_hash, Some([8; 32])));
    assert!(!same_vocabulary(None, None));
}
