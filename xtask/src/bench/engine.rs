//! Hearth's engine beside llama.cpp's: the same files, prompts and threads, in turns.

mod hearth;
mod peer;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use hearth_engine::EngineConfig;
use hearth_engine::protocol::ReplyStats;
use serde::{Deserialize, Serialize};

use super::median::median;
use super::models::{self, BenchModel};
use super::{BenchOptions, Metrics};
use crate::project::Project;
use crate::worker;

/// A short prompt and the reply whose speed is the decode speed, in tokens.
const SHORT: Wanted = Wanted {
    prompt_tokens: 32,
    reply_tokens: 64,
};
/// A prompt whose speed is the prompt speed. Its reply only shows that the prompt was read.
const PROMPT: Wanted = Wanted {
    prompt_tokens: 512,
    reply_tokens: 2,
};
/// A chat that has gone on for a while.
const LONG: Wanted = Wanted {
    prompt_tokens: 2048,
    reply_tokens: 32,
};
/// A long chat, for the decode speed at the end of it.
const DEEP: Wanted = Wanted {
    prompt_tokens: 4096,
    reply_tokens: 32,
};
/// A prompt that is so many times as long costs each token more attention: about this much.
const LONGER_SLOWER: f64 = 1.7;

/// What is compared beside the rounds: each once, as far as the time allows.
const SCENES: [Scene; 3] = [
    Scene {
        name: "beside a busy program",
        wanted: SHORT,
        busy: true,
    },
    Scene {
        name: "a chat of 2,048 tokens",
        wanted: LONG,
        busy: false,
    },
    Scene {
        name: "a chat of 4,096 tokens",
        wanted: DEEP,
        busy: false,
    },
];

/// A prompt and its reply under other conditions than those of the rounds.
#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    wanted: Wanted,
    /// Beside a program that keeps one core busy.
    busy: bool,
}

#[derive(Parser)]
#[command(name = "cargo xtask bench engine --")]
struct Arguments {
    /// One model and one round, and nothing beside it: about two minutes.
    #[arg(long)]
    quick: bool,
    /// The models to measure, by name and separated by commas.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// How often each engine has its turn with each model.
    #[arg(long)]
    rounds: Option<usize>,
    /// Nothing is begun after the rounds that would probably end after this many minutes.
    #[arg(long, default_value_t = 24)]
    minutes: u64,
    /// A worker to measure in place of this checkout's.
    #[arg(long)]
    worker: Option<PathBuf>,
}

/// How long a prompt and its reply are to be, in tokens.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    prompt_tokens: usize,
    reply_tokens: usize,
}

impl Wanted {
    /// A model of noise may end its turn by chance; too short a reply says nothing of speed.
    fn is_met_by(&self, reply: &ReplyStats) -> bool {
        reply.reply_tokens * 2 >= self.reply_tokens
    }
}

/// What one process of either engine is to do.
struct Plan<'a> {
    model: &'a Path,
    threads: usize,
    /// Prompt and reply together, in tokens.
    context: usize,
    replies: &'a [Wanted],
}

/// What it did. The peer prints this as JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Session {
    load_milliseconds: f64,
    replies: Vec<ReplyStats>,
    /// Bytes, beyond what the process took before the load.
    peak_memory: u64,
}

/// Both engines' sessions of the same plan, one after the other.
struct Pair {
    hearth: Session,
    peer: Session,
}

/// All that was measured on one model.
struct Measured {
    model: &'static BenchModel,
    path: PathBuf,
    rounds: Vec<Pair>,
    /// In the order of [`SCENES`].
    scenes: [Option<Pair>; SCENES.len()],
}

/// Measures both engines on models of published shapes and random weights.
pub fn run(options: &BenchOptions) -> Result<Metrics> {
    let start = Instant::now();
    let words = std::iter::once("bench").chain(options.arguments.iter().map(String::as_str));
    let arguments = Arguments::parse_from(words);
    let rounds = arguments
        .rounds
        .unwrap_or(if arguments.quick { 1 } else { 5 })
        .max(1);
    let budget = Duration::from_secs(arguments.minutes * 60);

    let chosen = models::choose(&arguments.models, arguments.quick)?;
    let worker = match arguments.worker {
        Some(worker) => worker,
        None => worker::build(&options.project)?,
    };
    peer::install(&options.project)?;
    let home = options.project.target.join("bench-engine");
    std::fs::create_dir_all(&home)?;
    let bench = Bench {
        project: &options.project,
        config: EngineConfig::new(worker, home),
    };
    println!("{}", report::machine(bench.config.threads));

    let mut measured = Vec::new();
    for model in chosen {
        if let Some(path) = model.prepare(&options.project)? {
            let rounds = bench.rounds(model, &path, rounds)?;
            measured.push(Measured {
                model,
                path,
                rounds,
                scenes: [const { None }; SCENES.len()],
            });
        }
    }
    if measured.is_empty() {
        bail!("no model could be measured: see the lines above for what each of them needs");
    }
    // Last, because it takes longest, and only as far as the time allows.
    let scenes = if arguments.quick { &[][..] } else { &SCENES };
    for (index, scene) in scenes.iter().enumerate() {
        for of_model in &mut measured {
            let expected = expected(scene, &of_model.rounds);
            if start.elapsed() + expected > budget {
                let minutes = (expected.as_secs_f64() / 60.0).ceil();
                println!(
                    "{}: {} is left out, it would take about {minutes:.0} minutes (see --minutes)",
                    of_model.model.name, scene.name
                );
                continue;
            }
            of_model.scenes[index] = Some(bench.scene(scene, of_model)?);
        }
    }
    println!("\n{}", report::table(&measured, bench.config.threads));
    println!("It took {:.0} minutes.", start.elapsed().as_secs_f64() / 60.0);
    Ok(report::metrics(&measured))
}

/// Both engines, ready to run.
struct Bench<'a> {
    project: &'a Project,
    config: EngineConfig,
}

impl Bench<'_> {
    /// A short prompt and a longer one, `count` times.
    fn rounds(&self, model: &BenchModel, path: &Path, count: usize) -> Result<Vec<Pair>> {
        let one = |number| {
            let pair = self.turns(path, 1024, &[SHORT, PROMPT])?;
            println!("{}", report::round(model.name, number, count, &pair));
            Ok(pair)
        };
        (1..=count).map(one).collect()
    }

    fn scene(&self, scene: &Scene, measured: &Measured) -> Result<Pair> {
        let neighbour = scene.busy.then(Neighbour::start);
        let context = scene.wanted.prompt_tokens + 4 * scene.wanted.reply_tokens;
        let pair = self.turns(&measured.path, context, &[scene.wanted])?;
        drop(neighbour);
        println!("{}", report::scene(measured.model.name, scene, &pair));
        Ok(pair)
    }

    /// First Hearth, then llama.cpp, each in a new process.
    fn turns(&self, model: &Path, context: usize, replies: &[Wanted]) -> Result<Pair> {
        let plan = Plan {
            model,
            threads: self.config.threads,
            context,
            replies,
        };
        let hearth = hearth::measure(&self.config, &plan)?;
        // The template adds tokens of its own: the peer gets a prompt of the length that came of it.
        let same: Vec<Wanted> = hearth
            .replies
            .iter()
            .zip(replies)
            .map(|(reply, wanted)| Wanted {
                prompt_tokens: reply.prompt_tokens,
                ..*wanted
            })
            .collect();
        let peer = peer::measure(
            self.project,
            &Plan {
                replies: &same,
                ..plan
            },
        )?;
        Ok(Pair { hearth, peer })
    }
}

/// A thread that keeps one core busy until it is dropped.
struct Neighbour(Arc<AtomicBool>);

impl Neighbour {
    fn start() -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let left = leave.clone();
        std::thread::spawn(move || {
            while !left.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self(leave)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// About how long both engines will take over a scene, from the rounds before.
fn expected(scene: &Scene, rounds: &[Pair]) -> Duration {
    let seconds = |side: fn(&Pair) -> &Session| {
        let prompt = median(
            rounds
                .iter()
                .map(|pair| side(pair).replies[1].prompt_milliseconds),
        );
        let decode = median(
            rounds
                .iter()
                .map(|pair| side(pair).replies[0].decode_milliseconds),
        );
        let longer = scene.wanted.prompt_tokens as f64 / PROMPT.prompt_tokens as f64;
        (prompt.unwrap_or_default() * longer * LONGER_SLOWER + decode.unwrap_or_default()) / 1000.0
    };
    Duration::from_secs_f64(seconds(|pair| &pair.hearth) + seconds(|pair| &pair.peer) / LONGER_SLOWER)
}
