//! UQFF, whole and broken in every way that was thought of.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use hearth_safetensors::{Checkpoint, Dtype, Error, Numbers};
use proptest::prelude::*;

/// 0.2.0.
const VERSION: u32 = 2 << 8;

/// A layer of 2 × 32 numbers in blocks of Q8_0, as mistral.rs writes it.
fn blocks() -> Vec<u8> {
    let told = [
        VERSION.to_le_bytes().to_vec(),
        vec![0],
        68_u32.to_le_bytes().to_vec(),
        vec![0],
    ]
    .concat();
    let shape = [8_u32, 2, 2, 32].map(u32::to_le_bytes).concat();
    [told, shape, vec![0; 68]].concat()
}

/// A layer of 3 × 2 numbers of 16 bits.
fn plain() -> Vec<u8> {
    let told = [VERSION.to_le_bytes().to_vec(), vec![1, 0]].concat();
    let shape = [12_u32, 5, 2, 3, 2].map(u32::to_le_bytes).concat();
    [told, shape, vec![0; 12]].concat()
}

fn file(layers: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, bytes) in layers {
        let place = [data.len(), data.len() + bytes.len()];
        header.insert(
            (*name).to_owned(),
            serde_json::json!({ "dtype": "U8", "shape": [bytes.len()], "data_offsets": place }),
        );
        data.extend_from_slice(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    [(header.len() as u64).to_le_bytes().to_vec(), header, data].concat()
}

fn model(folder: &Path, parts: &[(&str, Vec<u8>)]) -> Vec<PathBuf> {
    let companions: [(&str, Vec<u8>); 4] = [
        (
            "config.json",
            br#"{"architectures":["LlamaForCausalLM"]}"#.to_vec(),
        ),
        ("tokenizer.json", br#"{"model":{"vocab":{"a":0}}}"#.to_vec()),
        ("residual.safetensors", file(&[])),
        // Of another model in the same folder, or of the one that this was made from.
        ("model.safetensors", b"whatever".to_vec()),
    ];
    let all = companions.iter().chain(parts);
    all.map(|(name, bytes)| {
        fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    })
    .collect()
}

fn open(parts: &[(&str, Vec<u8>)]) -> Result<Checkpoint, Error> {
    let folder = tempfile::tempdir().unwrap();
    Checkpoint::open(&model(folder.path(), parts))
}

#[test]
fn layers_say_what_they_are_and_come_in_their_order() {
    let parts = [
        ("q8_0-1.uqff", file(&[("2", blocks())])),
        ("q8_0-0.uqff", file(&[("1", plain()), ("0", blocks())])),
    ];
    let model = open(&parts).unwrap();
    assert!(
        model.tensors.is_empty(),
        "what is not quantised alone is safetensors"
    );
    let told: Vec<_> = (model.layers.iter())
        .map(|layer| (layer.number, &layer.numbers, layer.shape.as_slice(), layer.bytes))
        .collect();
    assert_eq!(
        told,
        [
            (0, &Numbers::Blocks(8), &[2, 32][..], 68),
            (1, &Numbers::Plain(Dtype::BF16), &[3, 2][..], 12),
            (2, &Numbers::Blocks(8), &[2, 32][..], 68),
        ]
    );
}

#[test]
fn what_another_program_quantised_is_named() {
    let mut layer = blocks();
    layer[4] = 4;
    let model = open(&[("afq4-0.uqff", file(&[("0", layer)]))]).unwrap();
    assert_eq!(model.layers[0].numbers, Numbers::Other("AFQ".to_owned()));
}

#[test]
fn what_is_wrong_is_named() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut layer = blocks();
        change(&mut layer);
        open(&[("q8_0-0.uqff", file(&[("0", layer)]))])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        with(|layer| layer[..4].copy_from_slice(&(3_u32 << 8).to_le_bytes())),
        "q8_0-0.uqff is UQFF 0.3, and the engine reads up to 0.2; look for an older file of the model, or one of another kind"
    );
    assert!(with(|layer| layer[..4].copy_from_slice(&(1_u32 << 16).to_le_bytes())).contains("is UQFF 1.0"));
    assert!(with(|layer| layer[4] = 9).contains("of a kind (9)"));
    // It says that there are more bytes than there are, fewer, a bias where there is none, a thousand sides.
    for change in [
        |layer: &mut Vec<u8>| layer[5] = 200,
        |layer: &mut Vec<u8>| layer[5] = 60,
        |layer: &mut Vec<u8>| layer[9] = 1,
        |layer: &mut Vec<u8>| layer[15] = 4,
        |layer: &mut Vec<u8>| layer.truncate(11),
    ] {
        assert!(with(change).contains("layer 0 that ends too early"));
    }
    let other = open(&[("q8_0-0.uqff", file(&[("model.norm", blocks())]))]).unwrap_err();
    assert!(other.to_string().contains("it is no UQFF"), "{other}");
    let gap = open(&[("q8_0-1.uqff", file(&[("2", blocks())]))]).unwrap_err();
    assert_eq!(
        gap.to_string(),
        "layer 0, or the file of q8_0-1.uqff that has it, is missing; download the model again"
    );
    let twice = open(&[
        ("a-0.uqff", file(&[("0", blocks())])),
        ("a-1.uqff", file(&[("0", blocks())])),
    ]);
    assert!(twice.unwrap_err().to_string().contains("has layer 0 twice"));
    let mut short = file(&[("0", blocks())]);
    short.pop();
    assert!(matches!(
        open(&[("q8_0-0.uqff", short)]),
        Err(Error::Truncated { .. })
    ));
}

#[test]
fn neither_half_is_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let files = model(folder.path(), &[("q8_0-0.uqff", file(&[("0", blocks())]))]);
    let without = |name: &str| {
        let rest: Vec<PathBuf> = files
            .iter()
            .filter(|path| !path.ends_with(name) && !path.ends_with("model.safetensors"))
            .cloned()
            .collect();
        Checkpoint::open(&rest).unwrap_err().to_string()
    };
    assert_eq!(
        without("residual.safetensors"),
        "residual.safetensors, which holds what the .uqff file does not, is missing; download the model again"
    );
    assert_eq!(
        without("q8_0-0.uqff"),
        "the .uqff file, which holds the quantised layers, is missing; download the model again"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..90), sane in 0..12_usize) {
        // Some begin as real ones do.
        let real = blocks();
        let sane = sane.min(bytes.len());
        bytes[..sane].copy_from_slice(&real[..sane]);
        let _ = open(&[("a.uqff", file(&[("0", bytes.clone())]))]);
        let _ = open(&[("a.uqff", bytes)]);
    }
}
