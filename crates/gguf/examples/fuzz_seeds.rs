//! Writes what the fuzzer starts from: small headers that between them have everything a header can have, and the
//! headers of the bad files. To be run again when either gains one: `cargo run -p hearth-gguf --example fuzz_seeds`.

use std::error::Error;
use std::fs;
use std::path::Path;

use hearth_fixtures::{BadFile, Fill, Gguf, Tensor, TensorType, Value};

/// Of a bad file, as many bytes as hold the header of a tiny model.
const LONGEST: usize = 13 << 10;
/// How the fuzz target cuts the seed into pieces to begin with; the mixture is of no importance.
const SIZES: [u8; 8] = [1, 8, 3, 250, 24, 2, 64, 7];

fn main() -> Result<(), Box<dyn Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/header");
    fs::create_dir_all(&corpus)?;
    for (name, file) in sound() {
        write(&corpus, name, &file.header())?;
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bad.gguf");
    for bad in BadFile::ALL {
        bad.write(&path)?;
        let bytes = fs::read(&path)?;
        write(
            &corpus,
            &format!("bad-{bad:?}"),
            &bytes[..bytes.len().min(LONGEST)],
        )?;
    }
    Ok(())
}

fn write(corpus: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    fs::write(corpus.join(name), [bytes, &SIZES].concat())
}

fn sound() -> Vec<(&'static str, Gguf)> {
    let architecture = || pair("general.architecture", Value::Text("llama".to_owned()));
    let weight = |name: &str| Tensor::matrix(name, 2, 256, TensorType::Q4K, Fill::Zeros);
    let with = |metadata: Vec<(String, Value)>| {
        Gguf::new([vec![architecture()], metadata].concat(), vec![weight("a")])
    };
    let empty_array = |kind: u32| Value::Raw(9, [&kind.to_le_bytes()[..], &0_u64.to_le_bytes()].concat());
    let shard = |number: u16, tensors: Vec<Tensor>| {
        let split = vec![
            pair("split.no", Value::Raw(2, number.to_le_bytes().into())),
            pair("split.count", Value::Raw(2, 2_u16.to_le_bytes().into())),
            pair("split.tensors.count", Value::Raw(5, 1_i32.to_le_bytes().into())),
        ];
        Gguf::new(split, tensors)
    };
    let mut version_2 = with(Vec::new());
    version_2.version = 2;
    let types = [
        TensorType::F32,
        TensorType::F16,
        TensorType::Q8_0,
        TensorType::Q4K,
        TensorType::Q6K,
        TensorType::Iq4Xs,
        TensorType::Mxfp4,
        TensorType::Unknown,
    ];
    let of_every_type = types.map(|kind| Tensor::matrix(format!("{kind:?}"), 1, 256, kind, Fill::Zeros));
    let of_every_shape = (0..=4).map(|dimensions| Tensor {
        claimed_dimensions: Some(vec![32; dimensions]),
        ..weight(&format!("{dimensions}"))
    });
    let numbers = [0, 1, 7].map(|kind| (kind, 1)).into_iter();
    let numbers = numbers.chain([2, 3].map(|kind| (kind, 2)));
    let numbers = numbers.chain([4, 5, 6].map(|kind| (kind, 4)));
    let numbers = numbers.chain([10, 11, 12].map(|kind| (kind, 8)));
    let numbers: Vec<(u32, usize)> = numbers.collect();
    let arrays = numbers.iter().map(|&(kind, width)| {
        let head = [&kind.to_le_bytes()[..], &3_u64.to_le_bytes()].concat();
        pair(
            &format!("array.{kind}"),
            Value::Raw(9, [head, vec![0x81; 3 * width]].concat()),
        )
    });
    let tokens = ["a", "", "bc", "ünïcödé"].map(str::to_owned).to_vec();
    vec![
        ("nothing", Gguf::new(Vec::new(), Vec::new())),
        ("no-tensors", Gguf::new(vec![architecture()], Vec::new())),
        ("version-2", version_2),
        (
            "numbers",
            with(
                numbers
                    .iter()
                    .map(|&(kind, width)| {
                        pair(&format!("number.{kind}"), Value::Raw(kind, vec![0x81; width]))
                    })
                    .collect(),
            ),
        ),
        ("arrays", with(arrays.collect())),
        (
            "empty-arrays",
            with(vec![
                pair("of.texts", empty_array(8)),
                pair("of.numbers", empty_array(4)),
            ]),
        ),
        (
            "vocabulary",
            with(vec![
                pair("tokenizer.ggml.model", Value::Text("gpt2".to_owned())),
                pair("tokenizer.ggml.tokens", Value::Texts(tokens)),
                pair("tokenizer.ggml.pre", Value::Text(String::new())),
            ]),
        ),
        ("alignment", with(vec![pair("general.alignment", Value::U32(64))])),
        ("types", Gguf::new(vec![architecture()], of_every_type.into())),
        (
            "shapes",
            Gguf::new(vec![architecture()], of_every_shape.collect()),
        ),
        ("first-shard", shard(0, Vec::new())),
        ("second-shard", shard(1, vec![weight("b")])),
        ("key-twice", with(vec![architecture()])),
        (
            "tensor-twice",
            Gguf::new(vec![architecture()], vec![weight("a"), weight("a")]),
        ),
        ("nested-array", with(vec![pair("deep", empty_array(9))])),
        (
            "not-utf-8",
            with(vec![pair(
                "text",
                Value::Raw(8, [&4_u64.to_le_bytes()[..], b"\xFF\xC3\0\xE2"].concat()),
            )]),
        ),
    ]
}

fn pair(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}
