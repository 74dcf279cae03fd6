//! Folders of other programs that are not as they should be.

use std::fs;

use hearth_library::{Roots, find_elsewhere};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::{gguf, hash, names, ollama, write};

fn lm_studio(folder: &TempDir) -> Roots {
    Roots {
        lm_studio: vec![folder.path().to_path_buf()],
        ..Roots::default()
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_and_pipes_that_never_end_do_no_harm() {
    use std::os::unix::fs::symlink;
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    gguf(&root.join("org/tea/Tea.gguf"), 100);
    symlink(root, root.join("org/circle")).unwrap();
    symlink("self.gguf", root.join("org/tea/self.gguf")).unwrap();
    symlink("nowhere", root.join("org/tea/Broken.gguf")).unwrap();
    let pipe = std::process::Command::new("mkfifo")
        .arg(root.join("org/tea/Pipe.gguf"))
        .status()
        .unwrap();
    assert!(pipe.success());
    assert_eq!(names(&find_elsewhere(&lm_studio(&folder))), ["Tea"]);
}

/// Windows knows no such folders.
#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_hides_only_itself() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    gguf(&root.join("org/closed/Closed.gguf"), 100);
    gguf(&root.join("org/tea/Tea.gguf"), 100);
    fs::set_permissions(root.join("org/closed"), fs::Permissions::from_mode(0o000)).unwrap();
    let found = find_elsewhere(&lm_studio(&folder));
    fs::set_permissions(root.join("org/closed"), fs::Permissions::from_mode(0o755)).unwrap();
    // Nothing is closed to root.
    if fs::metadata(root).unwrap().uid() == 0 {
        assert_eq!(names(&found), ["Closed", "Tea"]);
    } else {
        assert_eq!(names(&found), ["Tea"]);
    }
}

#[test]
fn too_many_files_and_too_deep_folders_end_the_walk() {
    let folder = TempDir::new().unwrap();
    let deep = folder.path().join("a/".repeat(9));
    gguf(&deep.join("Deep.gguf"), 10);
    gguf(&folder.path().join("org/tea/Tea.gguf"), 10);
    assert_eq!(names(&find_elsewhere(&lm_studio(&folder))), ["Tea"]);

    let many = TempDir::new().unwrap();
    for number in 0..10_050 {
        fs::File::create(many.path().join(format!("{number}.txt"))).unwrap();
    }
    let second = TempDir::new().unwrap();
    gguf(&second.path().join("org/tea/Tea.gguf"), 10);
    let roots = Roots {
        lm_studio: vec![many.path().to_path_buf(), second.path().to_path_buf()],
        ..Roots::default()
    };
    assert!(
        find_elsewhere(&roots).is_empty(),
        "one bound for all folders of a program"
    );
}

#[test]
fn a_description_that_is_huge_is_not_read() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    gguf(&root.join(format!("blobs/sha256-{}", hash('a'))), 100);
    let model = format!(
        r#"{{"layers":[{{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:{}"}}]}}"#,
        hash('a')
    );
    let path = root.join("manifests/registry.ollama.ai/library/tea/latest");
    write(&path, &model);
    assert_eq!(find_elsewhere(&ollama(root)).len(), 1);
    write(&path, model + &" ".repeat(2 << 20));
    assert!(find_elsewhere(&ollama(root)).is_empty());
}

/// Digests that are right, wrong and dangerous.
fn digest() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("sha256:{}", hash('a'))),
        Just("sha256:../../outside".to_owned()),
        Just(format!("sha256:{}/../../outside.gguf", "a".repeat(40))),
        "sha256[:-][0-9a-f/.]{60,68}",
        any::<String>(),
    ]
}

fn manifest() -> impl Strategy<Value = String> {
    let kind = prop_oneof![
        Just("application/vnd.ollama.image.model".to_owned()),
        any::<String>()
    ];
    let json = (prop::collection::vec((kind, digest()), 0..4), digest()).prop_map(|(layers, listed)| {
        let layers: Vec<_> = layers
            .into_iter()
            .map(|(kind, digest)| serde_json::json!({ "mediaType": kind, "digest": digest }))
            .collect();
        serde_json::json!({ "layers": layers, "manifests": [{ "digest": listed }] }).to_string()
    });
    prop_oneof![3 => json, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_manifest_leads_out_of_the_blobs(manifests in prop::collection::vec(manifest(), 1..4)) {
        let folder = TempDir::new().unwrap();
        let root = folder.path().join("models");
        gguf(&folder.path().join("outside"), 10);
        gguf(&folder.path().join("outside.gguf"), 10);
        gguf(&root.join(format!("blobs/sha256-{}", hash('a'))), 10);
        for (number, text) in manifests.iter().enumerate() {
            write(&root.join(format!("manifests/registry.ollama.ai/library/m/{number}")), text);
        }
        for model in find_elsewhere(&ollama(&root)) {
            prop_assert_eq!(model.path().parent().unwrap(), root.join("blobs"));
        }
    }

    #[test]
    fn no_description_of_jan_is_believed_about_what_is_no_gguf(text in "(name: |model_path: |model_sha256: |[^\u{0}]){0,8}") {
        let folder = TempDir::new().unwrap();
        write(&folder.path().join("llamacpp/models/m/model.yml"), &text);
        let roots = Roots { jan: vec![folder.path().to_path_buf()], ..Roots::default() };
        prop_assert!(find_elsewhere(&roots).is_empty());
    }
}
