//! The TypeScript types in `ui/src/lib/backend/bindings` are those of the Rust structs that cross to the UI.
//! `cargo xtask bindings` writes them anew.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hearth_app::{
    AppEvent, DeletePreview, DraftSuggestion, ErrorReport, FoundModel, HubPage, HubQuery, RepoPage, Settings,
    Start, Suggestion,
};
use hearth_store::Turn;
use ts_rs::{Config, TS};

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    paths
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap().replace("\r\n", "\n"))
        })
        .collect()
}

#[test]
fn the_committed_types_are_those_of_the_structs() {
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/lib/backend/bindings");
    let fresh = tempfile::tempdir().unwrap();
    let config = Config::new().with_out_dir(fresh.path());
    Start::export_all(&config).unwrap();
    AppEvent::export_all(&config).unwrap();
    ErrorReport::export_all(&config).unwrap();
    Settings::export_all(&config).unwrap();
    Turn::export_all(&config).unwrap();
    Suggestion::export_all(&config).unwrap();
    HubQuery::export_all(&config).unwrap();
    HubPage::export_all(&config).unwrap();
    RepoPage::export_all(&config).unwrap();
    DraftSuggestion::export_all(&config).unwrap();
    FoundModel::export_all(&config).unwrap();
    DeletePreview::export_all(&config).unwrap();
    if std::env::var("HEARTH_BINDINGS").is_ok_and(|value| value == "write") {
        let _ = std::fs::remove_dir_all(&committed);
        std::fs::create_dir_all(&committed).unwrap();
        for (name, text) in files(fresh.path()) {
            std::fs::write(committed.join(name), text).unwrap();
        }
    }
    assert_eq!(
        files(&committed),
        files(fresh.path()),
        "run `cargo xtask bindings` and commit what it writes"
    );
}
