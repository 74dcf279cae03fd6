//! Whatever the server does, the file is right in the end, or the person is told why not and can go on.

use std::time::Duration;

use hearth_fake_hub::{Denial, Fault, Stage};
use hearth_store::{TransferCause, TransferState};

use crate::setup::{FILE, SIZE, Setup, limits, names};

/// The fault happens so often, and the download comes through it by itself.
async fn comes_through(fault: Fault, times: u64) -> Setup {
    let setup = Setup::new().await;
    let handle = setup.hub.fault(FILE, fault.clone(), times);
    let mut open = setup.open(limits()).await;
    let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
    assert_eq!(end.state, TransferState::Done, "{fault:?}: {end:?}");
    assert_eq!(end.done_bytes, SIZE);
    setup.assert_right(FILE);
    assert!(handle.fired() > 0, "{fault:?} happened");
    setup
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_address_is_asked_for_again() {
    comes_through(Fault::ExpiredLocation, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_expires_in_the_middle_is_renewed() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(4_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 8).await;
    setup.hub.advance_clock(Duration::from_secs(100_000));
    setup.hub.fault(FILE, Fault::Reset { after: 100_000 }, 2);
    setup.hub.bandwidth(None);
    assert_eq!(open.end(&queued.id).await.state, TransferState::Done);
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ignores_the_range_once_is_asked_again() {
    comes_through(Fault::IgnoreRange, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_gives_the_whole_file() {
    comes_through(Fault::IgnoreRange, u64::MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_loses_its_ranges_in_the_middle_costs_nothing_that_was_fetched() {
    let setup = Setup::new().await;
    setup.hub.bandwidth(Some(6_000_000));
    let mut open = setup.open(limits()).await;
    let queued = open.transfers.queue(setup.wanted(&[FILE])).await.unwrap();
    open.until_done_bytes(&queued.id, SIZE / 4).await;
    open.transfers.pause(&queued.id).await.unwrap();
    setup.hub.fault(FILE, Fault::IgnoreRange, u64::MAX);
    setup.hub.bandwidth(None);
    open.transfers.resume(&queued.id).await.unwrap();
    open.until_state(&queued.id, TransferState::Running).await;
    assert_eq!(open.end(&queued.id).await.state, TransferState::Done);
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_early_is_completed() {
    let setup = comes_through(Fault::ShortBody { after: 3_000_000 }, 3).await;
    assert!(
        setup.sent() < SIZE + SIZE / 4,
        "only what was missing is fetched again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_reset_is_made_again() {
    comes_through(Fault::Reset { after: 3_000_000 }, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_total_or_a_range_that_is_not_the_one_asked_for_is_refused() {
    comes_through(Fault::WrongTotal, 1).await;
    comes_through(Fault::OtherRange, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_wrong_is_noticed() {
    comes_through(Fault::ContentLength { off_by: -1000 }, 1).await;
    comes_through(Fault::ContentLength { off_by: 1000 }, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_or_drips_is_given_up_for_a_new_connection() {
    comes_through(Fault::Stall { after: 2_000_000 }, 2).await;
    let every = Duration::from_millis(50);
    comes_through(Fault::Trickle { bytes: 100, every }, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_asked_again() {
    comes_through(Fault::NoReply, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let begun = std::time::Instant::now();
    comes_through(Fault::TooManyRequests { retry_in: 2 }, 1).await;
    assert!(
        begun.elapsed() >= Duration::from_secs(2),
        "not a moment before it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_out_of_order_for_a_moment_is_waited_for() {
    comes_through(Fault::Unavailable, 2).await;
    let lasts = Duration::from_secs(1);
    comes_through(Fault::Outage { lasts }, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_is_never_taken_for_the_file() {
    comes_through(Fault::Html, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_in_a_circle_is_left() {
    comes_through(Fault::RedirectLoop, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moves_on_does_not_matter_to_a_pinned_download() {
    let setup = Setup::new().await;
    let wanted = setup.wanted(&[FILE]);
    let before = setup.repo.content(FILE).unwrap().read(0, u64::MAX).unwrap();
    setup.hub.fault(FILE, Fault::NewCommit, 1);
    let mut open = setup.open(limits()).await;
    let commit = wanted.revision.clone();
    assert_eq!(open.pull(wanted).await.unwrap().state, TransferState::Done);
    assert_ne!(setup.repo.sha(), commit, "main has moved on");
    let snapshots = setup.blobs().with_file_name("snapshots");
    let there = std::fs::read(snapshots.join(commit).join(FILE)).unwrap();
    assert!(there == before, "what was listed is what came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_byte_is_found_set_aside_and_fetched_anew() {
    let setup = Setup::new().await;
    setup.hub.fault(FILE, Fault::BadByte { at: SIZE / 2 }, 1);
    let mut open = setup.open(limits()).await;
    let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
    assert_eq!(end.state, TransferState::Failed);
    let sentence = end.failure.unwrap().sentence;
    assert!(
        sentence.contains("damaged") && sentence.contains("retry"),
        "{sentence}"
    );
    let kept = names(&setup.blobs());
    assert!(kept.len() == 1 && kept[0].contains(".damaged-"), "{kept:?}");
    assert!(!setup.snapshot(FILE).exists());

    open.transfers.resume(&end.id).await.unwrap();
    assert_eq!(
        open.until_state(&end.id, TransferState::Done).await.done_bytes,
        SIZE
    );
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_help_itself_fails_with_a_sentence_and_goes_on_when_asked() {
    let faults = [
        (
            Fault::Unauthorised(Denial::GatedRepo),
            TransferCause::Gated,
            "conditions",
        ),
        (
            Fault::Unauthorised(Denial::RepoNotFound),
            TransferCause::RepoGone,
            "no public model",
        ),
        (Fault::Unavailable, TransferCause::Other, "problem of its own"),
        (Fault::Html, TransferCause::NotJson, "web page"),
    ];
    for (fault, cause, words) in faults {
        let setup = Setup::new().await;
        let handle = setup.hub.fault(FILE, fault.clone(), u64::MAX).at(Stage::Resolve);
        let mut open = setup.open(limits()).await;
        let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
        assert_eq!(end.state, TransferState::Failed, "{fault:?}");
        let failure = end.failure.unwrap();
        assert!(
            failure.cause == cause && failure.sentence.contains(words),
            "{fault:?}: {failure:?}"
        );
        handle.clear();
        open.transfers.resume(&end.id).await.unwrap();
        open.until_state(&end.id, TransferState::Done).await;
        setup.assert_right(FILE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_the_listed_one_is_refused() {
    let setup = Setup::new().await;
    let mut wanted = setup.wanted(&[FILE]);
    wanted.files[0].size_bytes += 1;
    let mut open = setup.open(limits()).await;
    let end = open.pull(wanted).await.unwrap();
    assert_eq!(end.state, TransferState::Failed);
    let sentence = end.failure.unwrap().sentence;
    assert!(sentence.contains("not the file that was listed"), "{sentence}");
    assert_eq!(setup.sent(), 0, "not a byte of it is fetched");
}
