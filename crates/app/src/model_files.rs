//! The files of a model on this computer, and what they say of themselves.

use std::path::{Path, PathBuf};

use hearth_engine::EngineError;
use hearth_engine::protocol::{Fault, Quantisation};
use hearth_engine::support::safetensors::check_config;
use hearth_fit::{Label, Plan, Reason, Shape, verdict};
use hearth_gguf::{Header, ShardName, shard_name};
use hearth_machine::{Gpu, Machine};
use hearth_safetensors::{Checkpoint, RESIDUAL, shard_of};

use crate::suggestions::FIRST_CONTEXT;
use crate::{ErrorCode, ErrorReport};

/// What a model's files say of it.
pub(crate) enum Contents {
    /// GGUF.
    Gguf(Header),
    /// `config.json`, a tokeniser and safetensors, or UQFF.
    Safetensors(Box<Checkpoint>),
}

/// How a model lies in memory.
#[derive(Clone)]
pub(crate) struct Fitted {
    /// What its weights are quantised to while they are read; `None` for GGUF and UQFF files, which are taken as they are.
    pub quantisation: Option<Quantisation>,
    /// What it takes.
    pub shape: Shape,
    /// Whether it can be kept as it was quantised.
    pub can_be_kept: bool,
}

impl Contents {
    /// Quantised to what the person chose, or else to the best with which the model fits into the memory of this computer and
    /// its graphics card, with nothing else in it: what is open just now must not decide how well a model answers. The smallest where none fits.
    ///
    /// # Errors
    /// Why the engine cannot run it.
    pub fn fitted(
        &self,
        machine: &Machine,
        card: Option<&Gpu>,
        chosen: Option<Quantisation>,
    ) -> Result<Fitted, Reason> {
        let model = match self {
            Self::Gguf(header) => {
                return Ok(Fitted {
                    quantisation: None,
                    shape: Shape::of(header)?,
                    can_be_kept: false,
                });
            }
            Self::Safetensors(model) if !model.layers.is_empty() => {
                return Ok(Fitted {
                    quantisation: None,
                    shape: Shape::of_checkpoint(model, None)?,
                    can_be_kept: false,
                });
            }
            Self::Safetensors(model) => model,
        };
        let can_be_kept = check_config(&model.config).is_ok_and(|class| class.reads_uqff);
        let fit = |level| {
            let quantisation = Some(level);
            let shape = Shape::of_checkpoint(model, quantisation)?;
            Ok(Fitted {
                quantisation,
                shape,
                can_be_kept,
            })
        };
        if let Some(chosen) = chosen {
            return fit(chosen);
        }
        let mut empty = machine.clone();
        empty.memory.available_bytes = empty.memory.total_bytes;
        let card = card.map(|card| Gpu {
            memory: card.memory.emptied(),
            ..card.clone()
        });
        for level in Quantisation::ALL {
            let fitted = fit(level)?;
            let plan = Plan {
                context: FIRST_CONTEXT.min(fitted.shape.reliable_context),
                draft: None,
                card: card.as_ref(),
            };
            if verdict(&empty, None, &fitted.shape, plan, None).label == Label::Fits {
                return Ok(fitted);
            }
        }
        fit(Quantisation::Q4K)
    }
}

/// All files of the model that `path` is one of, the named one or the first shard first: itself, the shards beside it, or the
/// folder of a model of safetensors. Of UQFF those of quantised layers alone: several models may share what lies beside them.
pub(crate) fn siblings(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Some(ShardName { count, .. }) = ShardName::parse(&name).filter(|_| name.ends_with(".gguf")) {
        return (0..count)
            .filter_map(|index| shard_name(&name, index, count))
            .map(|shard| path.with_file_name(shard))
            .collect();
    }
    let beside = match name.ends_with(".safetensors") || name.ends_with(".uqff") {
        true => entries(path.parent().unwrap_or(Path::new(""))),
        false => return vec![path.to_path_buf()],
    };
    let mut layers: Vec<&PathBuf> = beside.iter().filter(|path| ends_in(path, &["uqff"])).collect();
    layers.sort_by_key(|path| shard_of(path));
    let known_by = match name.ends_with(".uqff") {
        true => Some(path),
        false => layers
            .first()
            .map(|first| first.as_path())
            .filter(|_| name == RESIDUAL),
    };
    if let Some(known_by) = known_by {
        let (stem, _) = shard_of(known_by);
        let same = layers.into_iter().filter(|path| shard_of(path).0 == stem);
        return same.cloned().collect();
    }
    let others = !layers.is_empty();
    let belongs = |path: &PathBuf| {
        let is_of_others = others && path.file_name().is_some_and(|name| name == RESIDUAL);
        ends_in(path, &["safetensors", "json", "jinja"]) && !is_of_others
    };
    let mut files: Vec<PathBuf> = beside.iter().filter(|path| belongs(path)).cloned().collect();
    // The weights are what the model is known by.
    files.sort_by_key(|path| (!ends_in(path, &["safetensors"]), path.clone()));
    files
}

/// All files to load a model from: of UQFF also what lies beside those that it is known by.
pub(crate) fn whole(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let Some(folder) = files
        .first()
        .filter(|first| ends_in(first, &["uqff"]))
        .and_then(|first| first.parent())
    else {
        return files;
    };
    let belongs = |path: &PathBuf| {
        let is_rest = path.file_name().is_some_and(|name| name == RESIDUAL);
        is_rest || ends_in(path, &["json", "jinja"])
    };
    let beside: Vec<PathBuf> = entries(folder).into_iter().filter(belongs).collect();
    files.extend(
        beside
            .into_iter()
            .filter(|path| !files.contains(path))
            .collect::<Vec<_>>(),
    );
    files
}

/// The quantisation that the name of a file of UQFF tells; `None` for other files.
pub(crate) fn uqff_level(path: &Path) -> Option<String> {
    ends_in(path, &["uqff"]).then(|| hearth_hub::uqff_quantisation(&shard_of(path).0))
}

fn ends_in(path: &Path, ends: &[&str]) -> bool {
    let own = path.extension().unwrap_or_default();
    ends.iter().any(|end| own == *end)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Leaves those of a model's files that it is known by ([`siblings`]).
pub(crate) fn keep_known_by<T>(files: &mut Vec<T>, path: impl Fn(&T) -> &Path) {
    if files.iter().any(|file| ends_in(path(file), &["uqff"])) {
        files.retain(|file| ends_in(path(file), &["uqff"]));
    }
}

/// Whether these are the files that a model of safetensors is known by.
pub(crate) fn are_safetensors<'a>(mut files: impl Iterator<Item = &'a Path>) -> bool {
    files.any(|path| ends_in(path, &["safetensors"]))
}

/// Reads what a whole model's files say of it, off the runtime's threads.
///
/// # Errors
/// What is wrong with the first file that is.
pub(crate) async fn read(files: Vec<PathBuf>) -> Result<Contents, ErrorReport> {
    let read = tokio::task::spawn_blocking(move || {
        if files.iter().any(|path| ends_in(path, &["safetensors", "uqff"])) {
            let model = Checkpoint::open(&files).map_err(|error| EngineError::from(Fault::from(error)))?;
            return Ok(Contents::Safetensors(Box::new(model)));
        }
        let fault = |path: &Path, error| EngineError::from(Fault::of_file(path, &error));
        let open = |path: &PathBuf| Header::open(path).map_err(|error| fault(path, error));
        let parts = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let first = files.first().map_or(Path::new(""), PathBuf::as_path);
        let header = Header::join(parts).map_err(|error| fault(first, error))?;
        Ok::<_, EngineError>(Contents::Gguf(header))
    });
    match read.await {
        Ok(contents) => Ok(contents?),
        Err(error) => Err(ErrorReport::new(ErrorCode::Internal, error.to_string())),
    }
}
