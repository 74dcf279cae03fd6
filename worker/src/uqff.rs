//! Keeping a model that was quantised while it was read as UQFF, mistral.rs' own files, so that the next load has only to read.
//!
//! mistral.rs writes UQFF while it loads, with a second copy of the whole model in memory. This writes what lies in memory, a layer
//! at a time. The folder comes to be when it is whole: until then it has another name, and an end of any kind leaves at most that.

mod file;

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{CpuStorage, DType, Storage, Tensor};
use half::f16;
use hearth_engine::protocol::{Event, Fault, Quantisation, RequestId};
use hearth_safetensors::{self as plain, Files, RESIDUAL};
use mistralrs_quant::QuantMethod;
use tokio::sync::oneshot;

use crate::connection::Outbox;
use crate::fault::{first_line, last_panic};
use crate::weights::SharedPipeline;
use file::Writer;

/// Numbers of a plain tensor that are turned into bytes at once.
const PIECE: usize = 1 << 18;

/// What a model is made of, shared with the model.
pub struct Parts {
    /// In mistral.rs' order.
    layers: Vec<Arc<dyn QuantMethod>>,
    /// What is not quantised, by name.
    rest: Vec<(String, Tensor)>,
    source: Source,
}

/// What a model was made from.
pub struct Source {
    /// The files that it was read from.
    pub files: Files,
    /// What names of tensors have in them that mistral.rs does not hand out and needs
    /// ([`hearth_engine::support::safetensors::Class::left_out`]).
    pub left_out: Vec<&'static str>,
    /// What it was quantised to.
    pub level: Quantisation,
}

/// The parts of a model that was made from `source`; none where mistral.rs does not know them.
pub async fn parts(pipeline: SharedPipeline, source: Source) -> Option<Parts> {
    let take = move || {
        let mut pipeline = pipeline.blocking_lock();
        let asked = catch_unwind(AssertUnwindSafe(|| pipeline.uqff_parts()));
        let (layers, rest) = asked.ok()?;
        let parts = Parts { layers, rest, source };
        (!parts.layers.is_empty()).then_some(parts)
    };
    tokio::task::spawn_blocking(take).await.ok().flatten()
}

/// Writes the parts into `folder`; the event that ends it is returned, not sent.
///
/// # Errors
/// [`Fault::NotKept`].
pub async fn keep(
    id: RequestId,
    parts: Option<Arc<Parts>>,
    folder: PathBuf,
    outbox: &Outbox,
    mut cancelled: oneshot::Receiver<()>,
) -> Result<Event, Fault> {
    let refuse = |detail: &str| Fault::NotKept {
        detail: detail.to_owned(),
    };
    let parts = parts.ok_or_else(|| refuse("its files are taken as they are, or it has no such form"))?;
    let outbox = outbox.clone();
    let goes_on = move |fraction| {
        outbox.send(Event::Keeping { id, fraction });
        cancelled
            .try_recv()
            .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
    };
    let kept = tokio::task::spawn_blocking(move || {
        let beside = folder.with_extension("part");
        let written = parts.write(&beside, goes_on);
        let placed = written.and_then(|bytes| {
            remove(&folder)?;
            fs::rename(&beside, &folder)?;
            sync_folder(folder.parent())?;
            Ok(bytes)
        });
        if placed.is_err() {
            // What cannot be removed now is removed at the next start.
            let _ = remove(&beside);
        }
        placed
    });
    match kept.await {
        Ok(Ok(bytes)) => Ok(Event::Kept { id, bytes }),
        Ok(Err(error)) => Err(refuse(&first_line(&error.to_string()))),
        Err(_) => Err(refuse(&last_panic())),
    }
}

impl Parts {
    /// Writes all files of the model into a folder that is made anew, and onto the disk. `goes_on` is told how far that is, and says
    /// whether it is still wanted.
    ///
    /// # Errors
    /// The system's, and what has no form in UQFF.
    pub fn write(&self, folder: &Path, mut goes_on: impl FnMut(f32) -> bool) -> io::Result<u64> {
        remove(folder)?;
        fs::create_dir_all(folder)?;
        let all = self.layers.len() + self.rest.len();
        let mut done = 0;
        let mut step = || {
            done += 1;
            match goes_on(done as f32 / all as f32) {
                true => Ok(()),
                false => Err(io::Error::other("it was stopped")),
            }
        };
        let names: Vec<String> = (0..self.layers.len()).map(|number| number.to_string()).collect();
        let file = folder.join(format!("{}-0.uqff", name(self.source.level)));
        let mut writer = Writer::create(&file, names.iter().map(String::as_str))?;
        for (name, layer) in names.iter().zip(&self.layers) {
            if !layer.isq_serde_supported() {
                return Err(io::Error::other(format!("layer {name} has no form in UQFF")));
            }
            let bytes = layer.serialize().map_err(io::Error::other)?;
            // Lengths have 32 bits there.
            if u32::try_from(bytes.len()).is_err() {
                return Err(io::Error::other(format!("layer {name} is too large for UQFF")));
            }
            writer.add(name, "U8", &[bytes.len()], std::iter::once(&bytes))?;
            step()?;
        }
        let mut total = writer.finish()?;
        let missing = self.missing().map_err(io::Error::other)?;
        let names = self.rest.iter().map(|(name, _)| name.as_str());
        let names = names.chain(missing.iter().map(|(_, tensor, _)| tensor.name.as_str()));
        let mut writer = Writer::create(&folder.join(RESIDUAL), names)?;
        for (name, tensor) in &self.rest {
            add_plain(&mut writer, name, tensor).map_err(io::Error::other)?;
            step()?;
        }
        for (path, tensor, start) in &missing {
            copy_plain(&mut writer, path, tensor, *start)?;
        }
        total += writer.finish()?;
        for from in self.companions() {
            let mut to = fs::File::create(folder.join(from.file_name().unwrap_or_default()))?;
            total += io::copy(&mut fs::File::open(from)?, &mut to)?;
            to.sync_all()?;
        }
        sync_folder(Some(folder))?;
        Ok(total)
    }

    /// Tensors that the model needs and mistral.rs does not hand out: in which file of the source, which, and where.
    fn missing(&self) -> Result<Vec<(&PathBuf, plain::Tensor, u64)>, plain::Error> {
        let mut missing = Vec::new();
        let left_out = &self.source.left_out;
        if left_out.is_empty() {
            return Ok(missing);
        }
        for path in &self.source.files.weights {
            let (tensors, _) = plain::described(path)?;
            let wanted = |(tensor, _): &(plain::Tensor, u64)| {
                let is_needed = left_out.iter().any(|part| tensor.name.contains(part));
                is_needed && self.rest.iter().all(|(name, _)| *name != tensor.name)
            };
            let found = tensors.into_iter().filter(wanted);
            missing.extend(found.map(|(tensor, start)| (path, tensor, start)));
        }
        Ok(missing)
    }

    /// Files that are the same for every form of the model.
    fn companions(&self) -> impl Iterator<Item = &PathBuf> {
        let Files {
            config,
            tokenizer,
            tokenizer_config,
            template,
            generation_config,
            preprocessor_config,
            processor_config,
            ..
        } = &self.source.files;
        let others = [
            tokenizer_config,
            template,
            generation_config,
            preprocessor_config,
            processor_config,
        ];
        [config, tokenizer]
            .into_iter()
            .chain(others.into_iter().flatten())
    }
}

/// As mistral.rs names its files.
fn name(level: Quantisation) -> &'static str {
    match level {
        Quantisation::Q4K => "q4k",
        Quantisation::Q5K => "q5k",
        Quantisation::Q6K => "q6k",
        Quantisation::Q8_0 => "q8_0",
    }
}

/// Writes a tensor that is not quantised. The model holds 32 bits of each number, and its files had 16 as a rule: it is written in as
/// few as lose nothing.
fn add_plain(writer: &mut Writer, name: &str, tensor: &Tensor) -> candle_core::Result<()> {
    let shape = tensor.dims();
    let tensor = tensor.to_dtype(DType::F32)?.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(all)) = &*storage else {
        candle_core::bail!("{name} is not in this computer's own memory");
    };
    let numbers = &all[layout.start_offset()..layout.start_offset() + layout.shape().elem_count()];
    let pieces = numbers.chunks(PIECE);
    let is_short = |number: &f32| number.to_bits() & 0xffff == 0;
    let is_half = |number: &f32| f16::from_f32(*number).to_f32() == *number;
    let written = if numbers.iter().all(is_short) {
        let short = |number: &f32| ((number.to_bits() >> 16) as u16).to_le_bytes();
        writer.add(name, "BF16", shape, pieces.map(|piece| bytes(piece, short)))
    } else if numbers.iter().all(is_half) {
        let half = |number: &f32| f16::from_f32(*number).to_le_bytes();
        writer.add(name, "F16", shape, pieces.map(|piece| bytes(piece, half)))
    } else {
        let whole = |number: &f32| number.to_le_bytes();
        writer.add(name, "F32", shape, pieces.map(|piece| bytes(piece, whole)))
    };
    Ok(written?)
}

/// Copies a tensor that begins at `start` of a file.
fn copy_plain(writer: &mut Writer, path: &Path, tensor: &plain::Tensor, start: u64) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; usize::try_from(tensor.bytes).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    let dtype = serde_json::to_value(tensor.dtype)?;
    writer.add(
        &tensor.name,
        dtype.as_str().unwrap_or_default(),
        &tensor.shape,
        std::iter::once(bytes),
    )
}

fn bytes<const SIZE: usize>(numbers: &[f32], one: impl Fn(&f32) -> [u8; SIZE]) -> Vec<u8> {
    numbers.iter().flat_map(one).collect()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// That names are on the disk too. Windows has no such call: there the file system's journal has them.
fn sync_folder(folder: Option<&Path>) -> io::Result<()> {
    match folder {
        #[cfg(unix)]
        Some(folder) => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}
