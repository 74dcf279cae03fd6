//! Every fault of a server, many times each, at places of no plan.

use std::time::Duration;

use anyhow::Result;
use hearth_fake_hub::Fault;

use super::{Bench, FILE, SIZE, STALL, in_memory};

/// What one kind of fault came to.
pub struct Faults {
    /// What went wrong.
    pub name: &'static str,
    /// Downloads that met it.
    pub runs: usize,
    /// How often it happened, as the Hub counts.
    pub happened: u64,
    /// Downloads that were not right in the end.
    pub wrong_hashes: usize,
    /// Seconds of all downloads.
    pub seconds: f64,
}

/// A fault at a place of its own in each run.
type Make = fn(u64) -> Fault;

const KINDS: [(&str, Make); 16] = [
    ("signed address expired", |_| Fault::ExpiredLocation),
    ("range ignored", |_| Fault::IgnoreRange),
    ("body ends early", |at| Fault::ShortBody { after: at }),
    ("wrong total", |_| Fault::WrongTotal),
    ("another range", |_| Fault::OtherRange),
    ("length too small", |_| Fault::ContentLength { off_by: -4096 }),
    ("length too large", |_| Fault::ContentLength { off_by: 4096 }),
    ("connection reset", |at| Fault::Reset { after: at }),
    ("drips", |_| Fault::Trickle {
        bytes: 100,
        every: Duration::from_millis(100),
    }),
    ("stalls", |at| Fault::Stall { after: at }),
    ("a wrong byte", |at| Fault::BadByte { at }),
    ("main moves on", |_| Fault::NewCommit),
    ("429, 1 s", |_| Fault::TooManyRequests { retry_in: 1 }),
    ("503", |_| Fault::Unavailable),
    ("a web page", |_| Fault::Html),
    ("network away for 0.5 s", |_| Fault::Outage {
        lasts: Duration::from_millis(500),
    }),
];

/// Downloads the file `times` times through each kind of fault.
pub fn run(bench: &Bench, times: usize) -> Result<Vec<Faults>> {
    KINDS
        .iter()
        .map(|(name, make)| of_kind(bench, name, *make, times))
        .collect()
}

fn of_kind(bench: &Bench, name: &'static str, make: Make, times: usize) -> Result<Faults> {
    let mut faults = Faults {
        name,
        runs: 0,
        happened: 0,
        wrong_hashes: 0,
        seconds: 0.0,
    };
    for _ in 0..times {
        let folder = in_memory()?;
        // The file is fetched in 16 requests; a body's fault has to be within one.
        let at = fastrand::u64(0..SIZE / 16);
        let handle = bench.hub.fault(FILE, make(at), 1);
        let mut pull = bench.start(folder.path(), STALL)?;
        faults.seconds += pull.finish()?.seconds;
        faults.runs += 1;
        faults.happened += handle.fired();
        handle.clear();
        faults.wrong_hashes += usize::from(!bench.is_right(folder.path())?);
        bench.hub.forget_requests();
    }
    println!("{name}: {} downloads, {} wrong", faults.runs, faults.wrong_hashes);
    Ok(faults)
}
