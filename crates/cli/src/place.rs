//! Where things are: the same data as the window's.

use std::path::PathBuf;

use hearth_app::{AppConfig, ErrorCode, ErrorReport};

/// The window's identifier, by which each system names its data folder.
const IDENTIFIER: &str = "dev.hearth.desktop";

/// The configuration of this person's Hearth. The worker and the built-in model lie beside this program.
pub fn config() -> Result<AppConfig, ErrorReport> {
    let fault = |message: String| ErrorReport::new(ErrorCode::Internal, message);
    let own = std::env::current_exe()
        .map_err(|error| fault(format!("This program cannot find its own folder: {error}.")))?;
    let data = std::env::var_os("HEARTH_DATA")
        .map(PathBuf::from)
        .or_else(|| dirs::data_dir().map(|folder| folder.join(IDENTIFIER)))
        .ok_or_else(|| fault("There is no folder for data. Set HEARTH_DATA to one.".to_owned()))?;
    Ok(AppConfig::new(
        data,
        own.with_file_name(format!("hearth-worker{}", std::env::consts::EXE_SUFFIX)),
        own.with_file_name("models").join("bard-Q8_0.gguf"),
    ))
}
