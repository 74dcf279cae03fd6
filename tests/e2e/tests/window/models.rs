//! The models that say what a test expects of them.

use anyhow::Result;
use hearth_fixtures::{ModelFile, Quantisation, Script, Shape};

/// Answers with this text, in moments.
pub fn saying(text: &str) -> Result<ModelFile> {
    Ok(ModelFile::scripted(&Script::saying(text)?))
}

/// The same, at a pace that can be watched.
pub fn saying_slowly(text: &str) -> Result<ModelFile> {
    Ok(slow(saying(text)?))
}

/// Counts slowly enough to be interrupted, and would go on for longer than a test waits.
pub fn counting() -> Result<ModelFile> {
    Ok(slow(ModelFile::scripted(&Script::counting(LAST)?)))
}

/// Says these letters, none of them twice, a token each.
pub fn spelling(letters: &str) -> Result<ModelFile> {
    let script = Script::pieces(letters.chars().map(String::from))?;
    Ok(slow(ModelFile::scripted(&script)))
}

fn slow(model: ModelFile) -> ModelFile {
    let shape = Shape {
        layers: 12,
        dim: 512,
        ffn: 1024,
        heads: 8,
        ..Shape::TINY
    };
    model.shape(shape).quantisation(Quantisation::Q8_0)
}

/// The whole of what [`counting`] says.
pub fn counted() -> Result<String> {
    Ok(Script::counting(LAST)?.text())
}

const LAST: usize = 3000;
