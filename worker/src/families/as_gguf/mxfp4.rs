//! Experts of MXFP4: their numbers, and files that hold them as llama.cpp's `conversion/gpt_oss.py` writes them, of which candle
//! knows nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use candle_core::{Device, Result, Tensor};

/// ggml's number of the type.
const TYPE: u32 = 39;
/// Numbers of a block, and its bytes without the power.
const BLOCK: usize = 32;
const HALF: usize = 16;

/// What four bits stand for.
const NUMBERS: [f32; 16] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0,
];

/// The four bits of each of a block's numbers, as safetensors have them: neighbours in each byte, the first below.
fn bits(block: &[u8]) -> Vec<u8> {
    block.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect()
}

/// A layer's experts as safetensors have them.
struct Experts {
    /// Experts, rows and columns.
    shape: [usize; 3],
    blocks: Vec<u8>,
    powers: Vec<u8>,
}

/// Experts by the name that both of their tensors begin with.
fn experts(tensors: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Experts>> {
    let mut experts = BTreeMap::new();
    for (name, blocks) in tensors {
        let Some(name) = name.strip_suffix("_blocks") else {
            continue;
        };
        let (count, rows, blocks_of_row, _) = blocks.dims4()?;
        let of_layer = Experts {
            shape: [count, rows, blocks_of_row * BLOCK],
            blocks: blocks.flatten_all()?.to_vec1()?,
            powers: tensors[&format!("{name}_scales")].flatten_all()?.to_vec1()?,
        };
        experts.insert(name.to_owned(), of_layer);
    }
    Ok(experts)
}

/// The tensors, of which those of MXFP4 are plain numbers.
pub fn as_numbers(tensors: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let is_mxfp4 = |name: &str| name.ends_with("_blocks") || name.ends_with("_scales");
    let others = tensors.iter().filter(|(name, _)| !is_mxfp4(name));
    let mut all: BTreeMap<String, Tensor> = others
        .map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect();
    for (name, experts) in experts(tensors)? {
        let numbers = experts
            .blocks
            .chunks(HALF)
            .zip(experts.powers)
            .flat_map(|(block, power)| {
                let scale = (f32::from(power) - 127.0).exp2();
                bits(block)
                    .into_iter()
                    .map(move |bits| NUMBERS[usize::from(bits)] * scale)
            });
        all.insert(
            name,
            Tensor::from_vec(numbers.collect(), &experts.shape, &Device::Cpu)?,
        );
    }
    Ok(all)
}

/// The bytes of an expert's rows as ggml has them.
fn as_ggml(blocks: &[u8], powers: &[u8]) -> Vec<u8> {
    let block = |(block, power): (&[u8], &u8)| {
        let bits = bits(block);
        let both = (0..HALF).map(move |place| bits[place] | bits[place + HALF] << 4);
        std::iter::once(*power).chain(both).collect::<Vec<_>>()
    };
    blocks.chunks(HALF).zip(powers).flat_map(block).collect()
}

/// Puts experts of MXFP4 into a file in place of `experts`, which it has in 32 bits.
pub fn with_mxfp4(file: &Path, tensors: &BTreeMap<String, Tensor>) -> anyhow::Result<PathBuf> {
    let mut header = hearth_gguf::Header::open(file)?;
    let old = fs::read(file)?;
    let mut data: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, experts) in experts(tensors)? {
        let [count, rows, _] = experts.shape;
        let bytes = as_ggml(&experts.blocks, &experts.powers);
        let row = bytes.len() / (count * rows);
        let layer = name.split('.').nth(2).context("a layer's name")?;
        let every = |first: usize, step: usize| -> Vec<u8> {
            let those = bytes.chunks(row).enumerate();
            let those = those.filter(|(at, _)| at % step == first);
            those.flat_map(|(_, row)| row.to_vec()).collect()
        };
        if name.ends_with("down_proj") {
            data.insert(format!("blk.{layer}.ffn_down_exps.weight"), bytes.clone());
        } else {
            data.insert(format!("blk.{layer}.ffn_gate_exps.weight"), every(0, 2));
            data.insert(format!("blk.{layer}.ffn_up_exps.weight"), every(1, 2));
        }
    }
    let start = header.data_start as usize;
    let mut new = old[..start].to_vec();
    // Each tensor's record ends with its type and its place.
    header.tensors.sort_by_key(|tensor| tensor.offset);
    for tensor in &header.tensors {
        let name = [&(tensor.name.len() as u64).to_le_bytes(), tensor.name.as_bytes()].concat();
        let at = old[..start].windows(name.len()).rposition(|part| part == name);
        let end = at.context("a record")? + name.len() + 4 + 8 * tensor.shape.len();
        let offset = (new.len() - start) as u64;
        new[end + 4..end + 12].copy_from_slice(&offset.to_le_bytes());
        match data.remove(&tensor.name) {
            Some(bytes) => {
                new[end..end + 4].copy_from_slice(&TYPE.to_le_bytes());
                new.extend(bytes);
            }
            None => {
                let from = start + tensor.offset as usize;
                let bytes = tensor.bytes().context("a known type")? as usize;
                new.extend(&old[from..from + bytes]);
            }
        }
        new.resize(new.len().next_multiple_of(32), 0);
    }
    ensure!(data.is_empty(), "the file has no {:?}", data.keys());
    let path = file.with_file_name("model-MXFP4.gguf");
    fs::write(&path, new)?;
    Ok(path)
}
