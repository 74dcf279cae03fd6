//! A safetensors file, written tensor by tensor: <https://huggingface.co/docs/safetensors>.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

/// Bytes that a tensor's entry in the header takes at most, besides its name.
const ENTRY: usize = 256;
/// Bytes that are written at once.
const CHUNK: usize = 1 << 20;

/// A file that is being written. Its header, which says where each tensor lies, comes first and is written last: room is left for it,
/// and what is left over is filled with spaces, as the format allows.
pub struct Writer {
    file: BufWriter<File>,
    header: Map<String, Value>,
    room: usize,
    end: usize,
}

impl Writer {
    /// Begins a file for tensors of these names.
    ///
    /// # Errors
    /// The system's.
    pub fn create<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> io::Result<Self> {
        let entries: usize = names.map(|name| name.len() + ENTRY).sum();
        let room = (entries + 2).next_multiple_of(8);
        let mut file = BufWriter::with_capacity(CHUNK, File::create(path)?);
        file.write_all(&(room as u64).to_le_bytes())?;
        file.seek(SeekFrom::Start((8 + room) as u64))?;
        Ok(Self {
            file,
            header: Map::new(),
            room,
            end: 0,
        })
    }

    /// Writes a tensor behind the one before, of which `pieces` are the bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn add<P: AsRef<[u8]>>(
        &mut self,
        name: &str,
        dtype: &str,
        shape: &[usize],
        pieces: impl Iterator<Item = P>,
    ) -> io::Result<()> {
        let start = self.end;
        for piece in pieces {
            self.file.write_all(piece.as_ref())?;
            self.end += piece.as_ref().len();
        }
        let entry = json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, self.end] });
        self.header.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Writes the header, sees all of it onto the disk, and says the file's length in bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> io::Result<u64> {
        let mut header = serde_json::to_vec(&self.header)?;
        if header.len() > self.room {
            return Err(io::Error::other("a header is longer than was thought"));
        }
        header.resize(self.room, b' ');
        self.file.seek(SeekFrom::Start(8))?;
        self.file.write_all(&header)?;
        self.file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok((8 + self.room + self.end) as u64)
    }
}
