//! A file, or a folder, that may not be written.

use std::path::{Path, PathBuf};
use std::process::Command;

use hearth_store::{Store, StoreError};
use tempfile::TempDir;

const FOLDER: &str = "HEARTH_STORE_TEST_FOLDER";

/// Runs in a process that permissions bind, which they do not where the tests run as root.
#[tokio::test]
#[ignore = "run by the tests below, in a process of its own"]
async fn open_says_read_only() {
    let path = PathBuf::from(std::env::var_os(FOLDER).unwrap()).join("hearth.db");
    let error = Store::open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("hearth.db"));
}

fn assert_opening_says_read_only(folder: &Path) {
    // Elsewhere, because the folder of the original may be closed to the user it is run as. A link where that can be: a copy
    // that a process which another test starts just now still holds open for writing cannot be started.
    let place = TempDir::new().unwrap();
    set_mode(place.path(), 0o755);
    let program = place
        .path()
        .join("test-program")
        .with_extension(std::env::consts::EXE_EXTENSION);
    let own = std::env::current_exe().unwrap();
    std::fs::hard_link(&own, &program)
        .or_else(|_| std::fs::copy(&own, &program).map(drop))
        .unwrap();
    let mut command = Command::new(&program);
    command
        .args(["--ignored", "--exact", "read_only::open_says_read_only"])
        .env(FOLDER, folder);
    run_as_nobody_if_root(&mut command, place.path());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[cfg(unix)]
fn run_as_nobody_if_root(command: &mut Command, made_by_us: &Path) {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    if std::fs::metadata(made_by_us).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
}

#[cfg(not(unix))]
fn run_as_nobody_if_root(_command: &mut Command, _made_by_us: &Path) {}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(path: &Path, mode: u32) {
    let mut permissions = std::fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(mode & 0o200 == 0);
    std::fs::set_permissions(path, permissions).unwrap();
}

/// A folder and files that any user may write.
async fn folder_with_database() -> TempDir {
    let folder = TempDir::new().unwrap();
    let store = Store::open(&folder.path().join("hearth.db")).await.unwrap();
    store.create_chat("About tea").await.unwrap();
    store.close().await;
    set_mode(folder.path(), 0o777);
    set_mode(&folder.path().join("hearth.db"), 0o666);
    set_mode(&folder.path().join("hearth.db.lock"), 0o666);
    folder
}

#[tokio::test]
async fn a_read_only_file_is_found_out_at_once() {
    let folder = folder_with_database().await;
    let database = folder.path().join("hearth.db");
    set_mode(&database, 0o444);
    assert_opening_says_read_only(folder.path());
    set_mode(&database, 0o666);
}

/// Windows knows such files only by other means than their mode.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_may_not_even_be_read_counts_as_read_only() {
    let folder = folder_with_database().await;
    set_mode(&folder.path().join("hearth.db"), 0o000);
    assert_opening_says_read_only(folder.path());
}

/// Windows knows no read-only folders in this sense.
#[cfg(unix)]
#[tokio::test]
async fn a_read_only_folder_is_found_out_at_once() {
    for with_lock in [true, false] {
        let folder = folder_with_database().await;
        if !with_lock {
            std::fs::remove_file(folder.path().join("hearth.db.lock")).unwrap();
        }
        set_mode(folder.path(), 0o555);
        assert_opening_says_read_only(folder.path());
        set_mode(folder.path(), 0o755);
    }
}
