//! Quantised copies: found while they are whole and of what is there, gone without a trace.

use std::fs;
use std::path::PathBuf;

use hearth_library::{Copies, LibraryError};
use tempfile::TempDir;

use crate::write;

struct Stage {
    folder: TempDir,
    copies: Copies,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copies = Copies::new(folder.path().join("quantised"));
        Self { folder, copies }
    }

    fn sources(&self) -> Vec<PathBuf> {
        let files = ["config.json", "model.safetensors"].map(|name| self.folder.path().join(name));
        for file in &files {
            if !file.exists() {
                write(file, "what it is made from");
            }
        }
        files.to_vec()
    }

    /// As the worker writes one.
    fn keep(&self, model: &str, level: &str) -> PathBuf {
        let place = self.copies.place(model, level, &self.sources());
        let part = place.with_extension("part");
        write(&part.join("residual.safetensors"), [0; 10]);
        write(&part.join("q4k-0.uqff"), [0; 90]);
        fs::rename(&part, &place).unwrap();
        place
    }
}

#[test]
fn a_copy_is_found_with_what_it_takes() {
    let stage = Stage::new();
    assert_eq!(stage.copies.find("a", &stage.sources()), None);
    let place = stage.keep("a", "Q4_K");
    let found = stage.copies.find("a", &stage.sources()).unwrap();
    assert_eq!((found.level.as_str(), found.bytes), ("Q4_K", 100));
    assert_eq!(
        found.files,
        [place.join("q4k-0.uqff"), place.join("residual.safetensors")]
    );
    assert!(stage.copies.holds("a", &found.files[0]));
    assert!(!stage.copies.holds("b", &found.files[0]));
    assert!(!stage.copies.holds("a", &stage.sources()[0]));
    assert_eq!(stage.copies.find("b", &stage.sources()), None);
}

#[test]
fn a_copy_of_what_has_changed_is_none() {
    let stage = Stage::new();
    stage.keep("a", "Q4_K");
    write(&stage.sources()[1], "something else was downloaded");
    assert_eq!(stage.copies.find("a", &stage.sources()), None);
}

#[test]
fn removing_takes_all_of_it_and_nothing_else() {
    let stage = Stage::new();
    stage.keep("a", "Q4_K");
    stage.keep("b", "Q8_0");
    stage.copies.remove("a").unwrap();
    stage.copies.remove("never there").unwrap();
    assert_eq!(stage.copies.find("a", &stage.sources()), None);
    assert!(stage.copies.find("b", &stage.sources()).is_some());
    let left: Vec<_> = fs::read_dir(stage.folder.path().join("quantised"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn making_room_replaces_the_copy_before_and_refuses_what_no_disk_holds() {
    let stage = Stage::new();
    stage.keep("a", "Q4_K");
    stage.copies.make_room("a", 1000).unwrap();
    assert_eq!(stage.copies.find("a", &stage.sources()), None);
    let error = stage.copies.make_room("a", 1 << 60).unwrap_err();
    assert!(matches!(error, LibraryError::NoSpace { .. }), "{error}");
    assert!(error.to_string().contains("Make room"), "{error}");
}

#[test]
fn a_start_sweeps_what_an_end_in_the_middle_left() {
    let stage = Stage::new();
    let place = stage.keep("a", "Q4_K");
    let root = stage.folder.path().join("quantised");
    // Killed while it was written, while one was removed, and between forgetting a model and removing its copy.
    write(
        &place.with_file_name("Q8_0-0011.part").join("q8_0-0.uqff"),
        [0; 5],
    );
    write(&root.join("b.part/Q4_K-0011/q4k-0.uqff"), [0; 5]);
    stage.keep("c", "Q4_K");
    stage.copies.sweep(&["a".to_owned()]);
    assert!(stage.copies.find("a", &stage.sources()).is_some());
    let names = |folder: &PathBuf| fs::read_dir(folder).unwrap().count();
    assert_eq!((names(&root), names(&root.join("a"))), (1, 1));
}
