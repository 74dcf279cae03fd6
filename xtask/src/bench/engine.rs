//! Hearth's engine beside llama.cpp's: the same files, prompts and threads, in turns.

mod hearth;
mod peer;
mod report;

use std::path::{Path, PathBuf};
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
/// A long chat, for the decode speed at the end of it.
const DEEP: Wanted = Wanted {
    prompt_tokens: 4096,
    reply_tokens: 32,
};
/// A prompt eight times as long costs each token more attention: about this much.
const DEEP_SLOWER: f64 = 1.7;

#[derive(Parser)]
#[command(name = "cargo xtask bench engine --")]
struct Arguments {
    /// One model and one round, and no long context: about two minutes.
    #[arg(long)]
    quick: bool,
    /// The models to measure, by name and separated by commas.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// How often each engine has its turn with each model.
    #[arg(long)]
    rounds: Option<usize>,
    /// No long context is begun that would probably end after this many minutes.
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
    deep: Option<Pair>,
}

/// Measures both engines on models of published shapes and random weights.
pub fn run(options: &BenchOptions) -> Result<Metrics> {
    let start = Instant::now();
    let words = std::iter::once("bench").chain(options.arguments.iter().map(String::as_str));
    let arguments = Arguments::parse_from(words);
    let rounds = arguments
        .rounds
        .unwrap_or(if arguments.quick { 1 } else { 3 })
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
                deep: None,
            });
        }
    }
    if measured.is_empty() {
        bail!("no model could be measured: see the lines above for what each of them needs");
    }
    // Last, because it takes longest, and only as far as the time allows.
    for of_model in measured.iter_mut().filter(|_| !arguments.quick) {
        let expected = expected_deep(&of_model.rounds);
        if start.elapsed() + expected > budget {
            let minutes = (expected.as_secs_f64() / 60.0).ceil();
            println!(
                "{}: the long context is left out, it would take about {minutes:.0} minutes (see --minutes)",
                of_model.model.name
            );
            continue;
        }
        of_model.deep = Some(bench.deep(of_model.model, &of_model.path)?);
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

    /// A long chat, once.
    fn deep(&self, model: &BenchModel, path: &Path) -> Result<Pair> {
        let pair = self.turns(path, DEEP.prompt_tokens + 4 * DEEP.reply_tokens, &[DEEP])?;
        println!("{}", report::deep(model.name, &pair));
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

/// About how long both engines will take over the long context, from the rounds before.
fn expected_deep(rounds: &[Pair]) -> Duration {
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
        let longer = DEEP.prompt_tokens as f64 / PROMPT.prompt_tokens as f64;
        (prompt.unwrap_or_default() * longer * DEEP_SLOWER + decode.unwrap_or_default()) / 1000.0
    };
    Duration::from_secs_f64(seconds(|pair| &pair.hearth) + seconds(|pair| &pair.peer) / DEEP_SLOWER)
}
