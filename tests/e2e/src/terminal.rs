//! The terminal's program, on the folders that the window uses.

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::home::{Home, desktop};

impl Home {
    /// What `hearth` prints, asked in a terminal while no window is open.
    ///
    /// # Errors
    /// What it says of why it failed.
    pub async fn hearth(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(desktop()?.with_file_name("hearth"))
            .args(arguments)
            .envs(self.environment()?)
            .env_remove("HEARTH_DATA")
            .env_remove("HF_TOKEN")
            .output()
            .await
            .context("hearth does not start")?;
        if !output.status.success() {
            bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
