//! A GGUF file as the system maps it, and its tensors where they lie: nothing is copied, and what is in the system's cache is not
//! read again. Our kernels work on the blocks of files (`hearth_matmul`).
//!
//! Who shortens a file while its model answers ends the worker, which the app then says; who writes into it gets nonsense for an
//! answer.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use candle_core::quantized::gguf_file::TensorInfo;
use candle_core::quantized::k_quants::{self, GgmlType};
use candle_core::quantized::{GgmlDType, QStorage, QTensor, QuantizedType};
use candle_core::{CpuStorage, Device, Result, bail};
use half::{bf16, f16};
use memmap2::Mmap;
use mistralrs_core::{GGUF_WEIGHTS, GgufWeights};
use rayon::prelude::*;

/// Bytes that one thread brings into memory at a time.
const PIECE: usize = 4 << 20;

/// At most as much as any system's.
const PAGE: usize = 4096;

/// Has mistral.rs take the weights of GGUF files from here (`patches/mistralrs-core/weights.patch`).
pub fn install() {
    let open = |path: &Path| MappedFile::open(path).map(|file| Arc::new(file) as Arc<dyn GgufWeights>);
    // Set before, it is set to the same.
    let _ = GGUF_WEIGHTS.set(open);
}

/// An open file.
pub struct MappedFile(Arc<Mmap>);

impl MappedFile {
    /// # Errors
    /// The system's.
    #[allow(unsafe_code, reason = "the file may change, as said above")]
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: what is read of it are numbers, of which any bytes are some, and texts, which are looked through; none is held to
        // be as it was before.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Self(Arc::new(map)))
    }

    /// Bytes of all of it.
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// Some of its bytes; none where it is shorter.
    pub fn bytes(&self, start: u64, length: usize) -> Option<&[u8]> {
        let start = usize::try_from(start).ok()?;
        self.0.get(start..start.checked_add(length)?)
    }

    /// Lets go of what some bytes take in memory: what was made of them lies elsewhere. Asked for again, they are there.
    #[cfg(unix)]
    #[allow(unsafe_code, reason = "pages of a file may be dropped")]
    pub fn let_go(&self, start: u64, length: usize) {
        if self.bytes(start, length).is_none() {
            return;
        }
        let start = start as usize;
        // SAFETY: nothing is written to the map, so that what is dropped is in the file. Where it fails, memory is held for longer.
        let _ = unsafe {
            self.0
                .unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length)
        };
    }

    /// Elsewhere the system takes it back by itself.
    #[cfg(not(unix))]
    pub fn let_go(&self, _: u64, _: usize) {}

    /// Blocks of a kind where they lie, or none where no number of their width may.
    fn blocks<T: GgmlType + 'static>(&self, start: usize, bytes: usize) -> Option<QStorage> {
        let first = self.0.get(start..)?.as_ptr().cast::<T>();
        let blocks = Blocks::<T> {
            map: self.0.clone(),
            start,
            count: bytes / size_of::<T>(),
            kind: PhantomData,
        };
        first.is_aligned().then(|| QStorage::Cpu(Box::new(blocks)))
    }
}

impl GgufWeights for MappedFile {
    fn tensor(&self, info: &TensorInfo, data_start: u64, device: &Device) -> Result<Option<QTensor>> {
        let weights = info.shape.elem_count();
        let (of_block, block) = (info.ggml_dtype.block_size(), info.ggml_dtype.type_size());
        let length = weights / of_block * block;
        let start = data_start.saturating_add(info.offset);
        let Some(bytes) = self
            .bytes(start, length)
            .filter(|_| weights.is_multiple_of(of_block))
        else {
            return Ok(None);
        };
        bring(&self.0, bytes);
        if !device.is_cpu() {
            let storage = QStorage::from_data(Cow::Borrowed(bytes), device, info.ggml_dtype)?;
            self.let_go(start, length);
            return QTensor::new(storage, info.shape.clone()).map(Some);
        }
        // No file is longer than memory's addresses reach.
        let start = start as usize;
        let storage = match info.ggml_dtype {
            GgmlDType::F32 => self.blocks::<f32>(start, length),
            GgmlDType::F16 => self.blocks::<f16>(start, length),
            GgmlDType::BF16 => self.blocks::<bf16>(start, length),
            GgmlDType::Q4_0 => self.blocks::<k_quants::BlockQ4_0>(start, length),
            GgmlDType::Q4_1 => self.blocks::<k_quants::BlockQ4_1>(start, length),
            GgmlDType::Q5_0 => self.blocks::<k_quants::BlockQ5_0>(start, length),
            GgmlDType::Q5_1 => self.blocks::<k_quants::BlockQ5_1>(start, length),
            GgmlDType::Q8_0 => self.blocks::<k_quants::BlockQ8_0>(start, length),
            GgmlDType::Q2K => self.blocks::<k_quants::BlockQ2K>(start, length),
            GgmlDType::Q3K => self.blocks::<k_quants::BlockQ3K>(start, length),
            GgmlDType::Q4K => self.blocks::<k_quants::BlockQ4K>(start, length),
            GgmlDType::Q5K => self.blocks::<k_quants::BlockQ5K>(start, length),
            GgmlDType::Q6K => self.blocks::<k_quants::BlockQ6K>(start, length),
            _ => None,
        };
        storage
            .map(|storage| QTensor::new(storage, info.shape.clone()))
            .transpose()
    }
}

/// Has the system read what is not in memory yet, so that the first reply does not wait for it.
fn bring(map: &Mmap, bytes: &[u8]) {
    bytes.par_chunks(PIECE).for_each(|piece| {
        if !is_brought(map, piece) {
            let touched = piece.iter().step_by(PAGE).fold(0_u8, |all, byte| all ^ byte);
            std::hint::black_box(touched);
        }
    });
}

/// Asks for some of a map at once; false where the system cannot be asked.
#[cfg(target_os = "linux")]
fn is_brought(map: &Mmap, piece: &[u8]) -> bool {
    let start = piece.as_ptr().addr() - map.as_ptr().addr();
    map.advise_range(memmap2::Advice::PopulateRead, start, piece.len())
        .is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_brought(_: &Mmap, _: &[u8]) -> bool {
    false
}

/// A tensor's blocks.
struct Blocks<T> {
    map: Arc<Mmap>,
    /// Bytes before them, and how many they are: within the map, and aligned as blocks are.
    start: usize,
    count: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T: GgmlType> Blocks<T> {
    #[allow(unsafe_code, reason = "bytes of a file are blocks")]
    fn slice(&self) -> &[T] {
        let bytes = &self.map[self.start..self.start + self.count * size_of::<T>()];
        // SAFETY: so many bytes are there, aligned as was asked before; blocks are numbers and arrays of numbers, for which all
        // bytes are valid; the map lives as long as this.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), self.count) }
    }
}

impl<T: GgmlType> QuantizedType for Blocks<T> {
    fn dtype(&self) -> GgmlDType {
        T::DTYPE
    }

    fn matmul_t(&self, mkn: (usize, usize, usize), lhs: &[f32], dst: &mut [f32]) -> Result<()> {
        k_quants::matmul(mkn, lhs, self.slice(), dst)
    }

    fn matmul_t_f16(&self, mkn: (usize, usize, usize), lhs: &[f16], dst: &mut [f16]) -> Result<()> {
        k_quants::matmul_f16(mkn, lhs, self.slice(), dst)
    }

    fn embedding(&self, ids: &[u32], rows: usize, hidden: usize) -> Result<CpuStorage> {
        let of_row = hidden / T::BLCK_SIZE;
        if !hidden.is_multiple_of(T::BLCK_SIZE) || self.count != rows.saturating_mul(of_row) {
            bail!(
                "a table of {rows} rows of {hidden} numbers has not {} blocks",
                self.count
            );
        }
        let mut out = vec![0.0; ids.len() * hidden];
        for (id, out) in ids.iter().zip(out.chunks_mut(hidden.max(1))) {
            let row = *id as usize;
            if row >= rows {
                bail!("token {row} is none of {rows}");
            }
            T::to_float(&self.slice()[row * of_row..][..of_row], out);
        }
        Ok(CpuStorage::F32(out))
    }

    fn dequantize(&self, count: usize) -> Result<CpuStorage> {
        let mut numbers = vec![0.0; count];
        T::to_float(self.slice(), &mut numbers);
        Ok(CpuStorage::F32(numbers))
    }

    fn storage_size_in_bytes(&self) -> usize {
        self.count * size_of::<T>()
    }

    fn as_ptr(&self) -> *const u8 {
        self.slice().as_ptr().cast()
    }

    fn block_size(&self) -> usize {
        T::BLCK_SIZE
    }

    // Only what is quantised anew is written to, never what lies in a file.
    fn from_float(&mut self, _: &[f32]) {}

    fn from_float_imatrix(&mut self, _: &[f32], _: &[f32], _: usize) {}

    fn size(&self) -> usize {
        self.storage_size_in_bytes()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::gguf_file::{self, Content};
    use candle_core::{DType, Tensor};

    use super::*;

    const KINDS: [GgmlDType; 8] = [
        GgmlDType::F32,
        GgmlDType::F16,
        GgmlDType::Q4_0,
        GgmlDType::Q5_1,
        GgmlDType::Q8_0,
        GgmlDType::Q3K,
        GgmlDType::Q4K,
        GgmlDType::Q6K,
    ];

    /// Tensors of every kind, in a file, as candle reads them and as they are mapped.
    #[test]
    fn what_is_mapped_is_what_is_read() -> anyhow::Result<()> {
        let folder = std::env::temp_dir().join(format!("hearth-mapped-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("model.gguf");
        let numbers = Tensor::randn(0_f32, 1_f32, (6, 512), &Device::Cpu)?;
        let mut written = Vec::new();
        for kind in KINDS {
            written.push((format!("{kind:?}"), QTensor::quantize(&numbers, kind)?));
        }
        let named: Vec<(&str, &QTensor)> = written.iter().map(|(name, tensor)| (&**name, tensor)).collect();
        gguf_file::write(&mut File::create(&path)?, &[], &named)?;
        let mut file = File::open(&path)?;
        let content = Content::read(&mut file)?;
        let mapped = MappedFile::open(&path)?;
        let ids = Tensor::new(&[5_u32, 0, 3], &Device::Cpu)?;
        let row = Tensor::randn(0_f32, 1_f32, (1, 512), &Device::Cpu)?;
        for (name, info) in &content.tensor_infos {
            let there = mapped.tensor(info, content.tensor_data_offset, &Device::Cpu)?;
            let there = there.ok_or_else(|| anyhow::anyhow!("{name} is not mapped"))?;
            let read = info.read(&mut file, content.tensor_data_offset, &Device::Cpu)?;
            assert_eq!(there.dtype(), read.dtype());
            assert_eq!(there.data()?, read.data()?, "{name}");
            mapped.let_go(
                content.tensor_data_offset + info.offset,
                there.storage_size_in_bytes(),
            );
            assert_eq!(there.data()?, read.data()?, "{name}, let go");
            let furthest = |a: Tensor, b: Tensor| -> Result<f32> {
                let apart = (a.to_dtype(DType::F32)? - b.to_dtype(DType::F32)?)?;
                apart.abs()?.max_all()?.to_scalar()
            };
            assert_eq!(furthest(there.embedding(&ids)?, read.embedding(&ids)?)?, 0.0);
            assert!(there.embedding(&Tensor::new(&[6_u32], &Device::Cpu)?).is_err());
            let whole = (there.dequantize(&Device::Cpu)?, read.dequantize(&Device::Cpu)?);
            assert_eq!(furthest(whole.0, whole.1)?, 0.0);
            let product = |tensor| candle_core::quantized::QMatMul::from_qtensor(tensor);
            let products = (product(there)?, product(read)?);
            let products = (
                candle_core::Module::forward(&products.0, &row)?,
                candle_core::Module::forward(&products.1, &row)?,
            );
            assert_eq!(furthest(products.0, products.1)?, 0.0);
        }
        // What lies behind the end, or where no number of such a width may, is left to candle.
        let length = std::fs::metadata(&path)?.len();
        let info = |kind: GgmlDType| TensorInfo {
            ggml_dtype: kind,
            shape: (6, 512).into(),
            offset: 0,
        };
        let of = |kind, start| mapped.tensor(&info(kind), start, &Device::Cpu);
        assert!(of(GgmlDType::F32, length - 6 * 512 * 4 + 4)?.is_none());
        assert!(of(GgmlDType::F32, u64::MAX)?.is_none());
        mapped.let_go(length, 4096);
        assert!(of(GgmlDType::F32, 2)?.is_none() && of(GgmlDType::Q8_0, 2)?.is_some());
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }
}
