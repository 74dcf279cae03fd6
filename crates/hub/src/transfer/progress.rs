//! How far a transfer is, how fast, and how long it still takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hearth_store::{TransferFailure, TransferRecord, TransferState};

/// A transfer as a person sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferProgress {
    /// The transfer's id.
    pub id: String,
    /// "org/name".
    pub repo: String,
    /// The commit.
    pub revision: String,
    /// What the person calls it.
    pub name: String,
    /// Which of the repo's variants it is; none for downloads of versions before this was kept.
    pub variant: Option<String>,
    /// What it is doing.
    pub state: TransferState,
    /// Bytes that are in its files.
    pub done_bytes: u64,
    /// Bytes of its files when whole.
    pub total_bytes: u64,
    /// Bytes a second over the last few seconds; none while nothing is fetched.
    pub bytes_per_second: Option<f64>,
    /// Seconds until the last byte at this speed; none while nothing is fetched.
    pub seconds_left: Option<u64>,
    /// Why it failed.
    pub failure: Option<TransferFailure>,
}

impl TransferProgress {
    /// What the store knows of a transfer.
    pub(crate) fn of(record: &TransferRecord) -> Self {
        Self {
            id: record.id.clone(),
            repo: record.repo.clone(),
            revision: record.revision.clone(),
            name: record.name.clone(),
            variant: record.variant.clone(),
            state: record.state,
            done_bytes: done_bytes(record),
            total_bytes: record.files.iter().map(|file| file.size_bytes).sum(),
            bytes_per_second: None,
            seconds_left: None,
            failure: record.failure.clone(),
        }
    }
}

/// Bytes that are on the disk for good.
pub(crate) fn done_bytes(record: &TransferRecord) -> u64 {
    let of_file = |file: &hearth_store::TransferFile| match file.complete {
        true => file.size_bytes,
        false => file.segments.iter().map(|segment| segment.done).sum(),
    };
    record.files.iter().map(of_file).sum()
}

/// The speed over about this long: long enough to be calm, short enough to follow.
const MEMORY: Duration = Duration::from_secs(3);

/// Watches a running transfer.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: TransferProgress,
    /// Counted by whoever writes.
    done: Arc<AtomicU64>,
    looked: Option<(Instant, u64)>,
}

impl Meter {
    /// Begins to watch.
    pub(crate) fn new(record: &TransferRecord, done: Arc<AtomicU64>) -> Self {
        let mut progress = TransferProgress::of(record);
        progress.state = TransferState::Running;
        progress.failure = None;
        Self {
            progress,
            done,
            looked: None,
        }
    }

    /// What is fetched is wanted as another variant.
    pub(crate) fn turn_into(&mut self, variant: String) {
        self.progress.variant = Some(variant);
    }

    /// How it stands, without looking anew.
    pub(crate) fn last(&self) -> &TransferProgress {
        &self.progress
    }

    /// Looks anew.
    pub(crate) fn look(&mut self, now: Instant) -> &TransferProgress {
        let done = self.done.load(Ordering::Relaxed);
        if let Some((before, done_before)) = self.looked {
            let seconds = now.saturating_duration_since(before).as_secs_f64();
            if seconds > 0.0 {
                let speed = done.saturating_sub(done_before) as f64 / seconds;
                // Exponentially weighted: what is MEMORY old counts a third.
                let weight = 1.0 - (-seconds / MEMORY.as_secs_f64()).exp();
                let smooth = self
                    .progress
                    .bytes_per_second
                    .map_or(speed, |old| old + (speed - old) * weight);
                self.progress.bytes_per_second = Some(smooth);
                let left = self.progress.total_bytes.saturating_sub(done) as f64;
                // A float too large for a u64 becomes the largest one; under a byte a second is no speed to plan with.
                self.progress.seconds_left = (smooth >= 1.0).then(|| (left / smooth).ceil() as u64);
            }
        }
        self.looked = Some((now, done));
        self.progress.done_bytes = done.min(self.progress.total_bytes);
        &self.progress
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_store::{Segment, TransferFile};

    fn record() -> TransferRecord {
        let file = |ordinal, complete, segments| TransferFile {
            ordinal,
            path: format!("{ordinal}.gguf"),
            size_bytes: 10_000_000,
            sha256: None,
            etag: "a".repeat(40),
            segments,
            complete,
        };
        let half = Segment {
            start: 0,
            end: 5_000_000,
            done: 5_000_000,
        };
        TransferRecord {
            id: "1".into(),
            repo: "org/name".into(),
            revision: "c".repeat(40),
            name: "name".into(),
            variant: Some("name".into()),
            state: TransferState::Queued,
            failure: None,
            position: 1,
            created_at: 0,
            files: vec![file(0, true, vec![]), file(1, false, vec![half])],
        }
    }

    #[test]
    fn whole_files_and_safe_segments_count() {
        let progress = TransferProgress::of(&record());
        assert_eq!(
            (progress.done_bytes, progress.total_bytes),
            (15_000_000, 20_000_000)
        );
    }

    #[test]
    fn speed_and_time_left_follow_what_arrives() {
        let done = Arc::new(AtomicU64::new(15_000_000));
        let mut meter = Meter::new(&record(), Arc::clone(&done));
        let begun = Instant::now();
        assert_eq!(meter.look(begun).bytes_per_second, None);
        for step in 1..=16 {
            done.fetch_add(250_000, Ordering::Relaxed);
            meter.look(begun + Duration::from_millis(250 * step));
        }
        let progress = meter.last();
        let speed = progress.bytes_per_second.unwrap();
        assert!((999_000.0..1_001_000.0).contains(&speed), "{speed}");
        assert_eq!(progress.seconds_left, Some(1));
        for step in 17..=40 {
            meter.look(begun + Duration::from_millis(250 * step));
        }
        assert!(
            meter.last().bytes_per_second.unwrap() < 200_000.0,
            "a standstill is told"
        );
    }
}
