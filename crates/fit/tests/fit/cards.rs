//! How a model is divided between a graphics card and the processor.

use std::fmt::Write;

use crate::published::{GB, MODELS, machine, model};
use hearth_fit::{CardShare, Label, Plan, Shape, Verdict, verdict};
use hearth_machine::{CpuLevel, Gpu, GpuMemory, Machine};
use proptest::prelude::*;

fn card(free_bytes: u64) -> Gpu {
    Gpu {
        name: "Test".to_owned(),
        vendor: "NVIDIA".to_owned(),
        memory: GpuMemory::Dedicated {
            total_bytes: free_bytes,
            free_bytes: Some(free_bytes),
        },
        id: None,
    }
}

fn judged(machine: &Machine, shape: &Shape, card: Option<&Gpu>, context: u64) -> Verdict {
    let draft = None;
    verdict(machine, None, shape, Plan { context, draft, card }, None)
}

fn four_bit(name: &str) -> Shape {
    Shape::of(&model(name).q4_k_m()).unwrap()
}

/// A person checks this by hand: 4-bit files at 8,192 tokens on the computers whose cards the engine computes on.
#[test]
fn layers_on_every_card() {
    let mut table = String::new();
    for (name, machine) in hearth_machine::fixtures() {
        let Some(card) = (machine.gpus.iter()).find(|gpu| ["NVIDIA", "Apple"].contains(&gpu.vendor.as_str()))
        else {
            continue;
        };
        let gb = |bytes: u64| format!("{:.1}", bytes as f64 / GB as f64);
        let usable = card.usable_bytes(&machine.memory).map_or("?".to_owned(), gb);
        writeln!(
            table,
            "{name}: {usable} GB of {}, {} GB of the main memory",
            card.name,
            gb(machine.usable_bytes())
        )
        .unwrap();
        for published in MODELS {
            let Ok(shape) = Shape::of(&published.q4_k_m()) else {
                continue;
            };
            let said = judged(&machine, &shape, Some(card), 8192);
            let there = said.card.map_or("none on the card".to_owned(), |share| {
                format!(
                    "{} of {} layers, {} GB",
                    share.layers,
                    share.of_layers,
                    gb(share.bytes)
                )
            });
            let row = format!("  {:<18}{there:<26}{:?}", published.name, said.label);
            writeln!(table, "{row}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_model_that_fits_the_card_leaves_the_main_memory_alone() {
    let (shape, machine) = (four_bit("Llama 3.1 8B"), machine(2 * GB, CpuLevel::Avx2));
    assert_eq!(judged(&machine, &shape, None, 4096).label, Label::TooBig);
    let said = judged(&machine, &shape, Some(&card(12 * GB)), 4096);
    let share = said.card.as_ref().unwrap();
    assert!(share.is_whole());
    assert_eq!((said.label, share.of_layers), (Label::Fits, 32));
    assert!(share.bytes <= share.usable_bytes);
    assert_eq!(said.usable_bytes, machine.usable_bytes() + share.usable_bytes);
    // Nobody has measured how fast a card is.
    assert_eq!(said.decode, None);
}

#[test]
fn what_finds_no_room_on_the_card_stays_with_the_processor() {
    let (shape, machine) = (four_bit("Qwen3 32B"), machine(16 * GB, CpuLevel::Avx2));
    let card = card(12 * GB);
    assert_eq!(judged(&machine, &shape, None, 4096).label, Label::TooBig);
    let said = judged(&machine, &shape, Some(&card), 4096);
    let share = said.card.unwrap();
    assert!((20..50).contains(&share.layers), "{share:?}");
    assert_eq!(said.label, Label::Fits);
    let largest = said.largest_context.unwrap();
    assert!(largest > 4096, "{largest}");
    let longer = judged(&machine, &shape, Some(&card), largest).card.unwrap();
    assert!(longer.layers < share.layers, "the cache takes layers' room");
}

#[test]
fn a_card_with_room_for_no_layer_is_not_used() {
    let (shape, machine) = (four_bit("Llama 3.1 8B"), machine(16 * GB, CpuLevel::Avx2));
    let with = judged(&machine, &shape, Some(&card(GB)), 4096);
    assert_eq!(with, judged(&machine, &shape, None, 4096));
    let unknown = Gpu {
        memory: GpuMemory::Unknown,
        ..card(24 * GB)
    };
    assert_eq!(judged(&machine, &shape, Some(&unknown), 4096).card, None);
}

#[test]
fn a_card_that_shares_the_main_memory_adds_none() {
    let (shape, machine) = (four_bit("Llama 3.1 8B"), machine(16 * GB, CpuLevel::NeonI8mm));
    let shared = Gpu {
        memory: GpuMemory::Unified {
            budget_bytes: 12 * GB,
        },
        ..card(0)
    };
    let said = judged(&machine, &shape, Some(&shared), 4096);
    assert!(said.card.is_some_and(|share| share.is_whole()));
    assert_eq!(said.usable_bytes, machine.usable_bytes());
    let small = crate::published::machine(4 * GB, CpuLevel::NeonI8mm);
    assert_eq!(judged(&small, &shape, Some(&shared), 4096).label, Label::TooBig);
}

proptest! {
    #[test]
    fn more_memory_on_the_card_never_leaves_more_to_the_processor(
        (few, more, context, which) in (0..40 * GB, 0..40 * GB, 1_u64..100_000, 0..MODELS.len())
    ) {
        let Ok(shape) = Shape::of(&MODELS[which].q4_k_m()) else { return Ok(()) };
        let machine = machine(16 * GB, CpuLevel::Avx2);
        let small = judged(&machine, &shape, Some(&card(few)), context);
        let large = judged(&machine, &shape, Some(&card(few + more)), context);
        let layers = |said: &Verdict| said.card.as_ref().map_or(0, |share| share.layers);
        prop_assert!(layers(&small) <= layers(&large));
        for said in [&small, &large] {
            let fits = |share: &CardShare| {
                share.bytes <= share.usable_bytes && (1..=share.of_layers).contains(&share.layers)
            };
            prop_assert!(said.card.as_ref().is_none_or(fits), "{said:?}");
        }
    }
}
