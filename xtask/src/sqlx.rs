//! Writes the store's offline query data anew, after a query or a migration has changed.
//!
//! The store's queries are checked while it compiles, against `crates/store/.sqlx`. With a real
//! database instead, sqlx's macros also write that folder, so an empty database of the newest
//! schema and one compilation are all it takes.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::{command, fingerprint, freshness};

/// Builds the database with the `sqlite3` shell, has the store compiled against it, and puts what
/// the macros wrote in the old data's place; a failure leaves the old data as it was.
pub fn run(project: &Project) -> Result<()> {
    if command::find("sqlite3").is_none() {
        bail!("this needs SQLite's shell, the program sqlite3. Install it, then run this command again.");
    }
    let _lock = project.lock()?;
    freshness::settle(project)?;
    let store = project.root.join("crates").join("store");
    let work = project.target.join("hearth-sqlx");
    let written = work.join("queries");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot empty {}", work.display()))?;
    }
    fs::create_dir_all(&written).with_context(|| format!("cannot create {}", written.display()))?;

    let database = work.join("schema.db");
    for migration in fingerprint::files(&store.join("migrations"), &[])? {
        apply(&migration, &database)?;
    }

    // Cargo does not know that the macros look at a database.
    File::options()
        .append(true)
        .open(store.join("src").join("lib.rs"))?
        .set_modified(SystemTime::now())?;
    let mut cargo = command::cargo(project, &project.root);
    cargo.args(["check", "--locked", "-p", "hearth-store", "--tests"]);
    cargo.env("DATABASE_URL", format!("sqlite:{}", database.display()));
    cargo
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &written);
    command::run(&mut cargo)?;

    let fresh = fingerprint::files(&written, &[])?;
    if fresh.is_empty() {
        bail!("the macros wrote no query data; crates/store/.sqlx is as it was");
    }
    let kept = store.join(".sqlx");
    for old in fingerprint::files(&kept, &[])? {
        fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
    }
    fs::create_dir_all(&kept).with_context(|| format!("cannot create {}", kept.display()))?;
    for file in &fresh {
        let name = file.file_name().context("a file without a name")?;
        fs::copy(file, kept.join(name)).with_context(|| format!("cannot write into {}", kept.display()))?;
    }
    println!(
        "{} queries written to {}",
        fresh.len(),
        project.relative(&kept).display()
    );
    Ok(())
}

fn apply(migration: &Path, database: &Path) -> Result<()> {
    let script = File::open(migration).with_context(|| format!("cannot read {}", migration.display()))?;
    let status = Command::new("sqlite3")
        .arg("-bail")
        .arg(database)
        .stdin(Stdio::from(script))
        .status()?;
    if !status.success() {
        bail!("SQLite refuses {} ({status})", migration.display());
    }
    Ok(())
}
