//! Which bytes of a file are on the disk, which are being fetched, and which nobody fetches yet.
//!
//! Every byte is in exactly one of three states: missing, claimed by a connection, or written. Connections claim
//! pieces from the front, so that the written prefix, which is what can be hashed, grows with the download.

use std::ops::Range;

use hearth_store::Segment;

/// Disjoint byte ranges in order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Adds a range; what is there already stays.
    pub(crate) fn insert(&mut self, new: Range<u64>) {
        if new.is_empty() {
            return;
        }
        let first = self.0.partition_point(|range| range.end < new.start);
        let after = self.0.partition_point(|range| range.start <= new.end);
        let touched = &self.0[first..after];
        let start = touched
            .first()
            .map_or(new.start, |range| range.start.min(new.start));
        let end = touched.last().map_or(new.end, |range| range.end.max(new.end));
        self.0.splice(first..after, std::iter::once(start..end));
    }

    /// Takes a range out; what is not there stays out.
    pub(crate) fn remove(&mut self, gone: &Range<u64>) {
        if gone.is_empty() {
            return;
        }
        let cut = |range: Range<u64>| {
            let before = range.start..range.end.min(gone.start);
            let after = range.start.max(gone.end)..range.end;
            [before, after]
        };
        self.0 = std::mem::take(&mut self.0)
            .into_iter()
            .flat_map(cut)
            .filter(|range| !range.is_empty())
            .collect();
    }

    /// The parts of `range` that are in here.
    fn within(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        let clip = |own: &Range<u64>| own.start.max(range.start)..own.end.min(range.end);
        self.0.iter().map(clip).filter(|part| !part.is_empty()).collect()
    }

    /// Bytes in all.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// Bytes from the file's start without a gap.
    fn prefix(&self) -> u64 {
        self.0
            .first()
            .filter(|range| range.start == 0)
            .map_or(0, |range| range.end)
    }

    /// As the store remembers them: every range is done to its end.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let segment = |range: &Range<u64>| Segment {
            start: range.start,
            end: range.end,
            done: range.end - range.start,
        };
        self.0.iter().map(segment).collect()
    }
}

/// The books of one file.
#[derive(Debug)]
pub(crate) struct Ledger {
    missing: Ranges,
    written: Ranges,
    size: u64,
}

impl Ledger {
    /// Opens the books of a file of `size` bytes whose first `on_disk` bytes exist, with what the store remembers.
    /// Whatever it remembers beyond either is not believed.
    pub(crate) fn open(size: u64, on_disk: u64, remembered: &[Segment]) -> Self {
        let limit = size.min(on_disk);
        let mut ledger = Self {
            missing: Ranges::default(),
            written: Ranges::default(),
            size,
        };
        ledger.missing.insert(0..size);
        for segment in remembered {
            let done = segment.done.min(segment.end.saturating_sub(segment.start));
            let end = segment.start.saturating_add(done).min(limit);
            if segment.start < end {
                ledger.wrote(segment.start..end);
            }
        }
        ledger
    }

    /// Hands out the first missing bytes, `most` of them at most. None where all are written or claimed.
    pub(crate) fn claim(&mut self, most: u64) -> Option<Range<u64>> {
        let first = self.missing.0.first()?;
        let claimed = first.start..first.end.min(first.start.saturating_add(most.max(1)));
        self.missing.remove(&claimed);
        Some(claimed)
    }

    /// Hands out those bytes of a range that nobody has.
    pub(crate) fn claim_within(&mut self, range: &Range<u64>) -> Vec<Range<u64>> {
        let parts = self.missing.within(range);
        self.missing.remove(range);
        parts
    }

    /// Takes back claimed bytes that did not come.
    pub(crate) fn release(&mut self, range: Range<u64>) {
        self.missing.insert(range);
    }

    /// Notes that bytes are in the file.
    pub(crate) fn wrote(&mut self, range: Range<u64>) {
        self.missing.remove(&range);
        self.written.insert(range);
    }

    /// Bytes that are left to claim.
    pub(crate) fn missing(&self) -> u64 {
        self.missing.total()
    }

    /// Whether bytes are left to claim.
    pub(crate) fn has_missing(&self) -> bool {
        !self.missing.0.is_empty()
    }

    /// What is in the file.
    pub(crate) fn written(&self) -> &Ranges {
        &self.written
    }

    /// Bytes from the file's start without a gap.
    pub(crate) fn prefix(&self) -> u64 {
        self.written.prefix()
    }

    /// Whether every byte is in the file.
    pub(crate) fn is_full(&self) -> bool {
        self.prefix() == self.size
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment(start: u64, end: u64, done: u64) -> Segment {
        Segment { start, end, done }
    }

    #[test]
    fn pieces_are_claimed_from_the_front_and_a_released_one_comes_first_again() {
        let mut ledger = Ledger::open(100, 100, &[]);
        assert_eq!(ledger.claim(40), Some(0..40));
        assert_eq!(ledger.claim(40), Some(40..80));
        ledger.wrote(0..10);
        ledger.release(10..40);
        assert_eq!(ledger.claim(40), Some(10..40));
        assert_eq!(ledger.claim(40), Some(80..100));
        assert_eq!(ledger.claim(40), None);
        assert_eq!(ledger.prefix(), 10);
    }

    #[test]
    fn a_store_that_remembers_more_than_there_is_is_not_believed() {
        let remembered = [
            segment(0, 10, 10),
            segment(5, 30, 999),
            segment(40, 20, 7),
            segment(90, 400, 300),
        ];
        let ledger = Ledger::open(100, 95, &remembered);
        assert_eq!(
            ledger.written().segments(),
            [segment(0, 30, 30), segment(90, 95, 5)]
        );
        let unused = Ledger::open(100, 0, &remembered);
        assert_eq!(unused.written().total(), 0);
    }

    #[test]
    fn a_file_of_no_bytes_is_full_from_the_start() {
        let mut ledger = Ledger::open(0, 0, &[]);
        assert!(ledger.is_full());
        assert_eq!(ledger.claim(10), None);
    }

    /// What can happen to a download, in any order.
    #[derive(Clone, Debug)]
    enum Step {
        Claim(u64),
        Receive { claim: usize, bytes: u64 },
        Fail(usize),
        Whole(u64, u64),
        Journal,
        Kill,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1u64..40).prop_map(Step::Claim),
            8 => (any::<usize>(), 1u64..30).prop_map(|(claim, bytes)| Step::Receive { claim, bytes }),
            1 => any::<usize>().prop_map(Step::Fail),
            1 => (0u64..200, 1u64..60).prop_map(|(start, length)| Step::Whole(start, length)),
            3 => Just(Step::Journal),
            1 => Just(Step::Kill),
        ]
    }

    proptest! {
        /// The books against a plain array with one cell a byte: no byte is fetched by two, none is forgotten,
        /// and what the journal says is on the disk after any kill.
        #[test]
        fn no_byte_is_lost_or_fetched_by_two(size in 0u64..200, steps in prop::collection::vec(step(), 0..120)) {
            #[derive(Clone, Copy, Debug, PartialEq)]
            enum Byte { Missing, Claimed, Written }
            let mut bytes = vec![Byte::Missing; size as usize];
            let mut ledger = Ledger::open(size, size, &[]);
            let mut claims: Vec<Range<u64>> = Vec::new();
            let mut journal: Vec<Segment> = Vec::new();
            let mut durable = bytes.clone();
            let cells = |range: &Range<u64>| range.start as usize..range.end as usize;
            for step in steps {
                match step {
                    Step::Claim(most) => if let Some(range) = ledger.claim(most) {
                        prop_assert!(range.end - range.start <= most);
                        prop_assert!(bytes[cells(&range)].iter().all(|byte| *byte == Byte::Missing));
                        bytes[cells(&range)].fill(Byte::Claimed);
                        claims.push(range);
                    },
                    Step::Receive { claim, bytes: count } => if !claims.is_empty() {
                        let index = claim % claims.len();
                        let got = claims[index].start..claims[index].end.min(claims[index].start + count);
                        ledger.wrote(got.clone());
                        bytes[cells(&got)].fill(Byte::Written);
                        claims[index].start = got.end;
                        if claims[index].is_empty() { claims.remove(index); }
                    },
                    Step::Fail(claim) => if !claims.is_empty() {
                        let range = claims.remove(claim % claims.len());
                        bytes[cells(&range)].fill(Byte::Missing);
                        ledger.release(range);
                    },
                    Step::Whole(start, length) => {
                        let range = start.min(size)..(start + length).min(size);
                        for part in ledger.claim_within(&range) {
                            prop_assert!(bytes[cells(&part)].iter().all(|byte| *byte == Byte::Missing));
                            bytes[cells(&part)].fill(Byte::Written);
                            ledger.wrote(part);
                        }
                        prop_assert!(bytes[cells(&range)].iter().all(|byte| *byte != Byte::Missing));
                    },
                    Step::Journal => {
                        journal = ledger.written().segments();
                        durable = bytes.clone();
                    },
                    Step::Kill => {
                        ledger = Ledger::open(size, size, &journal);
                        claims.clear();
                        bytes = durable.iter()
                            .map(|byte| if *byte == Byte::Written { Byte::Written } else { Byte::Missing })
                            .collect();
                    },
                }
                let written = bytes.iter().filter(|byte| **byte == Byte::Written).count() as u64;
                prop_assert_eq!(ledger.written().total(), written);
                let prefix = bytes.iter().take_while(|byte| **byte == Byte::Written).count() as u64;
                prop_assert_eq!(ledger.prefix(), prefix);
                prop_assert_eq!(ledger.is_full(), prefix == size);
            }
            for range in claims { ledger.release(range); }
            while let Some(range) = ledger.claim(7) { ledger.wrote(range); }
            prop_assert!(ledger.is_full(), "what is left is fetched to the end");
        }
    }
}
