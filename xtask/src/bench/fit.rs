//! The verdict beside the truth: models of published shapes, loaded and asked, and what was predicted for each.

mod safetensors;

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use clap::Parser;
use hearth_engine::protocol::{Event, ReplyStats, Request, Sampling};
use hearth_engine::{Chosen, EngineConfig, Question};
use hearth_fit::{Plan, Shape, decode_speed, prompt_speed, verdict};
use hearth_gguf::Header;
use hearth_machine::{Machine, Speeds};
use serde_json::json;

use super::median::median;
use super::models;
use super::worker::Worker;
use super::{BenchOptions, Metrics};
use crate::worker;

/// Shape, quantisation and context in tokens: small and large ones, short and long ones.
const CASES: [(&str, usize); 21] = [
    ("qwen3-0.6b-q4_k_m", 512),
    ("llama-1b-q4_k_m", 1024),
    ("qwen3-0.6b-q8_0", 1024),
    ("llama-1b-q8_0", 512),
    ("qwen3-0.6b-q4_k_m", 1536),
    ("qwen3-0.6b-q8_0", 512),
    ("llama-1b-q4_k_m", 512),
    ("llama-1b-q4_k_m", 2048),
    ("llama-1b-q8_0", 1536),
    ("llama-1b-q6_k", 768),
    ("qwen3-1.7b-q4_k_m", 768),
    ("llama-3b-q4_k_m", 512),
    ("llama-3b-q4_k_m", 1024),
    ("gemma3-4b-q4_k_m", 512),
    ("gemma3-4b-q4_k_m", 2048),
    ("gemma4-e2b-q4_k_m", 512),
    ("gemma4-e2b-q4_k_m", 2048),
    ("qwen3-moe-32-q4_k_m", 512),
    ("qwen3-moe-128-q4_k_m", 512),
    ("qwen35-4b-q4_k_m", 512),
    ("qwen35-4b-q4_k_m", 2048),
];
/// Cases of a quick run: one of each kind.
const QUICK: usize = 4;
/// Tokens of the reply that fills the context up, whose speed is the decode speed there.
const REPLY: usize = 32;

#[derive(Parser)]
#[command(name = "cargo xtask bench fit --")]
struct Arguments {
    /// The first four cases, and none of safetensors.
    #[arg(long)]
    quick: bool,
    /// Models of the cases to measure, separated by commas.
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// A worker to measure in place of this checkout's.
    #[arg(long)]
    worker: Option<std::path::PathBuf>,
}

/// One case: what is loaded, and what the verdict knows of it.
struct Case {
    name: String,
    context: usize,
    chosen: Chosen,
    shape: Shape,
}

/// One case, predicted and measured.
struct Outcome {
    name: String,
    context: usize,
    memory: u64,
    decode: Option<f64>,
    prompt: Option<f64>,
    measured: ReplyStats,
}

impl Outcome {
    /// Predicted over measured, less one: above zero is predicted too much.
    fn memory_error(&self) -> f64 {
        self.memory as f64 / self.measured.peak_bytes as f64 - 1.0
    }

    fn decode_error(&self) -> Option<f64> {
        let predicted = self.decode?;
        let measured = self.measured.decode_tokens_per_second();
        // A model of noise may end its turn by chance.
        (self.measured.reply_tokens * 2 >= REPLY).then(|| predicted / measured - 1.0)
    }

    fn prompt_error(&self) -> Option<f64> {
        let predicted = self.prompt?;
        Some(predicted / self.measured.prompt_tokens_per_second() - 1.0)
    }
}

/// Measures every case, and this machine before and after each: what other programs take changes from minute to minute.
pub fn run(options: &BenchOptions) -> Result<Metrics> {
    let words = std::iter::once("bench").chain(options.arguments.iter().map(String::as_str));
    let arguments = Arguments::parse_from(words);
    let worker = match arguments.worker {
        Some(worker) => worker,
        None => worker::build(&options.project)?,
    };
    let home = options.project.target.join("bench-engine");
    std::fs::create_dir_all(&home)?;
    let config = EngineConfig::new(worker, home);
    let machine = hearth_machine::look();
    let mut speeds = measure(&config)?;
    println!(
        "{}, {} threads: memory {:.1} GB/s, decoding {:.1} GB/s of weights",
        machine.cpu.name,
        speeds.threads,
        speeds.read_bytes_per_second / 1e9,
        speeds.matvec_bytes_per_second / 1e9
    );
    let cases = &CASES[..if arguments.quick { QUICK } else { CASES.len() }];
    let mut outcomes = Vec::new();
    let wanted = |name: &str| arguments.models.is_empty() || arguments.models.iter().any(|one| one == name);
    let mut compare = |case: Case| -> Result<()> {
        let measured = fill(&config, &case)?;
        let after = measure(&config)?;
        let outcome = predict(&machine, &between(&speeds, &after), case, measured);
        speeds = after;
        println!("{}", line(&outcome));
        outcomes.push(outcome);
        Ok(())
    };
    for (name, context) in cases.iter().filter(|(name, _)| wanted(name)) {
        for model in models::choose(&[(*name).to_owned()], false)? {
            let Some(path) = model.prepare(&options.project)? else {
                continue;
            };
            let header = Header::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            compare(Case {
                name: model.name.to_owned(),
                context: *context,
                shape: Shape::of(&header)?,
                chosen: Chosen {
                    context: Some(*context),
                    ..Chosen::files(vec![path])
                },
            })?;
        }
    }
    let quantised = safetensors::CASES.iter().filter(|_| !arguments.quick);
    for case in quantised.filter(|case| wanted(case.name)) {
        if let Some(case) = case.prepare(&options.project)? {
            compare(case)?;
        }
    }
    if outcomes.is_empty() {
        bail!("no case could be measured: see the lines above for what each of them needs");
    }
    println!("\n{}", table(&outcomes));
    Ok(metrics(&outcomes))
}

fn measure(config: &EngineConfig) -> Result<Speeds> {
    let mut worker = Worker::start(config)?;
    worker.ask(|id| Request::Measure { id })?;
    loop {
        if let Event::Measured { speeds, .. } = worker.event()? {
            return Ok(Speeds {
                read_bytes_per_second: speeds.read_bytes_per_second,
                matvec_bytes_per_second: speeds.matvec_bytes_per_second,
                prompt_weights_per_second: speeds.prompt_weights_per_second,
                layer_seconds: speeds.layer_seconds,
                prompt_numbers_per_second: speeds.prompt_numbers_per_second,
                key_numbers_per_second: speeds.key_numbers_per_second,
                attention_numbers_per_second: speeds.attention_numbers_per_second,
                prompt_attention_per_second: speeds.prompt_attention_per_second,
                threads: u32::try_from(speeds.threads)?,
                measured_at: 0,
            });
        }
    }
}

/// The speeds of the time between two measurements.
fn between(before: &Speeds, after: &Speeds) -> Speeds {
    let middle = |of: fn(&Speeds) -> f64| of(before).midpoint(of(after));
    Speeds {
        read_bytes_per_second: middle(|speeds| speeds.read_bytes_per_second),
        matvec_bytes_per_second: middle(|speeds| speeds.matvec_bytes_per_second),
        prompt_weights_per_second: middle(|speeds| speeds.prompt_weights_per_second),
        layer_seconds: middle(|speeds| speeds.layer_seconds),
        prompt_numbers_per_second: middle(|speeds| speeds.prompt_numbers_per_second),
        key_numbers_per_second: middle(|speeds| speeds.key_numbers_per_second),
        attention_numbers_per_second: middle(|speeds| speeds.attention_numbers_per_second),
        prompt_attention_per_second: middle(|speeds| speeds.prompt_attention_per_second),
        ..*after
    }
}

/// Loads the model in a process of its own and fills its context: a prompt, then a reply.
fn fill(config: &EngineConfig, case: &Case) -> Result<ReplyStats> {
    let mut worker = Worker::start(config)?;
    let chosen = case.chosen.clone();
    let load = worker.ask(|id| Request::Load { id, chosen })?;
    while !matches!(worker.event()?, Event::Loaded { id, .. } if id == load) {}
    // What is only done once is done with the first prompt.
    generate(&mut worker, 64, 1)?;
    generate(&mut worker, case.context - REPLY, REPLY)
}

/// What the verdict says of the same.
fn predict(machine: &Machine, speeds: &Speeds, case: Case, measured: ReplyStats) -> Outcome {
    let Case {
        name, context, shape, ..
    } = case;
    let plan = Plan {
        context: context as u64,
        draft: None,
        card: None,
    };
    let predicted = verdict(machine, Some(speeds), &shape, plan, None);
    // The verdict's speeds are those of a half-filled context; these are compared where they were measured.
    let (prompt, reply) = (measured.prompt_tokens as u64, measured.reply_tokens as u64);
    Outcome {
        name,
        context,
        memory: predicted.memory.peak_bytes,
        decode: decode_speed(machine, speeds, &shape, prompt + reply / 2)
            .map(|speed| speed.tokens_per_second),
        prompt: prompt_speed(machine, speeds, &shape, prompt).map(|speed| speed.tokens_per_second),
        measured,
    }
}

/// Reads a prompt of about so many tokens and writes a reply of so many.
fn generate(worker: &mut Worker, prompt: usize, reply: usize) -> Result<ReplyStats> {
    let question = Question {
        messages: worker.prompt_of(prompt)?,
        sampling: Sampling::greedy(),
        max_tokens: Some(reply),
        speculate: false,
        ..Question::default()
    };
    let asked = worker.ask(|id| Request::Generate { id, question })?;
    loop {
        if let Event::Done { id, stats, .. } = worker.event()?
            && id == asked
        {
            return Ok(stats);
        }
    }
}

fn line(outcome: &Outcome) -> String {
    let percent =
        |error: Option<f64>| error.map_or("-".to_owned(), |error| format!("{:+.0} %", error * 100.0));
    format!(
        "{:<22} context {:>5}: memory {:+.1} %, decode {}, prompt {}",
        outcome.name,
        outcome.context,
        outcome.memory_error() * 100.0,
        percent(outcome.decode_error()),
        percent(outcome.prompt_error())
    )
}

fn table(outcomes: &[Outcome]) -> String {
    let mut out = String::from(
        "| model | context | memory predicted | measured | off | decode predicted | measured | off | prompt predicted | measured | off |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for outcome in outcomes {
        let percent =
            |error: Option<f64>| error.map_or("-".to_owned(), |error| format!("{:+.0} %", error * 100.0));
        let speed = |speed: Option<f64>| speed.map_or("-".to_owned(), |speed| format!("{speed:.1}"));
        let measured = &outcome.measured;
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {} | {} | {:.2} GB | {:.2} GB | {:+.1} % | {} | {:.1} | {} | {} | {:.1} | {} |",
            outcome.name,
            outcome.context,
            outcome.memory as f64 / 1e9,
            measured.peak_bytes as f64 / 1e9,
            outcome.memory_error() * 100.0,
            speed(outcome.decode),
            measured.decode_tokens_per_second(),
            percent(outcome.decode_error()),
            speed(outcome.prompt),
            measured.prompt_tokens_per_second(),
            percent(outcome.prompt_error())
        );
    }
    out
}

/// Errors as fractions, without their sign.
fn metrics(outcomes: &[Outcome]) -> Metrics {
    let (memory_median, memory_worst) = spread(outcomes.iter().map(|one| Some(one.memory_error())));
    let (decode_median, decode_worst) = spread(outcomes.iter().map(Outcome::decode_error));
    let (prompt_median, prompt_worst) = spread(outcomes.iter().map(Outcome::prompt_error));
    json!({
        "cases": outcomes.len(),
        "memory_error_median": memory_median,
        "memory_error_worst": memory_worst,
        "decode_error_median": decode_median,
        "decode_error_worst": decode_worst,
        "prompt_error_median": prompt_median,
        "prompt_error_worst": prompt_worst,
    })
}

/// The median and the largest of what is there; none where nothing is.
fn spread(errors: impl Iterator<Item = Option<f64>>) -> (Option<f64>, Option<f64>) {
    let mut errors: Vec<f64> = errors.flatten().map(f64::abs).collect();
    errors.sort_by(f64::total_cmp);
    (median(errors.iter().copied()), errors.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_errors_has_no_sign_and_passes_over_what_was_not_measured() {
        assert_eq!(
            spread([Some(-0.3), None, Some(0.1), Some(0.2)].into_iter()),
            (Some(0.2), Some(0.3))
        );
        assert_eq!(spread([Some(0.1), Some(-0.3)].into_iter()).0, Some(0.2));
        assert_eq!(spread(std::iter::empty()), (None, None));
    }

    #[test]
    fn every_case_is_a_model_of_the_bench() {
        for (name, context) in CASES {
            assert_eq!(models::choose(&[name.to_owned()], false).unwrap().len(), 1);
            assert!(context > REPLY);
        }
    }
}
