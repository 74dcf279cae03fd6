//! Pictures of the window, for people to look at after the tests.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::Window;

/// Calls back once what is there has been drawn and stands still.
const DRAWN: &str = "
const done = arguments[0];
const finite = document.getAnimations().filter((animation) => animation.effect.getComputedTiming().endTime < Infinity);
Promise.allSettled(finite.map((animation) => animation.finished))
  .then(() => requestAnimationFrame(() => requestAnimationFrame(() => done())));
";

impl Window {
    /// Writes `screenshots/NAME.png`, and `NAME-small.png` of a small window, at the top of the repository. The
    /// small window has no sidebar.
    ///
    /// # Errors
    /// When the window is gone or the disk refuses.
    pub async fn picture(&self, name: &str) -> Result<()> {
        self.picture_as_is(name).await?;
        self.resize(480, 720).await?;
        self.picture_as_is(&format!("{name}-small")).await?;
        self.resize(1280, 800).await?;
        // A click that comes before the window has its old layout again would meet something else.
        self.browser().execute_async(DRAWN, vec![]).await?;
        Ok(())
    }

    /// Writes `screenshots/NAME.png` of the window as it is.
    ///
    /// # Errors
    /// As [`Window::picture`].
    pub async fn picture_as_is(&self, name: &str) -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../screenshots");
        fs::create_dir_all(&folder)?;
        self.browser().execute_async(DRAWN, vec![]).await?;
        self.browser()
            .screenshot(&folder.join(format!("{name}.png")))
            .await?;
        Ok(())
    }
}
