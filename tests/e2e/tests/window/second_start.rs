//! Hearth started while it runs.

use std::process::{Command, Stdio};

use anyhow::Result;
use hearth_e2e::{Home, eventually};

use crate::models::saying;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_leaves_the_first_window_as_it_is() -> Result<()> {
    let home = Home::with_model(&saying("I am still here.")?)?;
    let window = home.open().await?;
    window.load_picked().await?;

    let environment = window.app().environment()?;
    let mut second = Command::new(window.program()?)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let ended = eventually("the second start has ended", async || Ok(second.try_wait()?)).await;
    if ended.is_err() {
        second.kill()?;
        second.wait()?;
    }
    assert!(ended?.success());

    assert!(window.app().runs());
    window.ask("Are you there?").await?;
    assert_eq!(window.until_reply_is("complete").await?.text, "I am still here.");
    Ok(())
}
