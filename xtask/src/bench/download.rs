//! Hearth's downloads beside curl's, and under kills and faults: the same file from the same Hub on loopback.

mod faults;
mod pull;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use hearth_fake_hub::{Content, FakeHub};
use serde_json::json;
use tempfile::TempDir;

use self::pull::Pull;
use super::median::median;
use super::{BenchOptions, Metrics};
use crate::command;

const REPO: &str = "hearth-bench/noise-GGUF";
const FILE: &str = "noise-Q4_K_M.gguf";
/// Bytes of the file.
const SIZE: u64 = 256 << 20;
/// Bytes a second of a gigabit line, and the connections that Hearth has for a large file.
const GIGABIT: u64 = 120_000_000;
const CONNECTIONS: u64 = 4;
/// How long a connection may bring nothing where a fault makes it do so.
const STALL: Duration = Duration::from_millis(1000);

#[derive(Parser)]
#[command(name = "cargo xtask bench download --")]
struct Arguments {
    /// 3 rounds, 10 kills and each fault once: about a minute.
    #[arg(long)]
    quick: bool,
    /// How often Hearth and curl each have their turn.
    #[arg(long)]
    rounds: Option<usize>,
    /// How often a download is killed.
    #[arg(long)]
    kills: Option<usize>,
    /// How often each fault of the server happens.
    #[arg(long)]
    faults: Option<usize>,
}

/// What all parts of the bench share.
struct Bench {
    /// The Hub lives in it.
    _runtime: tokio::runtime::Runtime,
    hub: FakeHub,
    /// Pinned before any fault: one of them moves `main` on.
    commit: String,
    content: Content,
    sha256: String,
    pull: PathBuf,
}

/// What the kills came to.
#[derive(Default)]
struct Kills {
    count: usize,
    /// Downloads that were whole in the end.
    files: usize,
    wrong_hashes: usize,
    /// Bytes that each kill cost, as the Hub counts them.
    refetched: Vec<u64>,
}

/// Measures throughput, then kills, then faults.
pub fn run(options: &BenchOptions) -> Result<Metrics> {
    let words = std::iter::once("bench").chain(options.arguments.iter().map(String::as_str));
    let arguments = Arguments::parse_from(words);
    let choose = |chosen: Option<usize>, quick, full| {
        chosen
            .unwrap_or(if arguments.quick { quick } else { full })
            .max(1)
    };
    let begun = Instant::now();
    let project = &options.project;
    command::run(command::cargo(project, &project.root).args([
        "build",
        "--release",
        "--locked",
        "--package",
        "hearth-hub",
        "--example",
        "pull",
    ]))?;
    let bench = Bench::new(
        project
            .target
            .join("release")
            .join("examples")
            .join(format!("pull{}", std::env::consts::EXE_SUFFIX)),
    )?;

    let rounds = choose(arguments.rounds, 3, 7);
    let throughput = bench.throughput(rounds, None)?;
    println!("\n{}", report::throughput("as fast as it goes", &throughput));
    let gigabit = bench.throughput(rounds, Some(GIGABIT))?;
    println!("\n{}", report::throughput("at a gigabit a second", &gigabit));
    // At the pace of a line, the Hub's count of what it sent is what came. At full speed it counts besides what lies
    // in this system's network buffers, which no program has read.
    let wanted = choose(arguments.kills, 10, 100);
    bench.hub.bandwidth(Some(GIGABIT / CONNECTIONS));
    let kills = bench.kills(wanted, Duration::from_millis(1500))?;
    bench.hub.bandwidth(None);
    let rash = bench.kills(wanted.div_ceil(4), throughput.hearth() / 3)?;
    println!(
        "\n{}{}",
        report::kills("at a gigabit a second", &kills),
        report::kills("at full speed", &rash)
    );
    let faults = faults::run(&bench, choose(arguments.faults, 1, 20))?;
    println!("{}", report::faults(&faults));
    println!("It took {:.0} minutes.", begun.elapsed().as_secs_f64() / 60.0);

    let wrong_faults: usize = faults.iter().map(|fault| fault.wrong_hashes).sum();
    Ok(json!({
        "throughput_ratio": throughput.ratio(),
        "throughput_ratio_to_curl_with_sha256sum": throughput.verified_ratio(),
        "throughput_ratio_at_a_gigabit": gigabit.ratio(),
        "kills": kills.count + rash.count,
        "server_faults": faults.iter().map(|fault| fault.happened).sum::<u64>(),
        "wrong_hashes": kills.wrong_hashes + rash.wrong_hashes + wrong_faults,
        "worst_refetched_fraction": kills.worst() as f64 / SIZE as f64,
        "worst_refetched_fraction_at_full_speed": rash.worst() as f64 / SIZE as f64,
    }))
}

impl Kills {
    fn worst(&self) -> u64 {
        self.refetched.iter().copied().max().unwrap_or(0)
    }
}

/// Seconds of every round.
#[derive(Default)]
struct Throughput {
    hearth: Vec<f64>,
    curl: Vec<f64>,
    /// curl, and then sha256sum of what it wrote: a download that is verified, as Hearth's is.
    curl_verified: Vec<f64>,
}

impl Throughput {
    fn hearth(&self) -> Duration {
        Duration::from_secs_f64(typical(&self.hearth))
    }

    fn ratio(&self) -> f64 {
        typical(&self.curl) / typical(&self.hearth)
    }

    fn verified_ratio(&self) -> f64 {
        typical(&self.curl_verified) / typical(&self.hearth)
    }
}

/// Of measurements of which there is at least one.
fn typical(values: &[f64]) -> f64 {
    median(values.iter().copied()).unwrap_or_default()
}

/// A folder in memory where this system has one: curl does not wait for the disk, so on a disk that is slower than
/// loopback the disk alone would be measured. Hearth asks for every sync there as well.
fn in_memory() -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    folder.context("there is no folder to download into")
}

impl Bench {
    fn new(pull: PathBuf) -> Result<Self> {
        let runtime = tokio::runtime::Runtime::new()?;
        let hub = runtime.block_on(FakeHub::start());
        let content = Content::generated(SIZE, 1);
        let repo = runtime.block_on(async { hub.repo(REPO).file(FILE, content.clone()) });
        let commit = repo.sha();
        Ok(Self {
            sha256: content.sha256()?,
            _runtime: runtime,
            hub,
            commit,
            content,
            pull,
        })
    }

    /// Starts, or takes up again, the download into a folder.
    fn start(&self, folder: &Path, stall: Duration) -> Result<Pull> {
        let mut command = Command::new(&self.pull);
        command
            .arg(&self.hub.url)
            .arg(folder.join("hearth.db"))
            .arg(folder.join("hub"));
        command.args([REPO, &self.commit, FILE, &SIZE.to_string(), &self.sha256]);
        // Damaged files are fetched anew when the person says so.
        command.args(["3", &stall.as_millis().to_string()]);
        Pull::start(command)
    }

    fn sent(&self) -> u64 {
        self.hub.requests().iter().map(|request| request.bytes_sent).sum()
    }

    /// Both in turns, over a line of so many bytes a second.
    fn throughput(&self, rounds: usize, line: Option<u64>) -> Result<Throughput> {
        let mut seconds = Throughput::default();
        for round in 1..=rounds {
            let folder = in_memory()?;
            // The Hub's pace is that of one connection.
            self.hub.bandwidth(line.map(|line| line / CONNECTIONS));
            let mut pull = self.start(folder.path(), Duration::from_secs(30))?;
            let hearth = pull.finish()?.seconds;
            drop(folder);
            let folder = in_memory()?;
            self.hub.bandwidth(line);
            let (curl, verified) = self.curl(folder.path())?;
            println!(
                "round {round} of {rounds}: Hearth {hearth:.2} s, curl {curl:.2} s, with sha256sum {verified:.2} s"
            );
            seconds.hearth.push(hearth);
            seconds.curl.push(curl);
            seconds.curl_verified.push(verified);
        }
        self.hub.bandwidth(None);
        Ok(seconds)
    }

    /// Seconds of curl alone, and with sha256sum.
    fn curl(&self, folder: &Path) -> Result<(f64, f64)> {
        let file = folder.join("file");
        let url = format!("{}/{REPO}/resolve/{}/{FILE}", self.hub.url, self.commit);
        let begun = Instant::now();
        let status = Command::new("curl")
            .args(["-sSfL", "-o"])
            .arg(&file)
            .arg(url)
            .status();
        if !status.context("curl could not be started")?.success() {
            bail!("curl failed");
        }
        let alone = begun.elapsed().as_secs_f64();
        let output = Command::new("sha256sum")
            .arg(&file)
            .output()
            .context("sha256sum could not be started")?;
        if !String::from_utf8_lossy(&output.stdout).starts_with(&self.sha256) {
            bail!(
                "curl's file is wrong: {}",
                String::from_utf8_lossy(&output.stdout)
            );
        }
        Ok((alone, begun.elapsed().as_secs_f64()))
    }

    /// Kills downloads at moments of no plan within a time, each again and again until it is whole all the same.
    fn kills(&self, wanted: usize, longest: Duration) -> Result<Kills> {
        let mut kills = Kills::default();
        while kills.count < wanted {
            let folder = TempDir::new()?;
            // Of the download that was killed last: what the store knew then, and what had been sent.
            let mut killed: Option<(u64, u64)> = None;
            loop {
                let sent_before = self.sent();
                let mut pull = self.start(folder.path(), Duration::from_secs(30))?;
                let safe = pull.start_bytes()?;
                if let Some((safe_before, sent)) = killed.take() {
                    kills
                        .refetched
                        .push(sent.saturating_sub(safe.saturating_sub(safe_before)));
                }
                let again = kills.count < wanted && safe < SIZE;
                if again && pull.kill_after(longest.mul_f64(fastrand::f64()))? {
                    kills.count += 1;
                    // What the kernel still holds goes into the void.
                    std::thread::sleep(Duration::from_millis(100));
                    killed = Some((safe, self.sent() - sent_before));
                    continue;
                }
                pull.finish()?;
                kills.files += 1;
                kills.wrong_hashes += usize::from(!self.is_right(folder.path())?);
                self.hub.forget_requests();
                break;
            }
            println!("{} kills, {} files", kills.count, kills.files);
        }
        Ok(kills)
    }

    /// Whether the file is where it belongs and has every byte.
    fn is_right(&self, folder: &Path) -> Result<bool> {
        use std::io::Read as _;
        let snapshot = folder
            .join("hub/models--hearth-bench--noise-GGUF/snapshots")
            .join(&self.commit);
        let mut file = std::fs::File::open(snapshot.join(FILE))?;
        let mut block = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            let count = file.read(&mut block)?;
            if count == 0 {
                return Ok(at == SIZE);
            }
            if self.content.read(at, count as u64)? != block[..count] {
                return Ok(false);
            }
            at += count as u64;
        }
    }
}
