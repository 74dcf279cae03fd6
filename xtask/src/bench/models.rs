//! The models of the bench: published shapes, random weights, kept in the build folder.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hearth_fixtures::{Gguf, ModelFile, Quantisation, Shape};
use sysinfo::System;

use crate::project::Project;

/// A shape in a quantisation.
pub struct BenchModel {
    /// Its name in the table and the metrics.
    pub name: &'static str,
    shape: Shape,
    quantisation: Quantisation,
    /// The engine bench measures it unless others are asked for.
    usual: bool,
}

static MODELS: [BenchModel; 13] = [
    BenchModel {
        name: "llama-1b-q4_k_m",
        shape: Shape::LLAMA_1B,
        quantisation: Quantisation::Q4KM,
        usual: true,
    },
    BenchModel {
        name: "llama-1b-q8_0",
        shape: Shape::LLAMA_1B,
        quantisation: Quantisation::Q8_0,
        usual: true,
    },
    BenchModel {
        name: "qwen3-0.6b-q4_k_m",
        shape: Shape::QWEN3_0_6B,
        quantisation: Quantisation::Q4KM,
        usual: true,
    },
    BenchModel {
        name: "llama-3b-q4_k_m",
        shape: Shape::LLAMA_3B,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "llama-3b-q8_0",
        shape: Shape::LLAMA_3B,
        quantisation: Quantisation::Q8_0,
        usual: false,
    },
    BenchModel {
        name: "llama-1b-q6_k",
        shape: Shape::LLAMA_1B,
        quantisation: Quantisation::Q6K,
        usual: false,
    },
    BenchModel {
        name: "qwen3-0.6b-q8_0",
        shape: Shape::QWEN3_0_6B,
        quantisation: Quantisation::Q8_0,
        usual: false,
    },
    BenchModel {
        name: "qwen3-1.7b-q4_k_m",
        shape: Shape::QWEN3_1_7B,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "gemma3-4b-q4_k_m",
        shape: Shape::GEMMA3_4B,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "gemma4-e2b-q4_k_m",
        shape: Shape::GEMMA4_E2B,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "qwen3-moe-32-q4_k_m",
        shape: Shape::QWEN3_MOE_32,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "qwen3-moe-128-q4_k_m",
        shape: Shape::QWEN3_MOE_128,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
    BenchModel {
        name: "qwen35-4b-q4_k_m",
        shape: Shape::QWEN35_4B,
        quantisation: Quantisation::Q4KM,
        usual: false,
    },
];

/// Bytes that must stay free on the disk and in memory.
const RESERVE: u64 = 1 << 30;

/// The models named, or the usual ones, or the first of them.
pub fn choose(names: &[String], quick: bool) -> Result<Vec<&'static BenchModel>> {
    if names.is_empty() {
        let usual = MODELS.iter().filter(|model| model.usual);
        return Ok(usual.take(if quick { 1 } else { MODELS.len() }).collect());
    }
    let find = |name: &String| match MODELS.iter().find(|model| model.name == name) {
        Some(model) => Ok(model),
        None => {
            let known: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
            bail!("no model is named {name:?}; there are {}", known.join(", "))
        }
    };
    names.iter().map(find).collect()
}

impl BenchModel {
    /// The model's file, written if it is not there yet. `None`, and a line that says why, when this machine has
    /// no room for it.
    pub fn prepare(&self, project: &Project) -> Result<Option<PathBuf>> {
        let gguf = ModelFile::random(self.shape)
            .quantisation(self.quantisation)
            .named(self.name)
            .to_gguf();
        let size = gguf.size();
        let needed = size + RESERVE;
        let mut system = System::new();
        system.refresh_memory();
        if system.available_memory() < needed {
            self.leave_out("memory", needed, system.available_memory());
            return Ok(None);
        }
        let folder = project.target.join("bench-models");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(format!("{}.gguf", self.name));
        if is_whole(&path, &gguf) {
            return Ok(Some(path));
        }
        if let Ok(free) = fs4::available_space(&folder)
            && free < size + RESERVE
        {
            self.leave_out("disk space", size + RESERVE, free);
            return Ok(None);
        }
        println!("Writing {} ({:.1} GB)", path.display(), size as f64 / 1e9);
        gguf.write(&path)?;
        Ok(Some(path))
    }

    fn leave_out(&self, what: &str, needed: u64, free: u64) {
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        println!(
            "{} is left out: it needs {:.1} GB of {what} and {:.1} GB is free",
            self.name,
            gigabytes(needed),
            gigabytes(free)
        );
    }
}

/// Whether the file has the header and the size that it would be written with. Files are renamed when complete,
/// so one from an earlier run has all its data.
pub fn is_whole(path: &Path, gguf: &Gguf) -> bool {
    let wanted = gguf.header();
    let mut header = vec![0; wanted.len()];
    let read = File::open(path).and_then(|mut file| {
        file.read_exact(&mut header)?;
        file.metadata()
    });
    read.is_ok_and(|metadata| metadata.len() == gguf.size()) && header == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_chosen_by_name() {
        let chosen = choose(&["llama-3b-q4_k_m".to_owned()], false).unwrap();
        assert_eq!(
            chosen.iter().map(|model| model.name).collect::<Vec<_>>(),
            ["llama-3b-q4_k_m"]
        );
        assert_eq!(choose(&[], false).unwrap().len(), 3);
        assert_eq!(choose(&[], true).unwrap().len(), 1);
        let complaint = choose(&["llama".to_owned()], false).err().unwrap().to_string();
        assert!(complaint.contains("llama-1b-q8_0"), "{complaint}");
    }

    #[test]
    fn a_file_of_another_model_or_cut_short_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let gguf = ModelFile::random(Shape::TINY).to_gguf();
        assert!(!is_whole(&path, &gguf));
        gguf.write(&path).unwrap();
        assert!(is_whole(&path, &gguf));
        assert!(!is_whole(
            &path,
            &ModelFile::random(Shape::TINY).context(99).to_gguf()
        ));
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(gguf.size() - 1)
            .unwrap();
        assert!(!is_whole(&path, &gguf));
    }
}
