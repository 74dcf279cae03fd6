//! The order of downloads, and what a person says to them.

use std::time::{Duration, Instant};

use hearth_fake_hub::Content;
use hearth_hub::HubError;
use hearth_hub::transfer::{TransferError, TransferEvent, TransferLimits};
use hearth_store::TransferState;

use crate::setup::{FILE, REPO, SIZE, Setup, limits, names};

fn one_at_a_time() -> TransferLimits {
    TransferLimits {
        at_once: 1,
        ..limits()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_download_goes_on_where_it_was_also_after_a_restart() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(6_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 3).await;
    open.transfers.pause(&queued.id).await.unwrap();
    let paused = open.transfers.list().await.unwrap().remove(0);
    assert_eq!(paused.state, TransferState::Paused);
    assert!(
        paused.done_bytes >= SIZE / 3 && paused.done_bytes < SIZE,
        "{paused:?}"
    );
    open.close().await;

    let sent_before = setup.sent();
    setup.hub.bandwidth(None);
    let mut open = setup.open(limits()).await;
    assert_eq!(
        open.transfers.list().await.unwrap()[0].state,
        TransferState::Paused
    );
    open.transfers.resume(&queued.id).await.unwrap();
    assert_eq!(open.end(&queued.id).await.state, TransferState::Done);
    setup.assert_right(FILE);
    assert_eq!(
        setup.sent() - sent_before,
        SIZE - paused.done_bytes,
        "nothing is fetched twice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_when_hearth_was_closed_runs_when_it_is_opened() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(6_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 4).await;
    open.close().await;
    setup.hub.bandwidth(None);
    let mut open = setup.open(limits()).await;
    assert_eq!(open.end(&queued.id).await.state, TransferState::Done);
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_download_leaves_nothing() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(6_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 4).await;
    assert_eq!(names(&setup.blobs()).len(), 1);
    open.transfers.cancel(&queued.id).await.unwrap();
    assert_eq!(names(&setup.blobs()), [""; 0]);
    assert_eq!(open.transfers.list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_in_line_runs_and_the_line_can_be_changed() {
    let setup = Setup::new().await;
    let paths = ["a-Q4_0.gguf", "b-Q4_0.gguf", "c-Q4_0.gguf"];
    for (seed, path) in (10..).zip(paths) {
        setup
            .hub
            .repo(REPO)
            .file(path, Content::generated(2_000_000, seed));
    }
    setup.hub.bandwidth(Some(2_000_000));
    let mut open = setup.open(one_at_a_time()).await;
    let mut ids = Vec::new();
    for path in paths {
        ids.push(open.transfers.queue(setup.wanted(&[path])).await.unwrap().id);
    }
    open.transfers.move_before(&ids[2], Some(&ids[1])).await.unwrap();
    let mut finished = Vec::new();
    while finished.len() < 3 {
        let id = open.until(|event| match event {
            TransferEvent::Finished { id, .. } => Some(id.clone()),
            _ => None,
        });
        finished.push(id.await);
    }
    assert_eq!(finished, [ids[0].clone(), ids[2].clone(), ids[1].clone()]);
    let listed = open.transfers.list().await.unwrap();
    assert!(
        listed
            .iter()
            .all(|transfer| transfer.state == TransferState::Done),
        "done ones stay listed"
    );
    open.transfers.cancel(&ids[0]).await.unwrap();
    assert_eq!(open.transfers.list().await.unwrap().len(), 2);
    setup.assert_right(paths[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_for_the_same_files_is_one_download() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(6_000_000));
    let open = setup.open(limits()).await;
    let first = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    let second = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    assert_eq!(first.id, second.id);

    // The same files may be wanted as another variant.
    let mut other = setup.wanted(&[FILE]);
    other.variant = "Q5_K".to_owned();
    let third = open.transfers.queue(other).await.unwrap();
    let listed = open.transfers.list().await.unwrap();
    assert_eq!((first.id, listed.len()), (third.id, 1));
    assert_eq!(listed[0].variant.as_deref(), Some("Q5_K"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_is_kept_and_can_be_lifted_in_the_middle() {
    let setup = Setup::new().await;
    let limited = TransferLimits {
        bytes_per_second: Some(4_000_000),
        ..limits()
    };
    let mut open = setup.open(limited).await;
    let begun = Instant::now();
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, 8_000_000).await;
    assert!(
        begun.elapsed() > Duration::from_millis(1200),
        "8 MB at 4 MB/s, less the first burst"
    );
    open.transfers.set_limit(None);
    assert_eq!(open.end(&queued.id).await.state, TransferState::Done);
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "24 MB would have taken 6 s"
    );
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_told_four_times_a_second_at_most() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(12_000_000));
    let mut open = setup.open(limits()).await;
    let begun = Instant::now();
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    let mut told = 0;
    loop {
        let progress = open
            .until(|event| match event {
                TransferEvent::Progress(progress) => Some(progress.clone()),
                _ => None,
            })
            .await;
        assert_eq!(progress.total_bytes, SIZE);
        if progress.state == TransferState::Done {
            break;
        }
        told += 1;
        if told > 5 {
            assert!(progress.bytes_per_second.unwrap() > 0.0, "{progress:?}");
            assert!(progress.seconds_left.is_some(), "{progress:?}");
        }
    }
    let most = 3 + (begun.elapsed().as_millis() / 250) as u32;
    assert!(
        told > 2 && told <= most,
        "{told} of at most {most}: {}",
        queued.id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_could_leave_the_folder_are_refused() {
    let setup = Setup::new().await;
    let open = setup.open(limits()).await;
    let long = "x".repeat(300);
    for name in [
        "../../evil.gguf",
        "/etc/passwd",
        "a\0b.gguf",
        "C:\\evil.gguf",
        "",
        long.as_str(),
    ] {
        let mut wanted = setup.wanted(&[FILE]);
        wanted.files[0].path = name.to_owned();
        let refused = open.transfers.queue(wanted).await.unwrap_err();
        assert!(
            matches!(refused, TransferError::Hub(HubError::BadName { .. })),
            "{name:?}: {refused}"
        );
    }
    let mut wanted = setup.wanted(&[FILE]);
    wanted.files[0].etag = "../../evil".to_owned();
    wanted.files[0].sha256 = None;
    assert!(matches!(
        open.transfers.queue(wanted).await,
        Err(TransferError::NoChecksum { .. })
    ));
    assert_eq!(open.transfers.list().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_downloads_that_share_a_file_fetch_it_once() {
    let setup = Setup::new().await;
    setup
        .hub
        .repo(REPO)
        .file("small-Q4_0.gguf", Content::generated(1_000_000, 3));
    let mut open = setup.open(limits()).await;
    let first = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    let second = open
        .transfers
        .queue(setup.wanted(&["small-Q4_0.gguf", FILE]))
        .await
        .unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(open.end(&first.id).await.state, TransferState::Done);
    assert_eq!(open.end(&second.id).await.state, TransferState::Done);
    assert_eq!(setup.sent(), SIZE + 1_000_000);
}
