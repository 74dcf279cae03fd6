//! WebKitWebDriver, on a message bus of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use thirtyfour::{Capabilities, WebDriver};

use crate::wait::{PATIENCE, eventually};

/// The driver and all that it has started: the bus, the app and the app's own processes. Dropped, it takes them
/// along. A second app on the same bus would be taken for a second start of the first, even while that one ends, so
/// there is one driver for each start.
pub(crate) struct Driver {
    group: Child,
    port: u16,
}

impl Driver {
    /// Starts the driver. The app that it will start inherits `environment`; its log goes to the file `log` in
    /// `folder`.
    pub(crate) async fn start(environment: &BTreeMap<&str, OsString>, folder: &Path) -> Result<Self> {
        let bus = folder.join("bus.conf");
        fs::write(&bus, bus_configuration(folder))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let group = Command::new("dbus-run-session")
            .arg("--config-file")
            .arg(&bus)
            .args(["--", "WebKitWebDriver", &format!("--port={port}")])
            .envs(environment)
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("dbus-run-session did not start. `cargo xtask test` installs it")?;
        let mut driver = Self { group, port };
        eventually("WebKitWebDriver listens", async || {
            if let Some(status) = driver.group.try_wait()? {
                bail!("WebKitWebDriver ended ({status}). `cargo xtask test` installs what it needs");
            }
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok())
        })
        .await?;
        Ok(driver)
    }

    /// Starts `program` and takes control of its window.
    pub(crate) async fn open(&self, program: &Path) -> Result<WebDriver> {
        let mut capabilities = Capabilities::new();
        capabilities.set(
            "webkitgtk:browserOptions",
            json!({ "binary": program, "args": [] }),
        )?;
        let builder = WebDriver::builder(format!("http://127.0.0.1:{}", self.port), capabilities);
        // The driver waits for ever for a program that ends before its window has opened.
        let opened = tokio::time::timeout(
            PATIENCE,
            builder.request_timeout(Duration::from_secs(120)).connect(),
        )
        .await;
        Ok(opened.context("the app did not open a window")??)
    }
}

/// A bus that starts no services. The system's own would start the desktop's portals, one of which mounts a file
/// system in the app's cache folder and leaves it there.
fn bus_configuration(folder: &Path) -> String {
    format!(
        "<busconfig>
  <type>session</type>
  <listen>unix:dir={}</listen>
  <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy>
</busconfig>
",
        folder.display()
    )
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Failing means that nothing is left of the group.
        let _ = kill_process_group(Pid::from_child(&self.group), Signal::KILL);
        let _ = self.group.wait();
    }
}
