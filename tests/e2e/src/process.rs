//! The processes behind a window, as Linux shows them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A process, running or not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(i32);

impl Process {
    /// Every process that now runs.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let entries =
            fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(entries.map(Self).filter(|process| process.runs()).collect())
    }

    /// Its number.
    pub fn id(self) -> i32 {
        self.0
    }

    /// Whether it runs. One that has ended and was not yet asked how does not.
    pub fn runs(self) -> bool {
        self.status()
            .is_some_and(|(state, _)| state != "Z" && state != "X")
    }

    /// Ends it as a power cut would: at once, and without its knowing.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn kill(self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    /// Makes it stand still.
    ///
    /// # Errors
    /// As [`Process::kill`].
    pub fn freeze(self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// As [`Process::kill`].
    pub fn thaw(self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// As it was called: a file that has since been replaced has another name in `/proc/PID/exe`.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let line = fs::read(format!("/proc/{}/cmdline", self.0)).ok()?;
        let name = line.split(|&byte| byte == 0).next()?;
        Some(OsString::from_vec(name.into()).into())
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.status().map(|(_, parent)| parent)
    }

    /// What it was started with.
    ///
    /// # Errors
    /// When it is not there any more.
    pub fn environment(self) -> Result<BTreeMap<OsString, OsString>> {
        let block = fs::read(format!("/proc/{}/environ", self.0))?;
        let pairs = block.split(|&byte| byte == 0).filter_map(|pair| {
            let split = pair.iter().position(|&byte| byte == b'=')?;
            Some((
                OsString::from_vec(pair[..split].into()),
                OsString::from_vec(pair[split + 1..].into()),
            ))
        });
        Ok(pairs.collect())
    }

    fn signal(self, signal: Signal) -> Result<()> {
        let id = Pid::from_raw(self.0).context("no process has the number 0")?;
        kill_process(id, signal).with_context(|| format!("process {} is not there any more", self.0))
    }

    /// The state's letter and the parent.
    fn status(self) -> Option<(String, Self)> {
        let line = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        // The program's name comes first, in brackets, and may hold any character.
        let mut fields = line.rsplit_once(") ")?.1.split(' ');
        Some((fields.next()?.to_owned(), Self(fields.next()?.parse().ok()?)))
    }
}
