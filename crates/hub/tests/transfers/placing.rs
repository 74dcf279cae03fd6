//! Files end where every other tool looks for them, and what is there already is not fetched.

use std::fs;

use hearth_fake_hub::Content;
use hearth_hub::transfer::TransferEvent;
use hearth_store::{NewTransferFile, TransferState};

use crate::setup::{FILE, REPO, SIZE, Setup, limits};

const SHARDS: [&str; 2] = ["Q8_0/fox-00001-of-00002.gguf", "Q8_0/fox-00002-of-00002.gguf"];

#[tokio::test(flavor = "multi_thread")]
async fn all_files_of_a_model_arrive_in_the_layout_of_the_hugging_face_cache() {
    let setup = Setup::new().await;
    for (seed, path) in (20..).zip(SHARDS) {
        setup
            .hub
            .repo(REPO)
            .file(path, Content::generated(3_000_000, seed));
    }
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&SHARDS)).await.unwrap();
    let paths = open
        .until(|event| match event {
            TransferEvent::Finished { id, paths, .. } if *id == queued.id => Some(paths.clone()),
            _ => None,
        })
        .await;
    assert_eq!(paths, SHARDS.map(|path| setup.snapshot(path)));
    for path in SHARDS {
        setup.assert_right(path);
        #[cfg(unix)]
        {
            let sha256 = setup.repo.content(path).unwrap().sha256().unwrap();
            let link = fs::read_link(setup.snapshot(path)).unwrap();
            assert_eq!(link, std::path::Path::new("../../../blobs").join(sha256));
        }
    }
    let main = fs::read_to_string(setup.blobs().with_file_name("refs").join("main")).unwrap();
    assert_eq!(main, setup.repo.sha());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_is_verified_by_its_git_hash() {
    let setup = Setup::new().await;
    setup.hub.repo(REPO).file("config.json", "{\"vocab\": 32000}");
    let mut wanted = setup.wanted(&[FILE]);
    wanted.files = vec![NewTransferFile {
        path: "config.json".to_owned(),
        size_bytes: 16,
        sha256: None,
        // git hash-object of these 16 bytes.
        etag: "9bae627c5a59c8a7601bac6c1d6f2ad7a86f8a46".to_owned(),
    }];
    let mut open = setup.open(limits()).await;
    let end = open.pull(wanted).await.unwrap();
    assert_eq!(end.state, TransferState::Done, "{end:?}");
    assert_eq!(
        fs::read(setup.snapshot("config.json")).unwrap(),
        b"{\"vocab\": 32000}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_another_tool_has_brought_are_not_fetched() {
    let setup = Setup::new().await;
    let wanted = setup.wanted(&[FILE]);
    let content = setup.repo.content(FILE).unwrap();
    fs::create_dir_all(setup.blobs()).unwrap();
    let blob = setup.blobs().join(&wanted.files[0].etag);
    fs::write(&blob, content.read(0, u64::MAX).unwrap()).unwrap();
    let mut open = setup.open(limits()).await;
    assert_eq!(open.pull(wanted).await.unwrap().state, TransferState::Done);
    assert_eq!(setup.sent(), 0);
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_of_the_right_length_and_the_wrong_hash_are_fetched_anew() {
    let setup = Setup::new().await;
    let wanted = setup.wanted(&[FILE]);
    fs::create_dir_all(setup.blobs()).unwrap();
    let blob = setup.blobs().join(&wanted.files[0].etag);
    fs::write(&blob, vec![0; SIZE as usize]).unwrap();
    let mut open = setup.open(limits()).await;
    assert_eq!(open.pull(wanted).await.unwrap().state, TransferState::Done);
    setup.assert_right(FILE);
}
