//! The weights of a GGUF file, by the names that a transformers' class asks for them.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{Device, Result, Tensor, bail};
use mistralrs_quant::{LayerSource, QuantMethod, Shard};

use super::files::Files;
use super::places::{Change, Exchanged, Place, Places};
use super::{experts, layer};

const TABLE: &str = "token_embd.weight";

/// What sees, of which the file has nothing and the class no use.
const EYES: [&str; 3] = ["model.visual.", "model.vision_tower.", "model.embed_vision."];

fn sees(name: &str) -> bool {
    EYES.iter().any(|eyes| name.starts_with(eyes))
}

/// Open files, and where in them everything lies.
pub struct Source {
    files: Files,
    places: Places,
    /// Kept, for the output may be the same.
    table: OnceLock<Arc<QTensor>>,
}

impl Source {
    /// Around files.
    pub fn new(files: Files, places: Places) -> Self {
        Self {
            files,
            places,
            table: OnceLock::new(),
        }
    }

    fn embeddings(&self, device: &Device) -> Result<Arc<QTensor>> {
        if let Some(table) = self.table.get() {
            return Ok(table.clone());
        }
        let table = Arc::new(self.files.read(TABLE, device)?);
        Ok(self.table.get_or_init(|| table).clone())
    }

    /// The rows of a matrix that are asked for, in the class's order.
    fn matrix(&self, place: &Place, shape: &[usize], shard: Shard, device: &Device) -> Result<Arc<QTensor>> {
        let name = format!("{}.weight", place.name);
        if place.name == "output" && !self.files.has(&name) {
            check(TABLE, self.files.shape(TABLE), shape)?;
            return self.embeddings(device);
        }
        if place.name.ends_with(".attn_kv_b") && !self.files.has(&name) {
            return on(&self.joined(&place.name, shape)?, device).map(Arc::new);
        }
        check(&name, self.files.shape(&name), shape)?;
        let read = |device: &Device| self.files.read(&name, device);
        if let Some(rows) = place.rows {
            let ordered = reordered(&read(&Device::Cpu)?, rows, device)?;
            self.files.let_go(&name);
            return Ok(Arc::new(ordered));
        }
        match shard {
            Shard::Simple { world_size: 1, .. } => read(device).map(Arc::new),
            Shard::Simple {
                dim: 0,
                rank,
                world_size,
            } => part(&read(&Device::Cpu)?, rank, world_size, device).map(Arc::new),
            _ => bail!("{name} is asked for in parts that are none of its rows"),
        }
    }

    /// Keys and values from what is compressed, of which llama.cpp keeps each apart, and the keys' turned round: numbers that
    /// lie along other rows than they were quantised along. With the quantisation of eight bits no more is lost.
    fn joined(&self, name: &str, shape: &[usize]) -> Result<QTensor> {
        let names =
            ["attn_k_b", "attn_v_b"].map(|part| format!("{}.weight", name.replace("attn_kv_b", part)));
        let read = |name: &str| self.files.read(name, &Device::Cpu);
        let (keys, values) = (read(&names[0])?, read(&names[1])?);
        let kind = match keys.dtype() {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => GgmlDType::F32,
            _ => GgmlDType::Q8_0,
        };
        let numbers = |tensor: &QTensor| tensor.dequantize(&Device::Cpu);
        let keys = numbers(&keys)?.transpose(1, 2)?;
        let joined = Tensor::cat(&[keys, numbers(&values)?], 1)?.flatten(0, 1)?;
        for name in &names {
            self.files.let_go(name);
        }
        check(name, Some(joined.dims()), shape)?;
        QTensor::quantize(&joined, kind)
    }

    fn bias(&self, place: &Place, device: &Device) -> Result<Option<Tensor>> {
        let name = format!("{}.bias", place.name);
        if !self.files.has(&name) {
            return Ok(None);
        }
        let bias = self.files.numbers(&name)?;
        let bias = match place.rows {
            Some(rows) => in_order(&bias, rows)?,
            None => bias,
        };
        bias.to_device(device).map(Some)
    }

    /// The name in the file of one that a class gives a tensor.
    fn place(&self, name: &str, rows: usize) -> Option<Place> {
        let (layer, end) = match name.rsplit_once('.') {
            Some((layer, end @ ("weight" | "bias"))) => (layer, format!(".{end}")),
            _ => (name, String::new()),
        };
        let place = self.places.find(layer, rows)?;
        Some(Place {
            name: place.name.clone() + &end,
            ..place
        })
    }
}

impl LayerSource for Source {
    fn layer(
        &self,
        name: &str,
        shape: &[usize],
        shard: Shard,
        device: &Device,
    ) -> Result<Option<Arc<dyn QuantMethod>>> {
        let rows = shape.first().copied().unwrap_or(0);
        let Some(place) = self.places.find(name, rows) else {
            return Ok(None);
        };
        if let &[experts, rows, columns] = shape {
            let names: Vec<String> = [Some(place.name), place.second].into_iter().flatten().collect();
            return experts::layer(&self.files, &names, [experts, rows, columns], device).map(Some);
        }
        let Some(second) = &place.second else {
            let matrix = self.matrix(&place, shape, shard, device)?;
            return layer::of(matrix, self.bias(&place, device)?, place.columns).map(Some);
        };
        let half = [rows / 2, shape.last().copied().unwrap_or(0)];
        let of = |name: &str| {
            let name = format!("{name}.weight");
            check(&name, self.files.shape(&name), &half)?;
            layer::of(Arc::new(self.files.read(&name, device)?), None, None)
        };
        Ok(Some(layer::both(of(&place.name)?, of(second)?)))
    }

    fn table(&self, name: &str, shape: &[usize], device: &Device) -> Result<Option<Arc<QTensor>>> {
        let Some(place) = self.places.find(name, 0) else {
            return Ok(None);
        };
        let table = format!("{}.weight", place.name);
        check(&table, self.files.shape(&table), shape)?;
        match table == TABLE {
            true => self.embeddings(device).map(Some),
            false => Ok(Some(Arc::new(self.files.read(&table, device)?))),
        }
    }

    fn numbers(&self, name: &str, shape: Option<&[usize]>) -> Result<Tensor> {
        if let Some(shape) = shape.filter(|_| sees(name)) {
            return Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu);
        }
        let Some(place) = self.place(name, 0) else {
            bail!("the model needs {name}, which its file has no place for");
        };
        let mut numbers = self.files.numbers(&place.name)?;
        if let Some(shape) = shape {
            let sides = |shape: &[usize]| {
                shape
                    .iter()
                    .copied()
                    .filter(|side| *side != 1)
                    .collect::<Vec<_>>()
            };
            let is_flattened = shape == [numbers.elem_count()];
            if !is_flattened && sides(numbers.dims()) != sides(shape) {
                check(&place.name, Some(numbers.dims()), shape)?;
            }
            numbers = numbers.reshape(shape)?;
        }
        if let Some(rows) = place.rows {
            numbers = in_order(&numbers, rows)?;
        }
        match place.change {
            Change::None => Ok(numbers),
            Change::PlusOne => numbers - 1.0,
            Change::NegatedExponential => numbers.neg()?.log(),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.place(name, 0)
            .is_some_and(|place| self.files.has(&place.name))
    }
}

/// Whether a tensor has the sides that are needed.
///
/// # Errors
/// When it has not, or there is none.
pub fn check(name: &str, found: Option<&[usize]>, wanted: &[usize]) -> Result<()> {
    match found {
        Some(found) if found == wanted => Ok(()),
        Some(found) => bail!("its tensor {name} is {found:?} where {wanted:?} is needed"),
        None => bail!("it has no tensor {name}, which the model needs"),
    }
}

/// Numbers whose rows are in the class's order.
fn in_order(numbers: &Tensor, rows: Exchanged) -> Result<Tensor> {
    if numbers.dim(0)? != rows.rows() {
        bail!("{} rows cannot be heads of {rows:?}", numbers.dim(0)?);
    }
    numbers.index_select(&Tensor::new(rows.order(), &Device::Cpu)?, 0)
}

/// A matrix whose rows are in the class's order.
fn reordered(matrix: &QTensor, rows: Exchanged, device: &Device) -> Result<QTensor> {
    let (count, columns) = matrix.shape().dims2()?;
    if count != rows.rows() {
        bail!("{count} rows cannot be heads of {rows:?}");
    }
    let data = matrix.data()?;
    let bytes = data.len() / count;
    let mut ordered = Vec::with_capacity(data.len());
    for row in rows.order() {
        let start = row as usize * bytes;
        ordered.extend_from_slice(&data[start..start + bytes]);
    }
    of_bytes(&ordered, matrix.dtype(), (count, columns), device)
}

/// One of so many equal parts of a matrix's rows.
fn part(matrix: &QTensor, rank: usize, parts: usize, device: &Device) -> Result<QTensor> {
    let (count, columns) = matrix.shape().dims2()?;
    if !count.is_multiple_of(parts) {
        bail!("{count} rows do not fall into {parts} equal parts");
    }
    let data = matrix.data()?;
    let bytes = data.len() / parts;
    of_bytes(
        &data[rank * bytes..(rank + 1) * bytes],
        matrix.dtype(),
        (count / parts, columns),
        device,
    )
}

/// The same matrix on a device.
fn on(matrix: &QTensor, device: &Device) -> Result<QTensor> {
    of_bytes(&matrix.data()?, matrix.dtype(), matrix.shape().dims2()?, device)
}

/// A tensor of a file's bytes.
///
/// # Errors
/// candle's.
pub fn of_bytes(
    bytes: &[u8],
    kind: GgmlDType,
    shape: impl Into<candle_core::Shape>,
    device: &Device,
) -> Result<QTensor> {
    let storage = QStorage::from_data(Cow::Borrowed(bytes), device, kind)?;
    QTensor::new(storage, shape)
}
