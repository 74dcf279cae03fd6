//! Hearth's engine beside llama.cpp's: the same files, prompts and threads, in turns.

mod hearth;
mod memory;
mod models;
mod peer;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;
use hearth_engine::EngineConfig;
use hearth_engine::protocol::ReplyStats;
use serde::{Deserialize, Serialize};

use self::models::BenchModel;
use super::{BenchOptions, Metrics};
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
const DEEP_SLOWER: f64 = 3.5;

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
    model: &'a std::path::Path,
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
    let worker = match &arguments.worker {
        Some(worker) => worker.clone(),
        None => worker::build(&options.project)?,
    };
    peer::install(&options.project)?;
    let home = options.project.target.join("bench-engine");
    std::fs::create_dir_all(&home)?;
    let config = EngineConfig::new(worker, home);
    println!("{}", report::machine(config.threads));

    let turns = |plan: &Plan| -> Result<Pair> {
        let hearth = hearth::measure(&config, plan)?;
        // The worker's template adds tokens of its own: the peer gets a prompt of the length that came of it.
        let same: Vec<Wanted> = hearth
            .replies
            .iter()
            .zip(plan.replies)
            .map(|(reply, wanted)| Wanted {
                prompt_tokens: reply.prompt_tokens,
                ..*wanted
            })
            .collect();
        let peer = peer::measure(
            &options.project,
            &Plan {
                replies: &same,
                ..*plan
            },
        )?;
        Ok(Pair { hearth, peer })
    };

    let mut measured = Vec::new();
    for model in chosen {
        let Some(path) = model.prepare(&options.project)? else {
            continue;
        };
        let replies = [SHORT, PROMPT];
        let plan = Plan {
            model: &path,
            threads: config.threads,
            context: 1024,
            replies: &replies,
        };
        let mut pairs = Vec::new();
        for round in 1..=rounds {
            let pair = turns(&plan)?;
            println!("{}", report::round(model.name, round, rounds, &pair));
            pairs.push(pair);
        }
        measured.push((
            Measured {
                model,
                rounds: pairs,
                deep: None,
            },
            path,
        ));
    }
    if measured.is_empty() {
        bail!("no model could be measured: see the lines above for what each of them needs");
    }

    for (of_model, path) in &mut measured {
        let name = of_model.model.name;
        if arguments.quick {
            continue;
        }
        let expected = expected_deep(&of_model.rounds);
        if start.elapsed() + expected > budget {
            println!(
                "{name}: the long context is left out, it would take about {:.0} minutes more (see --minutes)",
                (expected.as_secs_f64() / 60.0).ceil()
            );
            continue;
        }
        let context = DEEP.prompt_tokens + 4 * DEEP.reply_tokens;
        let plan = Plan {
            model: path,
            threads: config.threads,
            context,
            replies: &[DEEP],
        };
        let pair = turns(&plan)?;
        println!("{}", report::deep(name, &pair));
        of_model.deep = Some(pair);
    }
    let measured: Vec<Measured> = measured.into_iter().map(|(of_model, _)| of_model).collect();
    println!("\n{}", report::table(&measured, config.threads));
    println!("It took {:.0} minutes.", start.elapsed().as_secs_f64() / 60.0);
    Ok(report::metrics(&measured))
}

/// About how long both engines will take over the long context, from the rounds before.
fn expected_deep(rounds: &[Pair]) -> Duration {
    let seconds = |side: fn(&Pair) -> &Session| {
        let prompt = report::median(
            rounds
                .iter()
                .map(|pair| side(pair).replies[1].prompt_milliseconds),
        );
        let decode = report::median(
            rounds
                .iter()
                .map(|pair| side(pair).replies[0].decode_milliseconds),
        );
        let longer = DEEP.prompt_tokens as f64 / PROMPT.prompt_tokens as f64;
        (prompt.unwrap_or_default() * longer * DEEP_SLOWER + decode.unwrap_or_default()) / 1000.0
    };
    Duration::from_secs_f64(seconds(|pair| &pair.hearth) + seconds(|pair| &pair.peer) / DEEP_SLOWER)
}
