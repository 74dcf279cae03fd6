//! Disks that fill up, cannot be written, or go away in the middle.

use std::fs;

use hearth_hub::HubCache;
use hearth_store::TransferState;

use crate::setup::{FILE, SIZE, Setup, limits};

#[cfg(target_os = "linux")]
mod full;

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_removed_in_the_middle_is_told_and_a_retry_starts_over() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(4_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 8).await;
    fs::remove_dir_all(setup.cache.root()).unwrap();
    let end = open.end(&queued.id).await;
    assert_eq!(end.state, TransferState::Failed);
    let sentence = end.failure.unwrap().sentence;
    assert!(sentence.contains("is not there any more"), "{sentence}");

    // The disk is still away: nothing is made in its place.
    open.transfers.resume(&queued.id).await.unwrap();
    open.until_state(&queued.id, TransferState::Running).await;
    assert_eq!(open.end(&queued.id).await.state, TransferState::Failed);
    assert!(!setup.cache.root().exists());

    setup.hub.bandwidth(None);
    fs::create_dir(setup.cache.root()).unwrap();
    open.transfers.resume(&queued.id).await.unwrap();
    open.until_state(&queued.id, TransferState::Done).await;
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_larger_than_the_disk_is_refused_in_numbers_before_a_byte_is_fetched() {
    let setup = Setup::new().await;
    let mut wanted = setup.wanted(&[FILE]);
    // More than any disk of these years holds.
    wanted.files[0].size_bytes = 1 << 60;
    let mut open = setup.open(limits()).await;
    let end = open.pull(wanted).await.unwrap();
    let sentence = end.failure.unwrap().sentence;
    assert!(
        sentence.contains("1210567579.9 GB") && sentence.contains("Free"),
        "{sentence}"
    );
    assert_eq!(setup.sent(), 0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_may_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut setup = Setup::new().await;
    let folder = setup.folder.path().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    setup.cache = HubCache::at(folder.join("hub"));
    let mut open = setup.open(limits()).await;
    let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
    let sentence = end.failure.unwrap().sentence;
    assert!(sentence.contains("may not be written"), "{sentence}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    open.transfers.resume(&end.id).await.unwrap();
    open.until_state(&end.id, TransferState::Done).await;
    setup.assert_right(FILE);
}
