//! What each program holds is found where the program puts it.

use std::fs;
use std::path::Path;

use hearth_library::{Found, FoundFile, Owner, Roots, find_elsewhere};
use tempfile::TempDir;

use crate::{gguf, hash, names, ollama, write};

fn manifest(layers: &[(&str, &str)]) -> String {
    let layers: Vec<String> = layers
        .iter()
        .map(|(kind, digest)| {
            format!(r#"{{"mediaType":"application/vnd.ollama.image.{kind}","digest":"{digest}","size":9}}"#)
        })
        .collect();
    format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"sha256:00"}},"layers":[{}]}}"#,
        layers.join(",")
    )
}

fn weights(digit: char) -> String {
    manifest(&[
        ("template", &format!("sha256:{}", hash('e'))),
        ("model", &format!("sha256:{}", hash(digit))),
    ])
}

fn blob(root: &Path, digit: char) -> std::path::PathBuf {
    root.join("blobs").join(format!("sha256-{}", hash(digit)))
}

#[test]
fn ollamas_models_have_their_names_and_hashes() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    for digit in ['a', 'b', 'c'] {
        gguf(&blob(root, digit), 100);
    }
    let own = root.join("manifests/registry.ollama.ai");
    write(&own.join("library/llama3.2/3b"), weights('a'));
    write(&own.join("library/llama3.2/latest"), weights('a'));
    write(&own.join("ada/poet/latest"), weights('b'));
    write(&root.join("manifests/hf.co/org/Tea-GGUF/Q4_K_M"), weights('c'));

    let found = find_elsewhere(&ollama(root));
    assert_eq!(
        names(&found),
        ["ada/poet:latest", "hf.co/org/Tea-GGUF:Q4_K_M", "llama3.2:3b"],
        "two tags of one file are one model"
    );
    assert_eq!(
        found[1],
        Found {
            owner: Owner::Ollama,
            name: "hf.co/org/Tea-GGUF:Q4_K_M".into(),
            repo: Some("org/Tea-GGUF".into()),
            files: vec![FoundFile {
                path: blob(root, 'c'),
                size_bytes: 100,
                sha256: Some(hash('c')),
            }],
        }
    );
    assert_eq!(found[2].repo, None);
    assert_eq!(found[2].owner.to_string(), "Ollama");
}

#[test]
fn ollamas_lists_of_manifests_are_followed_to_the_weights() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    gguf(&blob(root, 'a'), 100);
    write(&blob(root, 'b'), "safetensors");
    write(&blob(root, 'c'), weights('a'));
    write(&blob(root, 'd'), weights('b'));
    let list = format!(
        r#"{{"manifests":[{{"digest":"sha256:{}","runner":"mlx"}},{{"digest":"sha256:{}"}},{{"digest":"?"}}]}}"#,
        hash('d'),
        hash('c')
    );
    write(&root.join("manifests-v2/ollama.com/library/tea/latest"), list);
    // What the same version also writes, for those before it.
    write(
        &root.join("manifests/registry.ollama.ai/library/tea/latest"),
        weights('a'),
    );

    let found = find_elsewhere(&ollama(root));
    assert_eq!(names(&found), ["tea:latest"]);
    assert_eq!(found[0].path(), blob(root, 'a'));
}

#[test]
fn what_of_ollama_is_no_model_of_its_own_is_passed_over() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let library = root.join("manifests/registry.ollama.ai/library");
    gguf(&blob(root, 'a'), 100);
    write(&blob(root, 'b'), "not a model");
    let (a, b) = (format!("sha256:{}", hash('a')), format!("sha256:{}", hash('b')));
    write(
        &library.join("tuned/latest"),
        manifest(&[("model", &a), ("adapter", &b)]),
    );
    write(
        &library.join("two/latest"),
        manifest(&[("model", &a), ("model", &b)]),
    );
    write(&library.join("other/latest"), manifest(&[("model", &b)]));
    write(&library.join("gone/latest"), weights('f'));
    write(&library.join("embed/latest"), manifest(&[("projector", &a)]));
    write(&library.join("stray"), weights('a'));
    assert_eq!(names(&find_elsewhere(&ollama(root))), [] as [&str; 0]);
}

#[test]
fn lm_studios_models_have_their_repo_and_shards_are_one() {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let repo = root.join("org/Tea-GGUF");
    gguf(&repo.join("Tea-Q4_K_M.gguf"), 100);
    gguf(&repo.join("mmproj-Tea-F16.gguf"), 100);
    gguf(&repo.join("._Tea-Q4_K_M.gguf"), 100);
    write(&repo.join("Half.gguf.part"), "GGUF");
    write(&repo.join("Wrong.gguf"), "<html>");
    write(&repo.join("Short.gguf"), "GG");
    fs::create_dir_all(repo.join("Folder.gguf")).unwrap();
    for number in 1..=3 {
        gguf(
            &root.join(format!("org/Big/Big-Q8_0-0000{number}-of-00003.gguf")),
            50,
        );
    }
    for number in [1, 3] {
        gguf(
            &root.join(format!("org/Lost/Lost-0000{number}-of-00003.gguf")),
            50,
        );
    }
    gguf(&root.join("by hand.gguf"), 10);

    let found = find_elsewhere(&Roots {
        lm_studio: vec![root.to_path_buf()],
        ..Roots::default()
    });
    assert_eq!(names(&found), ["Big-Q8_0", "Tea-Q4_K_M", "by hand"]);
    assert_eq!((found[0].files.len(), found[0].size_bytes()), (3, 150));
    assert_eq!(
        found[0].files[2].path,
        root.join("org/Big/Big-Q8_0-00003-of-00003.gguf")
    );
    assert_eq!(found[1].repo.as_deref(), Some("org/Tea-GGUF"));
    assert_eq!(found[2].repo, None);
}

#[test]
fn jans_models_are_described_beside_them_or_from_afar() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let models = data.join("llamacpp/models");
    let elsewhere = folder.path().join("mine/Green Tea.gguf");
    gguf(&models.join("Menlo/Jan-v1-4B-Q4_K_M/model.gguf"), 100);
    write(
        &models.join("Menlo/Jan-v1-4B-Q4_K_M/model.yml"),
        format!(
            "embedding: false\nmodel_path: llamacpp/models/Menlo/Jan-v1-4B-Q4_K_M/model.gguf\nname: Jan v1 4B\n\
             size_bytes: 100\nmodel_sha256: {}\n",
            hash('A')
        ),
    );
    gguf(&elsewhere, 200);
    write(
        &models.join("imported/model.yml"),
        format!(
            "model_path: {}\nname: green-tea\n",
            serde_json::to_string(&elsewhere).unwrap()
        ),
    );
    gguf(&data.join("models/old-tea/model.gguf"), 300);
    gguf(&data.join("models/older/Older-Q8_0.gguf"), 300);
    gguf(&folder.path().join("outside.gguf"), 400);
    for (id, text) in [
        ("up", "model_path: ../outside.gguf\nname: up"),
        ("gone", "model_path: llamacpp/models/gone/model.gguf\nname: gone"),
        ("none", "name: none"),
        ("broken", "name: [\n"),
    ] {
        write(&models.join(id).join("model.yml"), text);
    }

    let found = find_elsewhere(&Roots {
        jan: vec![data],
        ..Roots::default()
    });
    assert_eq!(names(&found), ["Jan v1 4B", "Older-Q8_0", "green-tea", "old-tea"]);
    assert_eq!(found[0].files[0].sha256, Some(hash('a')));
    assert_eq!(found[2].path(), elsewhere);
}

#[cfg(unix)]
#[test]
fn the_caches_models_have_their_repo_and_hash_once_for_all_snapshots() {
    let cache = crate::Cache::new();
    cache.blob(&hash('a'), 100);
    cache.blob(&hash('b'), 100);
    let old = cache.link("0001", "Tea-Q4_K_M.gguf", &hash('a'));
    cache.link("0002", "Tea-Q4_K_M.gguf", &hash('a'));
    cache.link("0002", "Q8_0/Tea-Q8_0.gguf", &hash('b'));
    write(&cache.repo().join("blobs/half.incomplete"), "GGUF");
    gguf(
        &cache.root().join("datasets--org--tea/snapshots/0001/data.gguf"),
        9,
    );
    // As it is where the system has no links.
    gguf(
        &cache
            .root()
            .join("models--org--no--links/snapshots/0001/Plain.gguf"),
        9,
    );

    let found = find_elsewhere(&Roots {
        hf_cache: vec![cache.root()],
        ..Roots::default()
    });
    assert_eq!(names(&found), ["Plain", "Tea-Q4_K_M", "Tea-Q8_0"]);
    assert_eq!(found[0].repo.as_deref(), Some("org/no--links"));
    assert_eq!(found[0].files[0].sha256, None);
    assert_eq!(found[1].repo.as_deref(), Some("org/tea"));
    assert_eq!(
        found[1].files,
        [FoundFile {
            path: old,
            size_bytes: 100,
            sha256: Some(hash('a')),
        }]
    );
    assert_eq!(found[2].files[0].sha256, Some(hash('b')));
}

#[cfg(unix)]
#[test]
fn a_file_that_two_programs_share_is_told_once() {
    let folder = TempDir::new().unwrap();
    let (first, second) = (folder.path().join("ollama"), folder.path().join("studio"));
    gguf(&blob(&first, 'a'), 100);
    write(
        &first.join("manifests/registry.ollama.ai/library/tea/latest"),
        weights('a'),
    );
    fs::create_dir_all(second.join("org/tea")).unwrap();
    fs::hard_link(blob(&first, 'a'), second.join("org/tea/hard.gguf")).unwrap();
    std::os::unix::fs::symlink(blob(&first, 'a'), second.join("org/tea/soft.gguf")).unwrap();

    let found = find_elsewhere(&Roots {
        ollama: vec![first],
        lm_studio: vec![second],
        ..Roots::default()
    });
    assert_eq!(names(&found), ["tea:latest"]);
}

#[test]
fn programs_that_are_not_installed_have_nothing() {
    let folder = TempDir::new().unwrap();
    let nowhere = vec![folder.path().join("nowhere")];
    let found = find_elsewhere(&Roots {
        ollama: nowhere.clone(),
        lm_studio: nowhere.clone(),
        jan: nowhere.clone(),
        hf_cache: nowhere,
    });
    assert!(found.is_empty());
}
