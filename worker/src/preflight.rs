//! What can be known before the weights are read: a model that cannot run is refused in milliseconds.

use std::path::PathBuf;

use hearth_engine::protocol::{Fault, Quantisation};
use hearth_engine::support::{self, safetensors::Class};
use hearth_gguf::Header;
use hearth_safetensors::Checkpoint;

use crate::uqff::Source;

/// A model that the engine should run.
pub enum Checked {
    /// Of GGUF files.
    Gguf(Box<Header>),
    /// Of safetensors, or of UQFF.
    Safetensors(Box<Checkpoint>, Class),
}

impl Checked {
    /// GGUF's name of the architecture, or that of the class's family.
    pub fn architecture(&self) -> &str {
        match self {
            Self::Gguf(header) => header.architecture().unwrap_or_default(),
            Self::Safetensors(_, class) => class.family,
        }
    }

    /// What a model is made from whose weights are quantised while they are read, if it can be kept as UQFF.
    pub fn source(&self, level: Quantisation) -> Option<Source> {
        match self {
            Self::Safetensors(model, class) if model.layers.is_empty() && class.reads_uqff => Some(Source {
                files: model.files.clone(),
                left_out: class.left_out(&model.config),
                level,
            }),
            _ => None,
        }
    }
}

/// Reads what the files say of themselves and refuses what the engine would fail on.
///
/// # Errors
/// The first [`Fault`] found: of the files, then those of [`support::check`] or [`support::safetensors::check`].
pub fn check(files: &[PathBuf]) -> Result<Checked, Fault> {
    let is_checkpoint = |path: &PathBuf| {
        let end = path.extension().unwrap_or_default();
        end == "safetensors" || end == "uqff"
    };
    if files.iter().any(is_checkpoint) {
        let model = Checkpoint::open(files).map_err(Fault::from)?;
        let class = support::safetensors::check(&model)?;
        return Ok(Checked::Safetensors(Box::new(model), class));
    }
    let first = files.first().ok_or(Fault::NoModel)?;
    let open = |path: &PathBuf| Header::open(path).map_err(|error| Fault::of_file(path, &error));
    let parts = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let header = Header::join(parts).map_err(|error| Fault::of_file(first, &error))?;
    support::check(&header)?;
    Ok(Checked::Gguf(Box::new(header)))
}
