//! Deleting downloads from the cache that other programs use as well.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hearth_library::{Freed, Kept, LibraryError, ModelFiles, delete, what_delete_frees};

use crate::{Cache, gguf, hash, write};

/// Says what deleting would free, deletes, and says it if both agree.
fn deleted(cache: &Cache, paths: &[PathBuf]) -> Freed {
    let model = ModelFiles {
        paths,
        imported: false,
    };
    let said = what_delete_frees(&cache.root(), model).unwrap();
    assert_eq!(delete(&cache.root(), model).unwrap(), said);
    for path in paths {
        assert!(path.symlink_metadata().is_err(), "{}", path.display());
    }
    said
}

#[test]
fn a_model_goes_with_its_bytes_folders_and_branch() {
    let cache = Cache::new();
    cache.blob(&hash('a'), 1000);
    cache.blob(&hash('b'), 500);
    cache.branch("main", "0001");
    cache.branch("refs/pr/1", "0002");
    let shards = [
        cache.link("0001", "Q4/Tea-00001-of-00002.gguf", &hash('a')),
        cache.link("0001", "Q4/Tea-00002-of-00002.gguf", &hash('b')),
    ];
    assert_eq!(
        deleted(&cache, &shards),
        Freed {
            bytes: 1500,
            files: shards.to_vec(),
            kept: None
        }
    );
    assert_eq!(
        fs::read_dir(cache.repo()).unwrap().count(),
        1,
        "what is left of the repository"
    );
    assert!(
        cache.repo().join("refs/refs/pr/1").exists(),
        "a branch of another snapshot"
    );

    assert_eq!(
        deleted(&cache, &shards),
        Freed::default(),
        "once more does no harm"
    );
}

#[test]
fn the_last_model_takes_the_repositorys_folder_along() {
    let cache = Cache::new();
    cache.blob(&hash('a'), 10);
    cache.branch("main", "0001");
    let model = cache.link("0001", "Tea.gguf", &hash('a'));
    gguf(
        &cache.root().join("models--org--other/snapshots/0001/Other.gguf"),
        10,
    );
    deleted(&cache, &[model]);
    assert!(!cache.repo().exists());
    assert!(
        cache
            .root()
            .join("models--org--other/snapshots/0001/Other.gguf")
            .exists()
    );
}

#[test]
fn bytes_that_another_snapshot_has_stay() {
    let cache = Cache::new();
    let blob = cache.blob(&hash('a'), 1000);
    let old = cache.link("0001", "Tea.gguf", &hash('a'));
    let new = cache.link("0002", "Tea.gguf", &hash('a'));
    let branch = cache.branch("main", "0002");
    let freed = deleted(&cache, &[old]);
    assert_eq!((freed.bytes, freed.kept), (0, Some(Kept::OtherSnapshot)));
    assert!(new.exists() && blob.exists() && branch.exists());
    assert!(!cache.repo().join("snapshots/0001").exists());

    let freed = deleted(&cache, std::slice::from_ref(&new));
    assert_eq!((freed.bytes, freed.kept), (1000, None));
}

#[test]
fn another_model_of_the_same_repository_stays() {
    let cache = Cache::new();
    cache.blob(&hash('a'), 1000);
    cache.blob(&hash('b'), 500);
    let small = cache.link("0001", "Tea-Q4.gguf", &hash('a'));
    let large = cache.link("0001", "Tea-Q8.gguf", &hash('b'));
    let branch = cache.branch("main", "0001");
    let half = cache.repo().join("blobs/half.incomplete");
    write(&half, "GGUF");
    assert_eq!(deleted(&cache, &[small]).bytes, 1000);
    assert!(large.exists() && branch.exists() && half.exists());
}

#[test]
fn a_hard_link_elsewhere_keeps_the_bytes() {
    let cache = Cache::new();
    let blob = cache.blob(&hash('a'), 1000);
    let model = cache.link("0001", "Tea.gguf", &hash('a'));
    let elsewhere = cache.folder.path().join("backup.gguf");
    fs::hard_link(&blob, &elsewhere).unwrap();
    let freed = deleted(&cache, &[model]);
    assert_eq!((freed.bytes, freed.kept), (0, Some(Kept::OtherName)));
    assert!(!blob.exists());
    assert_eq!(fs::metadata(&elsewhere).unwrap().len(), 1000);
}

#[test]
fn a_cache_without_links_is_deleted_from_as_well() {
    let cache = Cache::new();
    let copied = cache.repo().join("snapshots/0001/Copied.gguf");
    gguf(&copied, 700);
    assert_eq!(deleted(&cache, &[copied]).bytes, 700);

    let blob = cache.blob(&hash('a'), 1000);
    let linked = cache.repo().join("snapshots/0001/Linked.gguf");
    fs::create_dir_all(linked.parent().unwrap()).unwrap();
    fs::hard_link(&blob, &linked).unwrap();
    assert_eq!(deleted(&cache, &[linked]).bytes, 1000);
    assert!(!blob.exists());
}

#[test]
fn a_link_that_leads_elsewhere_goes_and_what_it_leads_to_stays() {
    let cache = Cache::new();
    let mine = cache.folder.path().join("mine.gguf");
    gguf(&mine, 1000);
    let snapshot = cache.repo().join("snapshots/0001");
    fs::create_dir_all(&snapshot).unwrap();
    symlink(&mine, snapshot.join("Tea.gguf")).unwrap();
    symlink("../../blobs/gone", snapshot.join("Gone.gguf")).unwrap();
    let freed = deleted(&cache, &[snapshot.join("Tea.gguf"), snapshot.join("Gone.gguf")]);
    assert_eq!((freed.bytes, freed.kept), (0, Some(Kept::OtherName)));
    assert!(mine.exists());
}

#[test]
fn a_blobs_folder_that_is_a_link_is_not_deleted_from() {
    let cache = Cache::new();
    let moved = cache.folder.path().join("moved");
    gguf(&moved.join(hash('a')), 1000);
    fs::create_dir_all(cache.repo()).unwrap();
    symlink(&moved, cache.repo().join("blobs")).unwrap();
    let model = cache.link("0001", "Tea.gguf", &hash('a'));
    assert_eq!(deleted(&cache, &[model]).kept, Some(Kept::OtherName));
    assert!(moved.join(hash('a')).exists());
}

#[test]
fn what_is_not_a_download_in_the_cache_is_refused_before_anything_goes() {
    let cache = Cache::new();
    let blob = cache.blob(&hash('a'), 1000);
    let model = cache.link("0001", "Tea.gguf", &hash('a'));
    let outside = cache
        .folder
        .path()
        .join("outside/models--a--b/snapshots/0001/Mine.gguf");
    gguf(&outside, 10);
    symlink(outside.parent().unwrap(), cache.repo().join("snapshots/0002")).unwrap();
    let dataset = cache.root().join("datasets--a--b/snapshots/0001/data.gguf");
    gguf(&dataset, 10);
    for path in [
        outside.clone(),
        cache.repo().join("snapshots/0002/Mine.gguf"),
        cache
            .repo()
            .join("snapshots/0001/../../../../outside/models--a--b/snapshots/0001/Mine.gguf"),
        dataset,
        blob.clone(),
        cache.repo().join("snapshots/0001"),
        cache.repo().join("snapshots/.."),
        cache.root(),
        Path::new("/").to_path_buf(),
        "Tea.gguf".into(),
        PathBuf::new(),
    ] {
        let paths = [model.clone(), path.clone()];
        let files = ModelFiles {
            paths: &paths,
            imported: false,
        };
        for refused in [
            delete(&cache.root(), files),
            what_delete_frees(&cache.root(), files),
        ] {
            assert!(
                matches!(refused, Err(LibraryError::NotOurs { .. })),
                "{}: {refused:?}",
                path.display()
            );
        }
    }
    let imported = ModelFiles {
        paths: std::slice::from_ref(&model),
        imported: true,
    };
    assert!(matches!(
        delete(&cache.root(), imported),
        Err(LibraryError::Imported)
    ));
    assert!(model.exists() && blob.exists() && outside.exists());
}
