//! The process that downloads: `crates/hub/examples/pull.rs`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A download that runs.
pub struct Pull {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    begun: Instant,
}

/// A download that is whole.
pub struct Finished {
    /// From the opened database to the file in its place.
    pub seconds: f64,
}

impl Pull {
    /// Starts it.
    pub fn start(mut command: Command) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .context("pull could not be started")?;
        let stdout = child.stdout.take().context("pull has no output")?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout).lines(),
            begun: Instant::now(),
        })
    }

    /// Waits until it has opened the store, and tells how many bytes that knows to be safe.
    pub fn start_bytes(&mut self) -> Result<u64> {
        let line = self.lines.next().context("pull said nothing")??;
        self.begun = Instant::now();
        line.strip_prefix("start ")
            .context("pull starts with another line")?
            .parse()
            .context("not a number")
    }

    /// Kills it after a while. False where it was through before.
    pub fn kill_after(&mut self, after: Duration) -> Result<bool> {
        std::thread::sleep(after);
        if self.child.try_wait()?.is_some() {
            return Ok(false);
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(true)
    }

    /// Waits until the file is whole.
    pub fn finish(&mut self) -> Result<Finished> {
        let mut last = String::new();
        for line in self.lines.by_ref() {
            last = line?;
            if last.starts_with("start ") {
                self.begun = Instant::now();
            }
            if last.starts_with("finished ") {
                let seconds = self.begun.elapsed().as_secs_f64();
                self.child.wait()?;
                return Ok(Finished { seconds });
            }
        }
        let status = self.child.wait()?;
        bail!("a download did not come to its end ({status}): {last}")
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
