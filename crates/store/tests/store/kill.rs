//! A process killed in mid-reply loses at most what had come since its last flush.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use hearth_store::{FLUSH_INTERVAL, MessageStatus, Parent, Store};
use tempfile::TempDir;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::connect;

const DATABASE: &str = "HEARTH_STORE_TEST_DATABASE";
const ROUNDS: usize = 50;
/// Rounds side by side, each with a database of its own that goes through many kills.
const LANES: usize = 5;
/// How late a busy machine may run a task that is due.
const LATE: Duration = Duration::from_millis(250);

/// The text of every reply here: "0 1 2 3 …".
fn piece(number: usize) -> String {
    format!("{number} ")
}

/// The process that is killed. Its log, on stdout, says by one clock what was pushed and what was saved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below, in a process of its own, until it is killed"]
async fn stream_until_killed() {
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .with_filter(Targets::new().with_target("hearth_store", LevelFilter::TRACE));
    tracing_subscriber::registry().with(log).init();

    let store = Store::open(&PathBuf::from(std::env::var_os(DATABASE).unwrap()))
        .await
        .unwrap();
    let chat = store.create_chat("To be killed").await.unwrap();
    let turn = store
        .begin_turn(&chat.id, Parent::Leaf, "Count!", "Bard")
        .await
        .unwrap();
    println!("reply {}", turn.reply.id);
    let writer = store.reply_writer(&turn.reply.id);
    let pushing = std::thread::spawn(move || {
        for number in 0.. {
            let piece = piece(number);
            tracing::trace!(target: "hearth_store::test", bytes = piece.len(), "pushing");
            writer.push(&piece);
            std::thread::sleep(Duration::from_millis(1 + number as u64 % 4));
        }
    });
    pushing.join().unwrap();
}

#[test]
fn fifty_kills_lose_no_more_than_a_flush_each() {
    let durable: usize = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap()).sum()
    });
    assert!(
        durable > ROUNDS * FLUSH_INTERVAL.as_millis() as usize / 10,
        "{durable} bytes survived 50 kills"
    );
}

/// Returns how many bytes of all replies survived.
fn lane() -> usize {
    let folder = TempDir::new().unwrap();
    let database = folder.path().join("hearth.db");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    (1..=ROUNDS / LANES)
        .map(|round| {
            let log = kill_in_mid_reply(&database);
            runtime.block_on(check(&database, &log, round))
        })
        .sum()
}

/// What the killed process had said.
struct Log {
    reply: String,
    lines: Vec<Line>,
}

struct Line {
    time: Duration,
    what: What,
    bytes: usize,
}

#[derive(PartialEq)]
enum What {
    Pushing,
    Saving,
    Saved,
}

fn kill_in_mid_reply(database: &Path) -> Log {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "kill::stream_until_killed"])
        .env(DATABASE, database)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (lines, received) = mpsc::channel();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let reading = std::thread::spawn(move || {
        let mut line = String::new();
        // The last line may be cut off.
        while output.read_line(&mut line).is_ok() && line.ends_with('\n') {
            let _ = lines.send(std::mem::take(&mut line));
        }
    });
    let mut log = VecDeque::new();
    loop {
        match received.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => log.push_back(line),
            Err(error) => {
                kill(&mut child);
                panic!("the process said nothing ({error}) after {log:?}");
            }
        }
        if log.back().is_some_and(|line| line.contains("pushing")) {
            break;
        }
    }
    std::thread::sleep(Duration::from_millis(random() % 900));
    kill(&mut child);
    reading.join().unwrap();
    log.extend(received.try_iter());
    let reply = log
        .iter()
        .find_map(|line| line.split_once("reply "))
        .unwrap()
        .1
        .trim()
        .to_owned();
    Log {
        reply,
        lines: log.iter().filter_map(|line| parse(line)).collect(),
    }
}

/// SIGKILL, and TerminateProcess on Windows: no handler of the process runs.
fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

/// "   0.012345678s TRACE hearth_store::reply_writer: saving bytes=12"
fn parse(line: &str) -> Option<Line> {
    let (time, rest) = line.trim().split_once("s TRACE ")?;
    let (_, message) = rest.split_once(": ")?;
    let (what, bytes) = message.split_once(" bytes=")?;
    let what = match what {
        "pushing" => What::Pushing,
        "saving" => What::Saving,
        "saved" => What::Saved,
        other => panic!("unexpected in the log: {other}"),
    };
    let time = Duration::from_secs_f64(time.trim().parse().unwrap());
    Some(Line {
        time,
        what,
        bytes: bytes.parse().unwrap(),
    })
}

async fn check(database: &Path, log: &Log, round: usize) -> usize {
    let store = Store::open(database).await.unwrap();
    let reply = store.message(&log.reply).await.unwrap();
    let chats = store.chats().await.unwrap();
    assert_eq!(chats.len(), round, "every chat is still listed");
    assert_eq!(chats[0].id, reply.chat_id);
    assert_eq!(store.branch(&reply.chat_id).await.unwrap().last(), Some(&reply));
    store.close().await;

    let mut connection = connect(database).await;
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(sound, "ok");

    assert_eq!(reply.status, MessageStatus::Interrupted);
    let length = reply.content.len();
    let said: String = (0..)
        .map(piece)
        .scan(0, |sum, piece| {
            let wanted = *sum < length;
            *sum += piece.len();
            wanted.then_some(piece)
        })
        .collect();
    assert!(
        said.starts_with(&reply.content),
        "what is there is what was said: {}",
        reply.content
    );

    let bytes = |what| {
        log.lines
            .iter()
            .filter(move |line| line.what == what)
            .map(|line| line.bytes)
    };
    assert!(length >= bytes(What::Saved).sum(), "what was once saved stays");
    assert!(length <= bytes(What::Pushing).sum());
    let promised = log.pushed_before(log.end().saturating_sub(FLUSH_INTERVAL + log.delays()));
    assert!(
        length >= promised,
        "{length} bytes, where {promised} were older than one flush"
    );
    length
}

impl Log {
    fn end(&self) -> Duration {
        self.lines.iter().map(|line| line.time).max().unwrap()
    }

    /// Bytes that had certainly been pushed at a time: a line is written before its piece is pushed, so the
    /// next line vouches for it.
    fn pushed_before(&self, time: Duration) -> usize {
        let pushes: Vec<&Line> = self
            .lines
            .iter()
            .filter(|line| line.what == What::Pushing)
            .collect();
        pushes
            .windows(2)
            .filter(|pair| pair[1].time < time)
            .map(|pair| pair[0].bytes)
            .sum()
    }

    /// What this machine, just then, added to the flush interval: two flushes' time on the disk (the one
    /// under way at the kill, and the one before it that put it off), and waiting for a processor.
    fn delays(&self) -> Duration {
        let mut longest_flush = Duration::ZERO;
        let mut longest_pause = Duration::ZERO;
        let mut begun = None;
        let mut last_push: Option<Duration> = None;
        for line in &self.lines {
            match line.what {
                What::Saving => begun = Some(line.time),
                What::Saved => {
                    longest_flush = longest_flush.max(line.time.saturating_sub(begun.take().unwrap()));
                }
                What::Pushing => {
                    longest_pause =
                        longest_pause.max(line.time.saturating_sub(last_push.unwrap_or(line.time)));
                    last_push = Some(line.time);
                }
            }
        }
        let under_way = begun.map_or(Duration::ZERO, |begun| self.end().saturating_sub(begun));
        2 * longest_flush.max(under_way) + longest_pause + LATE
    }
}
