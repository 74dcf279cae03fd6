//! Models of safetensors, quantised while they are read: the most memory is taken during the load.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use hearth_engine::Chosen;
use hearth_engine::protocol::Quantisation;
use hearth_fit::Shape;
use hearth_fixtures::ModelFile;
use hearth_safetensors::Checkpoint;

use super::Case;
use crate::project::Project;

/// A shape, and what its weights become.
pub struct QuantisedCase {
    /// Its name in the table.
    pub name: &'static str,
    shape: hearth_fixtures::Shape,
    quantisation: Quantisation,
    /// In tokens.
    context: usize,
}

/// The coarsest and the finest, small and large.
pub const CASES: [QuantisedCase; 3] = [
    QuantisedCase {
        name: "qwen3-0.6b-to-q8_0",
        shape: hearth_fixtures::Shape::QWEN3_0_6B,
        quantisation: Quantisation::Q8_0,
        context: 512,
    },
    QuantisedCase {
        name: "qwen3-0.6b-to-q4_k",
        shape: hearth_fixtures::Shape::QWEN3_0_6B,
        quantisation: Quantisation::Q4K,
        context: 1024,
    },
    QuantisedCase {
        name: "llama-1b-to-q4_k",
        shape: hearth_fixtures::Shape::LLAMA_1B,
        quantisation: Quantisation::Q4K,
        context: 512,
    },
];
/// Bytes that must stay free on the disk.
const RESERVE: u64 = 1 << 30;

impl QuantisedCase {
    /// Writes the model unless it is there. `None`, and a line that says why, where the disk has no room for it.
    pub fn prepare(&self, project: &Project) -> Result<Option<Case>> {
        let model = ModelFile::random(self.shape);
        let (_, size) = model.safetensors_header();
        let (stem, _) = self.name.rsplit_once("-to-").unwrap_or((self.name, ""));
        let folder = project.target.join("bench-models").join(stem);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let weights = folder.join("model.safetensors");
        if fs::metadata(&weights).map_or(0, |file| file.len()) != size {
            if let Ok(free) = fs4::available_space(&folder)
                && free < size + RESERVE
            {
                println!("{} is left out: its disk has {free} bytes free", self.name);
                return Ok(None);
            }
            println!("Writing {} ({:.1} GB)", weights.display(), size as f64 / 1e9);
            model.write_safetensors(&folder)?;
        }
        let entries = fs::read_dir(&folder)?.map(|entry| Ok(entry?.path()));
        let files = entries.collect::<Result<Vec<PathBuf>>>()?;
        let checkpoint = Checkpoint::open(&files)?;
        Ok(Some(Case {
            name: self.name.to_owned(),
            context: self.context,
            shape: Shape::of_checkpoint(&checkpoint, Some(self.quantisation))?,
            chosen: Chosen {
                quantisation: Some(self.quantisation),
                context: Some(self.context),
                ..Chosen::files(files)
            },
        }))
    }
}
