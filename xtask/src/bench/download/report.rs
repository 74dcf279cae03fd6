//! The tables.

use super::faults::Faults;
use super::{Kills, SIZE, Throughput, typical};

/// Megabytes a second of both.
pub fn throughput(pace: &str, seconds: &Throughput) -> String {
    let line = |name: &str, of: &[f64]| {
        let median = typical(of);
        format!(
            "{name:<22} {median:>8.2} s {:>8.0} MB/s\n",
            SIZE as f64 / 1e6 / median
        )
    };
    format!(
        "256 MB on loopback, {pace}, medians of {} rounds\n{}{}{}Hearth is {:.2} x curl, and {:.2} x curl with sha256sum.\n",
        seconds.hearth.len(),
        line("Hearth (verified)", &seconds.hearth),
        line("curl", &seconds.curl),
        line("curl, then sha256sum", &seconds.curl_verified),
        seconds.ratio(),
        seconds.verified_ratio(),
    )
}

/// What kills cost.
pub fn kills(pace: &str, kills: &Kills) -> String {
    let megabytes = |bytes: f64| bytes / 1e6;
    let all: Vec<f64> = kills.refetched.iter().map(|bytes| *bytes as f64).collect();
    format!(
        "{} kills {pace} over {} files: {} wrong; fetched twice for a kill: median {:.1} MB, worst {:.1} MB ({:.1} %)\n",
        kills.count,
        kills.files,
        kills.wrong_hashes,
        megabytes(typical(&all)),
        megabytes(kills.worst() as f64),
        100.0 * kills.worst() as f64 / SIZE as f64,
    )
}

/// What faults came to.
pub fn faults(faults: &[Faults]) -> String {
    let head = format!(
        "{:<24} {:>10} {:>9} {:>6} {:>10}\n",
        "fault", "downloads", "happened", "wrong", "seconds"
    );
    faults.iter().fold(head, |mut table, fault| {
        let seconds = fault.seconds / fault.runs.max(1) as f64;
        table += &format!(
            "{:<24} {:>10} {:>9} {:>6} {:>10.1}\n",
            fault.name, fault.runs, fault.happened, fault.wrong_hashes, seconds
        );
        table
    })
}
