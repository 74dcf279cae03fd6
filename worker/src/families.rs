//! Every family of models answers as transformers does: tiny models of each, with the numbers that `tests/families/golden.py`
//! computes in both, and what the reference said with them.

mod as_gguf;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use candle_core::quantized::GgmlDType;
use candle_core::{D, DType, Device, IndexOp, Result, Tensor};
use hearth_engine::protocol::Quantisation;
use hearth_engine::support;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::device::Placement;
use crate::reader::{PORTION, Reader};
use crate::weights;
use crate::{experts, matmul, mxfp4, preflight, quantise, uqff};

/// One at a time: they share the threads that compute.
static TURN: Mutex<()> = Mutex::new(());

macro_rules! families {
    ($kind:ident: $($name:ident),*) => {
        mod $kind {
            $(#[test]
            fn $name() -> anyhow::Result<()> {
                super::family(stringify!($name), &super::$kind)
            })*
        }
    };
    ($kind:ident, at $check:ident, when asked: $($name:ident),*) => {
        families!($kind: $($name),*);

        mod $check {
            $(#[test]
            #[ignore = "one of many: cargo xtask test --models"]
            fn $name() -> anyhow::Result<()> {
                super::family(stringify!($name), &super::$check)
            })*
        }
    };
}

families!(
    safetensors, at every_level, when asked:
    llama, mistral, mistral3, qwen2, qwen3, qwen3_moe, qwen3_5, qwen3_5_moe, gemma2, gemma3, gemma3_text, phi3, phi4_mini,
    smollm3, glm4, deepseek2, granitemoehybrid, granitemoehybrid_dense, starcoder2, gpt_oss, gemma4, gemma4_moe
);
families!(
    gguf, at every_kind, when asked:
    llama, llama_yarn, mistral3, qwen2, qwen3, qwen3_moe, qwen3_5, qwen3_5_moe, gemma2, gemma3, gemma3_text, phi3, phi4_mini,
    smollm3, glm4, deepseek2, granite, granitemoehybrid, granitemoehybrid_dense, starcoder2, gpt_oss, gemma4, gemma4_moe
);

/// What the engine would answer wrongly is refused before its weights are read.
#[test]
fn families_that_it_does_not_follow_are_refused() -> anyhow::Result<()> {
    for (name, words) in [
        ("llama_yarn", "stretched in a way (“yarn”)"),
        (
            "granite",
            "“GraniteForCausalLM”, does not run, because mistral.rs 0.8.1 has no loader",
        ),
    ] {
        family(name, &|_, golden, tensors, folder| {
            let files = write_safetensors(golden, tensors, folder)?;
            let refusal = preflight::check(&files).err().map(|fault| fault.to_string());
            ensure!(
                refusal.is_some_and(|refusal| refusal.contains(words)),
                "{name} is taken"
            );
            Ok(())
        })?;
    }
    Ok(())
}

/// Since its version 5 transformers writes both in one value.
#[test]
fn positions_are_read_as_transformers_5_writes_them() -> anyhow::Result<()> {
    for name in ["llama", "mistral", "qwen3"] {
        family(name, &|_, golden, tensors, folder| {
            let mut golden = golden.clone();
            let config = &mut golden["config"];
            let mut parameters = match config["rope_scaling"].take() {
                Value::Null => json!({ "rope_type": "default" }),
                scaling => scaling,
            };
            parameters["rope_theta"] = config["rope_theta"].take();
            config["rope_parameters"] = parameters;
            compare(&golden, &write_safetensors(&golden, tensors, folder)?)
        })?;
    }
    Ok(())
}

/// A window slides, and states that do not grow go on, however a text comes: in one piece, in portions, token by token, with some
/// taken back. It is longer than what a cache keeps before and behind a window.
#[test]
fn a_long_text_is_read_in_parts_as_in_one_piece() -> anyhow::Result<()> {
    const TOKENS: usize = 1500;
    for name in [
        "gemma2",
        "gemma3_text",
        "gemma4",
        "gpt_oss",
        "mistral",
        "qwen3_5",
        "starcoder2",
    ] {
        family(name, &|_, golden, tensors, folder| {
            let mut model = load(&write_safetensors(golden, tensors, folder)?, None)?;
            let prompt: Vec<u32> = numbers(&golden["prompt"]);
            let text: Vec<u32> = prompt.into_iter().cycle().take(TOKENS).collect();
            let whole = model.pass(&text, 1)?.i(0)?;
            model.forget()?;
            let (portions, rest) = text.split_at(900);
            for portion in portions.chunks(PORTION) {
                model.pass(portion, 1)?;
            }
            let (one_by_one, rest) = rest.split_at(40);
            for token in one_by_one.chunks(1) {
                model.pass(token, 1)?;
            }
            if model.rewinds() {
                let read = model.read().len();
                model.pass(&rest[..9], 9)?;
                model.rewind(read)?;
            }
            let mut logits = whole.clone();
            for portion in rest.chunks(PORTION) {
                logits = model.pass(portion, 1)?.i(0)?;
            }
            let furthest = (logits - whole)?.abs()?.max_all()?.to_scalar::<f32>()?;
            ensure!(furthest < ROUNDING, "of {name}, a logit is {furthest} away");
            Ok(())
        })?;
    }
    Ok(())
}

/// Most that a logit may be away from the reference's, which has 32 bits where the cache here keeps 16.
const ROUNDING: f32 = 0.02;
/// The same, on the average over all, for weights of eight bits: 0.080 at most, of Qwen 3.5 with AVX2, where other activations tip
/// over than with AVX-512.
const EIGHT_BITS: f32 = 0.09;

/// How far the logits of these small models may be away on the average at each level. Their rows are too short for the K types,
/// and the simpler ones of as many bits take their place (`get_quantization_behaviour` in mistralrs-quant's `utils/isq.rs`).
const LEVELS: [(Quantisation, f32); 4] = [
    (Quantisation::Q8_0, EIGHT_BITS),
    (Quantisation::Q6K, 0.25),
    (Quantisation::Q5K, 0.25),
    (Quantisation::Q4K, 0.4),
];
/// The same below eight bits for a mixture, where a token may be given to another expert, whatever multiplies, and for linear
/// attention, whose states carry on what was rounded: as far as files of blocks of so many bits are away (`KINDS`).
const CARRIED_ON: f32 = 0.6;
/// How far a prompt read in two parts may be from the whole, on the average over all: activations are taken to eight bits, and
/// the least difference tips one over to the next of 127 steps.
const TIPPED_OVER: f32 = 0.04;

/// The same for files of the kinds that have blocks of 32.
const KINDS: [(GgmlDType, f32); 5] = [
    (GgmlDType::Q8_0, EIGHT_BITS),
    (GgmlDType::Q5_1, 0.6),
    (GgmlDType::Q5_0, 0.6),
    (GgmlDType::Q4_1, 0.6),
    (GgmlDType::Q4_0, 0.6),
];

/// Compares what is said by a model in a folder.
type Compare<'a> = &'a dyn Fn(&str, &Value, &BTreeMap<String, Tensor>, &Path) -> anyhow::Result<()>;

fn family(name: &str, compare: Compare<'_>) -> anyhow::Result<()> {
    let _turn = TURN.lock();
    matmul::install();
    experts::install();
    mxfp4::install();
    quantise::install();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/families");
    let golden: Value = serde_json::from_slice(&fs::read(shared.join(format!("{name}.json")))?)?;
    let folder = std::env::temp_dir().join(format!("hearth-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        fs::copy(shared.join(file), folder.join(file))?;
    }
    let compared = tensors(&golden).and_then(|tensors| compare(name, &golden, &tensors, &folder));
    fs::remove_dir_all(&folder)?;
    compared
}

fn safetensors(
    _: &str,
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<()> {
    let files = write_safetensors(golden, tensors, folder)?;
    // Experts that come quantised multiply activations of eight bits; the class itself is compared as GGUF, where they do not.
    if !tensors.values().any(|tensor| tensor.dtype() == DType::U8) {
        compare(golden, &files)?;
    }
    let logits = roughly(golden, load(&files, Some(Quantisation::Q8_0))?)?;
    let Some(kept) = keep(&files, Quantisation::Q8_0, &folder.join("kept"))? else {
        return Ok(());
    };
    let again = load(&kept, None)?.pass(&numbers(&golden["prompt"]), 1)?.i(0)?;
    let furthest = (again - logits)?.abs()?.max_all()?.to_scalar::<f32>()?;
    ensure!(
        furthest < 1e-4,
        "kept as UQFF, a logit is {furthest} away from what it was"
    );
    Ok(())
}

/// Compares what a quantised model says, and returns it.
fn roughly(golden: &Value, mut quantised: Reader) -> anyhow::Result<Tensor> {
    let logits = quantised.pass(&numbers(&golden["prompt"]), 1)?.i(0)?;
    let away = root_mean_square(&apart(&logits, &golden["logits"])?)?;
    ensure!(away < EIGHT_BITS, "quantised, logits are {away} away");
    Ok(logits)
}

/// Quantises a model, keeps it as UQFF in a folder, and says the files; none where the engine does not read it so.
fn keep(files: &[PathBuf], level: Quantisation, folder: &Path) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let checked = preflight::check(files)?;
    let Some(source) = checked.source(level) else {
        return Ok(None);
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let parts = runtime.block_on(async {
        let placement = Placement::of(Device::Cpu, None)?;
        let pipeline = weights::read(files.to_vec(), &checked, Some(level), &placement)?;
        let parts = uqff::parts(pipeline, source).await;
        parts.context("it has no form in UQFF")
    })?;
    parts.write(folder, |_| true)?;
    let kept = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    kept.collect::<anyhow::Result<_>>().map(Some)
}

/// At every level the model stays near the reference, and says the same when it is read in two parts and when drafts are taken
/// back.
fn every_level(
    name: &str,
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<()> {
    let files = write_safetensors(golden, tensors, folder)?;
    let prompt: Vec<u32> = numbers(&golden["prompt"]);
    for (level, most) in LEVELS {
        let mut model = load(&files, Some(level))?;
        let logits = model.pass(&prompt, 1)?.i(0)?;
        let away = root_mean_square(&apart(&logits, &golden["logits"])?)?;
        println!("{name} at {}: {away}", level.name());
        let carries_on = name.ends_with("moe") || ["gpt_oss", "granitemoehybrid", "qwen3_5"].contains(&name);
        let most = match level {
            Quantisation::Q8_0 => most,
            _ if carries_on => CARRIED_ON,
            _ => most,
        };
        ensure!(away < most, "at {}, logits are {away} away", level.name());
        if !model.goes_on() {
            continue;
        }
        let parts = in_parts(&mut model, &prompt)?;
        let away = root_mean_square(&(parts - logits)?)?;
        ensure!(
            away < TIPPED_OVER,
            "at {}, parts are {away} away from the whole",
            level.name()
        );
    }
    Ok(())
}

fn root_mean_square(numbers: &Tensor) -> Result<f32> {
    numbers.sqr()?.mean_all()?.sqrt()?.to_scalar()
}

/// GGUF's name of a family's architecture.
fn architecture(name: &str) -> &str {
    match name {
        "qwen3_moe" => "qwen3moe",
        "qwen3_5" => "qwen35",
        "qwen3_5_moe" => "qwen35moe",
        "llama_yarn" => "llama",
        "gemma3_text" => "gemma3",
        "gemma4_moe" => "gemma4",
        "phi4_mini" => "phi3",
        "granitemoehybrid" => "granitehybrid",
        "granitemoehybrid_dense" => "granite",
        "gpt_oss" => "gpt-oss",
        name => name,
    }
}

fn gguf(name: &str, golden: &Value, tensors: &BTreeMap<String, Tensor>, folder: &Path) -> anyhow::Result<()> {
    let architecture = architecture(name);
    let write = |kind| as_gguf::write(architecture, kind, golden, tensors, folder);
    compare(golden, &[write(GgmlDType::F32)?])?;
    if support::class(architecture).is_some() {
        // Numbers of 16 bits stay as they are.
        compare(golden, &[write(GgmlDType::F16)?])?;
        roughly(golden, load(&[write(GgmlDType::BF16)?], None)?)?;
    }
    roughly(golden, load(&[write(GgmlDType::Q8_0)?], None)?)?;
    if support::experts_of_mxfp4(architecture) {
        let file = as_gguf::with_mxfp4(&write(GgmlDType::F32)?, tensors)?;
        roughly(golden, load(&[file], None)?)?;
    }
    Ok(())
}

/// With the kinds of quantisation that such short rows have, each file near the reference.
fn every_kind(
    name: &str,
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<()> {
    for (kind, most) in KINDS {
        let file = as_gguf::write(architecture(name), kind, golden, tensors, folder)?;
        let logits = load(&[file], None)?.pass(&numbers(&golden["prompt"]), 1)?.i(0)?;
        let away = root_mean_square(&apart(&logits, &golden["logits"])?)?;
        println!("{name} as {kind:?}: {away}");
        ensure!(away < most, "as {kind:?}, logits are {away} away");
    }
    Ok(())
}

fn compare(golden: &Value, files: &[PathBuf]) -> anyhow::Result<()> {
    let runs = golden["more"].as_array().into_iter().flatten();
    let mut model = load(files, None)?;
    for run in std::iter::once(golden).chain(runs) {
        let (prompt, greedy) = (numbers(&run["prompt"]), numbers::<u32>(&run["greedy"]));
        let logits = model.pass(&prompt, 1)?.i(0)?;
        let furthest = apart(&logits, &run["logits"])?
            .abs()?
            .max_all()?
            .to_scalar::<f32>()?;
        ensure!(
            furthest < ROUNDING,
            "a logit after {} tokens is {furthest} away",
            prompt.len()
        );
        let said = continued(&mut model, logits, greedy.len())?;
        ensure!(said == greedy, "{said:?} is said, and not {greedy:?}");
        model.forget()?;
        if model.goes_on() {
            let logits = in_parts(&mut model, &prompt)?;
            let furthest = apart(&logits, &run["logits"])?
                .abs()?
                .max_all()?
                .to_scalar::<f32>()?;
            ensure!(
                furthest < ROUNDING,
                "read in two parts, a logit is {furthest} away"
            );
            model.forget()?;
        }
    }
    Ok(())
}

/// The logits after a prompt that is read as prompts are in portions, and drafts taken back.
fn in_parts(model: &mut Reader, prompt: &[u32]) -> Result<Tensor> {
    model.forget()?;
    let (first, second) = prompt.split_at(prompt.len() / 2);
    model.pass(first, 1)?;
    model.remember()?;
    model.pass(second, 1)?;
    let rest = model.rewind_to(first)?;
    let again = [rest, second].concat();
    model.pass(&again, again.len())?.i(again.len() - 1)
}

fn load(files: &[PathBuf], quantisation: Option<Quantisation>) -> anyhow::Result<Reader> {
    let checked = preflight::check(files)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let _within = runtime.enter();
    Ok(Reader::new(weights::read(
        files.to_vec(),
        &checked,
        quantisation,
        &Placement::of(Device::Cpu, None)?,
    )?)?)
}

/// The tokens that the model says, of which these logits are the first's.
fn continued(reader: &mut Reader, mut logits: Tensor, length: usize) -> Result<Vec<u32>> {
    let mut said = Vec::new();
    loop {
        said.push(logits.argmax(D::Minus1)?.to_scalar()?);
        if said.len() == length {
            return Ok(said);
        }
        logits = reader.pass(&said[said.len() - 1..], 1)?.i(0)?;
    }
}

fn apart(logits: &Tensor, reference: &Value) -> Result<Tensor> {
    let reference: Vec<f32> = numbers::<f64>(reference)
        .into_iter()
        .map(|number| number as f32)
        .collect();
    logits.to_dtype(DType::F32)? - Tensor::new(reference, &Device::Cpu)?
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

fn tensors(golden: &Value) -> anyhow::Result<BTreeMap<String, Tensor>> {
    let mut tensors = BTreeMap::new();
    for tensor in golden["tensors"].as_array().into_iter().flatten() {
        let (name, shape) = (
            tensor[0].as_str().unwrap_or_default(),
            numbers::<usize>(&tensor[1]),
        );
        let kind = if tensor[2] == "u8" { DType::U8 } else { DType::BF16 };
        tensors.insert(name.to_owned(), weights_of(golden, name, &shape, kind)?);
    }
    Ok(tensors)
}

fn write_safetensors(
    golden: &Value,
    tensors: &BTreeMap<String, Tensor>,
    folder: &Path,
) -> anyhow::Result<Vec<PathBuf>> {
    fs::write(folder.join("config.json"), golden["config"].to_string())?;
    let by_name: HashMap<&str, Tensor> = (tensors.iter())
        .map(|(name, tensor)| (name.as_str(), tensor.clone()))
        .collect();
    candle_core::safetensors::save(&by_name, folder.join("model.safetensors"))?;
    let files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    files.collect()
}

/// The numbers of a tensor, as `golden.py` says.
fn weights_of(golden: &Value, name: &str, shape: &[usize], kind: DType) -> Result<Tensor> {
    const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
    let (centre, spread) = centre_and_spread(golden, name, shape);
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    let seed = golden["seed"].as_u64().unwrap_or_default();
    let state = hash ^ seed.wrapping_mul(GAMMA);
    let number = |place: u64| {
        let mut z = state.wrapping_add((place + 1).wrapping_mul(GAMMA));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let u = (z >> 40) as f64 / f64::from(1 << 23) - 1.0;
        (centre + spread * u) as f32
    };
    let count: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..count as u64).map(number).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu)?.to_dtype(kind)
}

fn centre_and_spread(golden: &Value, name: &str, shape: &[usize]) -> (f64, f64) {
    for rule in golden["values"].as_array().into_iter().flatten() {
        if rule[0].as_str().is_some_and(|suffix| name.ends_with(suffix)) {
            return (
                rule[1].as_f64().unwrap_or_default(),
                rule[2].as_f64().unwrap_or_default(),
            );
        }
    }
    match shape {
        [_, .., last] => (0.0, (3.0 / *last as f64).sqrt()),
        _ if name.contains("norm") && name.ends_with("weight") => (1.0, 0.25),
        _ => (0.0, 0.25),
    }
}
