//! The screen that a window opens on.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The display in `DISPLAY`, or one of its own that nobody sees and that ends with it.
pub(crate) struct Display {
    pub(crate) name: String,
    server: Option<Child>,
}

impl Display {
    pub(crate) fn open() -> Result<Self> {
        if let Ok(name) = std::env::var("DISPLAY") {
            return Ok(Self { name, server: None });
        }
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x900x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb did not start. `cargo xtask test` installs it")?;
        let output = server.stdout.take().context("Xvfb has no output")?;
        let mut display = Self {
            name: String::new(),
            server: Some(server),
        };
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb ended before it had a display");
        display.name = format!(":{}", number.trim());
        Ok(display)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
