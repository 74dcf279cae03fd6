//! The queue of downloads.

use hearth_store::{
    NewTransfer, NewTransferFile, Segment, Store, StoreError, TransferCause, TransferFailure, TransferFile,
    TransferRecord, TransferState,
};

use crate::{Home, connect};

const SHARD: u64 = 4_000_000_000;

fn file(path: &str) -> NewTransferFile {
    NewTransferFile {
        path: path.into(),
        size_bytes: SHARD,
        sha256: Some("0f".repeat(32)),
        etag: "0f".repeat(32),
    }
}

fn named(name: &str) -> NewTransfer {
    NewTransfer {
        repo: "org/tea".into(),
        revision: "0f1e2d".into(),
        name: name.into(),
        variant: "Q4_K_M".into(),
        files: vec![
            file("tea \"Q4\"-00001-of-00002.gguf"),
            file("tea-00002-of-00002.gguf"),
        ],
    }
}

async fn names(store: &Store) -> Vec<String> {
    let transfers = store.transfers().await.unwrap();
    transfers.into_iter().map(|transfer| transfer.name).collect()
}

fn is_gone(result: Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::NotFound { kind: "download", .. }))
}

#[tokio::test]
async fn a_download_is_kept_as_it_was_asked_for() {
    let home = Home::new().await;
    let mut new = named("Tea Q4_K_M");
    new.files[1].sha256 = None;
    let added = home.store.add_transfer(new.clone()).await.unwrap();
    let expected = TransferRecord {
        id: added.id.clone(),
        repo: new.repo,
        revision: new.revision,
        name: new.name,
        variant: Some(new.variant),
        state: TransferState::Queued,
        failure: None,
        position: added.position,
        created_at: added.created_at,
        files: (0..)
            .zip(new.files)
            .map(|(ordinal, file)| TransferFile {
                ordinal,
                path: file.path,
                size_bytes: file.size_bytes,
                sha256: file.sha256,
                etag: file.etag,
                segments: Vec::new(),
                complete: false,
            })
            .collect(),
    };
    assert_eq!(added, expected);
    let home = home.restart().await;
    assert_eq!(home.store.transfer(&added.id).await.unwrap(), expected);
    assert_eq!(home.store.transfers().await.unwrap(), [expected]);
}

#[tokio::test]
async fn a_download_goes_on_where_it_was_after_a_crash() {
    let home = Home::new().await;
    let id = home.store.add_transfer(named("Tea")).await.unwrap().id;
    let store = &home.store;
    store
        .set_transfer_state(&id, TransferState::Running, None)
        .await
        .unwrap();
    let halves = [
        Segment {
            start: SHARD / 2,
            end: SHARD,
            done: 0,
        },
        Segment {
            start: 0,
            end: SHARD / 2,
            done: 1 << 20,
        },
    ];
    store.save_segments(&id, 0, &halves).await.unwrap();
    store
        .save_segments(
            &id,
            1,
            &[Segment {
                start: 0,
                end: 9,
                done: 9,
            }],
        )
        .await
        .unwrap();
    store.complete_transfer_file(&id, 1).await.unwrap();

    let home = home.restart().await;
    let found = home.store.transfer(&id).await.unwrap();
    assert_eq!(found.state, TransferState::Running);
    assert_eq!(
        found.files[0].segments,
        [halves[1], halves[0]],
        "in the order of the file"
    );
    assert!(found.files[1].complete && found.files[1].segments.is_empty());

    let whole = Segment {
        start: 0,
        end: SHARD,
        done: SHARD,
    };
    home.store.save_segments(&id, 0, &[whole]).await.unwrap();
    assert_eq!(home.store.transfer(&id).await.unwrap().files[0].segments, [whole]);
    home.store.save_segments(&id, 0, &[]).await.unwrap();
    assert!(
        home.store.transfer(&id).await.unwrap().files[0]
            .segments
            .is_empty(),
        "begun anew"
    );
}

#[tokio::test]
async fn progress_that_cannot_be_is_not_kept() {
    let home = Home::new().await;
    let id = home.store.add_transfer(named("Tea")).await.unwrap().id;
    let good = Segment {
        start: 10,
        end: 20,
        done: 5,
    };
    home.store.save_segments(&id, 0, &[good]).await.unwrap();
    for bad in [
        Segment { done: 11, ..good },
        Segment { end: 9, ..good },
        Segment {
            end: u64::MAX,
            ..good
        },
    ] {
        assert!(matches!(
            home.store.save_segments(&id, 0, &[bad]).await,
            Err(StoreError::Other { .. })
        ));
        assert!(home.store.save_segments(&id, 0, &[good, good]).await.is_err());
        assert_eq!(home.store.transfer(&id).await.unwrap().files[0].segments, [good]);
    }
}

#[tokio::test]
async fn why_it_failed_is_told_until_it_is_tried_again() {
    let home = Home::new().await;
    let id = home.store.add_transfer(named("Tea")).await.unwrap().id;
    let why = TransferFailure {
        cause: TransferCause::DiskFull,
        sentence: "The disk is full. Free 3 GB and try again.".into(),
    };
    for (state, told, kept) in [
        (TransferState::Failed, Some(&why), Some(&why)),
        (TransferState::Queued, None, None),
        (TransferState::Paused, Some(&why), None),
        (TransferState::Done, None, None),
    ] {
        home.store.set_transfer_state(&id, state, told).await.unwrap();
        let found = home.store.transfer(&id).await.unwrap();
        assert_eq!((found.state, found.failure.as_ref()), (state, kept));
    }
}

#[tokio::test]
async fn the_queue_is_put_in_order_by_hand() {
    let home = Home::new().await;
    let store = &home.store;
    let mut ids = Vec::new();
    for name in ["A", "B", "C", "D"] {
        ids.push(store.add_transfer(named(name)).await.unwrap().id);
    }
    let [a, b, c, d] = [&ids[0], &ids[1], &ids[2], &ids[3]];
    for (moved, before, expected) in [
        (d, Some(a), "DABC"),
        (d, None, "ABCD"),
        (a, Some(c), "BACD"),
        (b, Some(b), "BACD"),
        (d, Some(c), "BADC"),
    ] {
        store
            .move_transfer(moved, before.map(String::as_str))
            .await
            .unwrap();
        assert_eq!(names(store).await.concat(), expected);
    }
    store.remove_transfer(a).await.unwrap();
    store.add_transfer(named("E")).await.unwrap();
    assert!(is_gone(store.move_transfer(a, None).await));
    assert!(is_gone(store.move_transfer(b, Some(a)).await));
    let home = home.restart().await;
    assert_eq!(names(&home.store).await.concat(), "BDCE");
}

#[tokio::test]
async fn a_removed_download_leaves_nothing_and_is_told_to_who_still_fetches() {
    let home = Home::new().await;
    let id = home.store.add_transfer(named("Tea")).await.unwrap().id;
    let segment = Segment {
        start: 0,
        end: SHARD,
        done: 0,
    };
    home.store.save_segments(&id, 0, &[segment]).await.unwrap();
    home.store.complete_transfer_file(&id, 1).await.unwrap();
    assert!(
        is_gone(home.store.save_segments(&id, 1, &[segment]).await),
        "complete"
    );
    assert!(
        is_gone(home.store.save_segments(&id, 2, &[]).await),
        "no such file"
    );

    home.store.remove_transfer(&id).await.unwrap();
    assert!(is_gone(home.store.save_segments(&id, 0, &[segment]).await));
    assert!(is_gone(home.store.complete_transfer_file(&id, 0).await));
    assert!(is_gone(
        home.store
            .set_transfer_state(&id, TransferState::Running, None)
            .await
    ));
    assert!(is_gone(home.store.remove_transfer(&id).await));
    assert!(home.store.transfer(&id).await.is_err());
    let mut connection = connect(&home.database()).await;
    for left in [
        "SELECT count(*) FROM transfer_files",
        "SELECT count(*) FROM transfer_segments",
    ] {
        let left: i64 = sqlx::query_scalar(left).fetch_one(&mut connection).await.unwrap();
        assert_eq!(left, 0);
    }
}

#[tokio::test]
async fn a_download_is_queued_whole_or_not_at_all() {
    let home = Home::new().await;
    let mut no_hash = named("Tea");
    no_hash.files[1].sha256 = Some("NOT A HASH".into());
    let mut twice = named("Tea");
    twice.files[1].path = twice.files[0].path.clone();
    for new in [no_hash, twice] {
        assert!(home.store.add_transfer(new).await.is_err());
    }
    assert!(home.store.transfers().await.unwrap().is_empty());
}
