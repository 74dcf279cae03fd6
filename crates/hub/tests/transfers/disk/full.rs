//! Disks that are really full, or read-only: small file systems that only root may mount.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use hearth_hub::HubCache;
use hearth_store::{TransferCause, TransferState};

use crate::setup::{FILE, Open, SIZE, Setup, limits};

/// A mounted file system; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// One in memory.
    fn tmpfs(setup: &Setup, options: &str) -> Option<Self> {
        Self::mount(setup, &["-t", "tmpfs", "-o", options, "tmpfs"])
    }

    /// Mounts, or says why this machine does not let us.
    fn mount(setup: &Setup, arguments: &[&str]) -> Option<Self> {
        let at = setup.folder.path().join("disk");
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(arguments).arg(&at).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(at)),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                println!("skipped: no mount here: {error}");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the queue may still be closing its files.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Fills a disk up to the last byte.
fn fill(disk: &Disk) -> PathBuf {
    use std::io::Write as _;
    let path = disk.0.join("ballast");
    let mut file = fs::File::create(&path).unwrap();
    let block = vec![1; 1 << 16];
    while file.write_all(&block).and_then(|()| file.sync_data()).is_ok() {}
    path
}

/// A download onto the disk that has got an eighth of its file, and its id.
async fn begun(setup: &mut Setup, disk: &Disk, bytes_per_second: u64) -> (Open, String) {
    setup.cache = HubCache::at(disk.0.join("hub"));
    setup.hub.bandwidth(Some(bytes_per_second));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 8).await;
    (open, queued.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn space_that_is_reserved_cannot_be_taken_by_others_in_the_middle() {
    let mut setup = Setup::new().await;
    let options = format!("size={}", SIZE + SIZE / 5);
    let Some(disk) = Disk::tmpfs(&setup, &options) else {
        return;
    };
    let (mut open, id) = begun(&mut setup, &disk, 4_000_000).await;
    fill(&disk);
    setup.hub.bandwidth(None);
    assert_eq!(open.end(&id).await.state, TransferState::Done);
    setup.assert_right(FILE);
    open.close().await;
}

/// ext2 cannot reserve. Depending on the kernel, a full one says so at the write or only at the sync.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_in_the_middle_keeps_what_is_there() {
    let mut setup = Setup::new().await;
    let image = setup.folder.path().join("image");
    fs::File::create(&image).unwrap().set_len(2 * SIZE).unwrap();
    let made = Command::new("mkfs.ext2")
        .args(["-q", "-m", "0"])
        .arg(&image)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("skipped: no mkfs.ext2 here");
        return;
    }
    let Some(disk) = Disk::mount(&setup, &["-o", "loop", &image.display().to_string()]) else {
        return;
    };
    let (mut open, id) = begun(&mut setup, &disk, 4_000_000).await;
    let ballast = fill(&disk);
    let end = open.end(&id).await;
    assert_eq!(end.state, TransferState::Failed);
    let failure = end.failure.unwrap();
    assert_eq!(failure.cause, TransferCause::DiskFull);
    let sentence = failure.sentence;
    assert!(
        sentence.contains("is full") && sentence.contains("is kept"),
        "{sentence}"
    );
    assert!(end.done_bytes >= SIZE / 16, "{} bytes are kept", end.done_bytes);

    fs::remove_file(ballast).unwrap();
    let sent_before = setup.sent();
    setup.hub.bandwidth(None);
    open.transfers.resume(&id).await.unwrap();
    open.until_state(&id, TransferState::Done).await;
    setup.assert_right(FILE);
    assert!(
        setup.sent() - sent_before <= SIZE - end.done_bytes,
        "nothing that was kept is fetched again"
    );
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_has_no_room_for_the_last_name_keeps_the_whole_file() {
    let mut setup = Setup::new().await;
    // Names cost an inode each: root, ballast's folder, hub, repository, blobs and the part file, and none is left
    // for the snapshot.
    let options = format!("size={},nr_inodes=64", 2 * SIZE);
    let Some(disk) = Disk::tmpfs(&setup, &options) else {
        return;
    };
    let (mut open, id) = begun(&mut setup, &disk, 8_000_000).await;
    let ballast = disk.0.join("ballast");
    fs::create_dir(&ballast).unwrap();
    while let Ok(_name) = fs::File::create(ballast.join(fastrand::u64(..).to_string())) {}
    let end = open.end(&id).await;
    let sentence = end.failure.unwrap().sentence;
    assert!(sentence.contains("is full"), "{sentence}");

    fs::remove_dir_all(ballast).unwrap();
    let sent_before = setup.sent();
    open.transfers.resume(&id).await.unwrap();
    open.until_state(&id, TransferState::Done).await;
    setup.assert_right(FILE);
    assert_eq!(setup.sent(), sent_before, "not a byte is fetched again");
    open.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_read_only_is_named_and_a_retry_goes_on_once_it_is_not() {
    let mut setup = Setup::new().await;
    let Some(disk) = Disk::tmpfs(&setup, "ro") else {
        return;
    };
    setup.cache = HubCache::at(disk.0.join("hub"));
    let mut open = setup.open(limits()).await;
    let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
    let sentence = end.failure.unwrap().sentence;
    assert!(sentence.contains("may not be written"), "{sentence}");

    let writable = Command::new("mount")
        .args(["-o", "remount,rw"])
        .arg(&disk.0)
        .status();
    assert!(writable.unwrap().success());
    open.transfers.resume(&end.id).await.unwrap();
    open.until_state(&end.id, TransferState::Done).await;
    setup.assert_right(FILE);
    open.close().await;
}
