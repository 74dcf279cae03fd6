//! Whatever models share, deleting one takes nothing from another, and frees what was said.
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use hearth_library::{ModelFiles, delete, what_delete_frees};
use proptest::prelude::*;
use walkdir::WalkDir;

use crate::{Cache, hash};

/// Blobs, by their digit; each has a size of its own.
const BLOBS: [char; 4] = ['a', 'b', 'c', 'd'];

fn size(blob: usize) -> usize {
    1000 + 10 * blob
}

/// The bytes of all files below the cache, each file once.
fn taken(cache: &Cache) -> u64 {
    let files = WalkDir::new(cache.root()).into_iter().flatten();
    let sizes: BTreeMap<u64, u64> = files
        .filter(|file| file.file_type().is_file())
        .map(|file| file.metadata().unwrap())
        .map(|metadata| (metadata.ino(), metadata.len()))
        .collect();
    sizes.values().sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_stays_is_whole_and_what_goes_is_what_was_said(
        links in prop::collection::btree_map((0..3_usize, 0..4_usize), 0..4_usize, 1..10),
        picked in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
    ) {
        let cache = Cache::new();
        for (blob, digit) in BLOBS.iter().enumerate() {
            if links.values().any(|used| *used == blob) {
                cache.blob(&hash(*digit), size(blob));
            }
        }
        let made: Vec<(PathBuf, usize)> = links
            .iter()
            .map(|((commit, name), blob)| {
                let path = cache.link(&format!("000{commit}"), &format!("{name}.gguf"), &hash(BLOBS[*blob]));
                (path, *blob)
            })
            .collect();
        let going: BTreeSet<usize> = picked.iter().map(|index| index.index(made.len())).collect();
        let paths: Vec<PathBuf> = going.iter().map(|index| made[*index].0.clone()).collect();
        let model = ModelFiles { paths: &paths, imported: false };

        let before = taken(&cache);
        let said = what_delete_frees(&cache.root(), model).unwrap();
        prop_assert_eq!(taken(&cache), before, "asking deletes nothing");
        prop_assert_eq!(&delete(&cache.root(), model).unwrap(), &said);
        prop_assert_eq!(before - taken(&cache), said.bytes);

        let staying: Vec<_> = (0..made.len()).filter(|index| !going.contains(index)).collect();
        for index in &staying {
            let (path, blob) = &made[*index];
            prop_assert_eq!(std::fs::read(path).unwrap().len(), size(*blob));
        }
        let needed: BTreeSet<usize> = staying.iter().map(|index| made[*index].1).collect();
        let left: usize = needed.into_iter().map(size).sum();
        prop_assert_eq!(taken(&cache), left as u64, "no bytes without a name");
    }
}
