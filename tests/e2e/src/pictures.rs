//! Pictures of the window, for people to look at after the tests.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::Window;

impl Window {
    /// Writes `screenshots/NAME.png`, and `NAME-small.png` of a small window, at the top of the repository.
    ///
    /// # Errors
    /// When the window is gone or the disk refuses.
    pub async fn picture(&self, name: &str) -> Result<()> {
        self.take(name).await?;
        self.resize(480, 720).await?;
        self.take(&format!("{name}-small")).await?;
        self.resize(1280, 800).await
    }

    async fn take(&self, name: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../screenshots");
        fs::create_dir_all(&folder)?;
        self.browser()
            .screenshot(&folder.join(format!("{name}.png")))
            .await?;
        Ok(())
    }
}
