//! A process that downloads is killed at any moment, again and again. The file is right in the end, and what is
//! fetched twice is little.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::setup::{FILE, REPO, Setup};
use hearth_fake_hub::Content;

const ROUNDS: usize = 10;
/// So large that the rounds cannot end it.
const SIZE: u64 = 256_000_000;

/// `cargo test` builds examples beside the tests: target/debug/deps/transfers-… and target/debug/examples/pull.
fn pull() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples")
        .join(format!("pull{}", std::env::consts::EXE_SUFFIX))
}

struct Pull {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Pull {
    fn start(setup: &Setup) -> Self {
        let content = setup.repo.content(FILE).unwrap();
        let mut child = Command::new(pull())
            .arg(&setup.hub.url)
            .arg(setup.database())
            .arg(setup.cache.root())
            .args([REPO, &setup.repo.sha(), FILE])
            .args([content.size().to_string(), content.sha256().unwrap()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo builds examples with the tests");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> Option<String> {
        self.lines.next().map(Result::unwrap)
    }

    /// Bytes that were safe when it started.
    fn start_bytes(&mut self) -> u64 {
        let line = self.line().expect("it says where it starts");
        line.strip_prefix("start ").unwrap().parse().unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_download_goes_on_and_fetches_little_twice() {
    let setup = Setup::new().await;
    setup.hub.repo(REPO).file(FILE, Content::generated(SIZE, 99));
    setup.hub.bandwidth(Some(6_000_000));
    let mut safe_before = 0;
    for round in 0..ROUNDS {
        let sent_before = setup.sent();
        let mut running = Pull::start(&setup);
        let safe = running.start_bytes();
        assert!(safe >= safe_before, "round {round}: what was safe stays safe");
        safe_before = safe;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(50..700))).await;
        running.kill();
        // What the kernel still held is sent into the void.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut next = Pull::start(&setup);
        let gained = next.start_bytes() - safe;
        next.kill();
        let twice = (setup.sent() - sent_before).saturating_sub(gained);
        assert!(
            twice <= SIZE / 20,
            "round {round}: {twice} bytes were for nothing"
        );
    }
    setup.hub.bandwidth(None);
    let mut last = Pull::start(&setup);
    let mut end = String::new();
    while let Some(line) = last.line() {
        end = line;
    }
    assert!(end.starts_with("finished "), "{end}");
    assert!(last.child.wait().unwrap().success());
    setup.assert_right(FILE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_does_not_touch_the_first_one_s_bytes() {
    let setup = Setup::new().await;
    setup.hub.repo(REPO).file(FILE, Content::generated(SIZE, 99));
    setup.hub.bandwidth(Some(4_000_000));
    let mut first = Pull::start(&setup);
    while !first.line().unwrap().starts_with("progress 4") {}

    // Another database: another person's Hearth on the same cache.
    let mut open = setup.open_at("other.db", crate::setup::limits()).await;
    let end = open.pull(setup.wanted(&[FILE])).await.unwrap();
    let sentence = end.failure.unwrap().sentence;
    assert!(
        sentence.contains("being downloaded by another program"),
        "{sentence}"
    );
    setup.hub.bandwidth(None);
    first.kill();
    open.transfers.resume(&end.id).await.unwrap();
    open.until_state(&end.id, hearth_store::TransferState::Done).await;
    setup.assert_right(FILE);
}
