//! The demonstration's model files.

use std::path::{Path, PathBuf};

use hearth_fixtures::{Fill, Gguf, ModelFile, Quantisation, Shape, TensorType, Value};

use super::DemoError;
use crate::content::Content;

/// Several files of one model, by the names they have in the repo.
pub(super) type Files = Vec<(String, Content)>;

pub(super) fn on_disk(path: PathBuf) -> Result<Content, DemoError> {
    Content::path(&path).map_err(|source| DemoError::File { path, source })
}

/// Weights of a model.
pub(super) fn parameters(model: &ModelFile) -> u64 {
    let weights = |dimensions: &Vec<u64>| dimensions.iter().product::<u64>();
    model
        .to_gguf()
        .tensors
        .iter()
        .map(|tensor| weights(&tensor.dimensions))
        .sum()
}

/// The model in each quantisation, one file each, written into `folder`.
pub(super) fn written(
    folder: &Path,
    stem: &str,
    model: &ModelFile,
    quantisations: &[(&str, Quantisation)],
) -> Result<Files, DemoError> {
    let mut files = Vec::new();
    for (label, quantisation) in quantisations {
        let name = format!("{stem}-{label}.gguf");
        let path = folder.join(&name);
        model.clone().quantisation(*quantisation).write(&path)?;
        files.push((name, on_disk(path)?));
    }
    Ok(files)
}

/// The model in Q8_0, in three files in a folder of the repo.
pub(super) fn parted(folder: &Path, stem: &str, model: &ModelFile) -> Result<Files, DemoError> {
    let model = model.clone().quantisation(Quantisation::Q8_0);
    let paths = model.to_gguf().write_split(folder, &format!("{stem}-Q8_0"), 3)?;
    let file = |path: PathBuf| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok((format!("Q8_0/{name}"), on_disk(path)?))
    };
    paths.into_iter().map(file).collect()
}

/// The model with the weights of its layers in a type that the engine does not read.
pub(super) fn unreadable(folder: &Path, stem: &str, model: &ModelFile) -> Result<Files, DemoError> {
    let mut gguf = model.to_gguf();
    let matrices = gguf
        .tensors
        .iter_mut()
        .filter(|tensor| tensor.name.starts_with("blk.") && tensor.dimensions.len() > 1);
    for tensor in matrices {
        tensor.kind = TensorType::Iq4Xs;
        tensor.fill = Fill::Zeros;
    }
    let name = format!("{stem}-IQ4_XS.gguf");
    let path = folder.join(&name);
    gguf.write(&path)?;
    Ok(vec![(name, on_disk(path)?)])
}

/// The model as safetensors, written into a folder of `folder`.
pub(super) fn safetensors(folder: &Path, name: &str, model: &ModelFile) -> Result<Files, DemoError> {
    let folder = folder.join(name);
    model.write_safetensors(&folder)?;
    all_of(&folder)
}

/// The model as UQFF in each quantisation, written into a folder of `folder`.
pub(super) fn uqff(
    folder: &Path,
    name: &str,
    model: &ModelFile,
    quantisations: &[(&str, Quantisation)],
) -> Result<Files, DemoError> {
    let folder = folder.join(name);
    for (_, quantisation) in quantisations {
        model.clone().quantisation(*quantisation).write_uqff(&folder)?;
    }
    all_of(&folder)
}

fn all_of(folder: &Path) -> Result<Files, DemoError> {
    let failed = |source| DemoError::File {
        path: folder.to_owned(),
        source,
    };
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, on_disk(entry.path())?));
    }
    Ok(files)
}

/// Safetensors with the header and the size of a real model, and no weights. The vocabulary is not that of its size.
pub(super) fn shown_safetensors(shape: Shape) -> Files {
    let model = ModelFile::random(shape);
    let (header, size) = model.safetensors_header();
    let companions = model.safetensors_companions();
    let files = companions.map(|(name, text)| (name.to_owned(), text.into()));
    let weights = ("model.safetensors".to_owned(), Content::hollow(header, size));
    files.into_iter().chain([weights]).collect()
}

/// Files with the header and the size of a real model, and no weights.
pub(super) fn shown(
    stem: &str,
    shape: Shape,
    architecture: &str,
    quantisations: &[(&str, Quantisation)],
) -> Files {
    let file = |(label, quantisation): &(&str, Quantisation)| {
        let mut gguf = ModelFile::random(shape)
            .named(stem)
            .quantisation(*quantisation)
            .to_gguf();
        rename(&mut gguf, shape.architecture.name(), architecture);
        // As Gguf::size has it; that would write the long header once more.
        let data: u64 = gguf
            .tensors
            .iter()
            .map(|tensor| tensor.bytes().next_multiple_of(32))
            .sum();
        let header = gguf.header();
        let size = header.len() as u64 + data;
        let content = Content::hollow(header, size);
        (format!("{stem}-{label}.gguf"), content)
    };
    quantisations.iter().map(file).collect()
}

/// Gives a file another architecture, in its value and in the keys that begin with it.
fn rename(gguf: &mut Gguf, from: &str, to: &str) {
    for (key, value) in &mut gguf.metadata {
        if key == "general.architecture" {
            *value = Value::Text(to.to_owned());
        } else if let Some(rest) = key.strip_prefix(from).filter(|rest| rest.starts_with('.')) {
            *key = format!("{to}{rest}");
        }
    }
}
