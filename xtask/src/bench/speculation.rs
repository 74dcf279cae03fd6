//! Replies with drafts beside the same replies without, at every rate of acceptance: models of real shape whose text and
//! whose draft's errors are scripted, and the trained pair whose acceptance is its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;
use hearth_engine::protocol::{ChatMessage, Event, ReplyStats, Request, Role, Sampling};
use hearth_engine::{Chosen, EngineConfig, Question};
use hearth_fixtures::{Gguf, ModelFile, Quantisation, Script, Shape};
use serde_json::{Value, json};

use super::median::median;
use super::models::is_whole;
use super::worker::Worker;
use super::{BenchOptions, Metrics};

/// How often a drafted token is to stand.
const ACCEPTANCES: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 0.95];

/// What the target counts to beside a draft model: a reply of a usual length, over which learning what drafts bring is spread.
const LONG: usize = 160;

/// A draft of the half-billion class with the target's vocabulary.
const DRAFT: Shape = Shape {
    layers: 16,
    dim: 1024,
    ffn: 3072,
    heads: 16,
    kv_heads: 8,
    head_dim: 64,
    ..Shape::LLAMA_3B
};

#[derive(Parser)]
#[command(name = "cargo xtask bench speculation --")]
struct Arguments {
    /// Pairs of replies that count in each row.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The acceptances to measure, separated by commas.
    #[arg(long, value_delimiter = ',')]
    acceptances: Vec<f64>,
    /// A target of the one-billion class, in a third of the time.
    #[arg(long)]
    small: bool,
}

/// One line of the table.
struct Row {
    drafter: &'static str,
    /// The acceptance that the script aims at; none where the text decides.
    scripted: Option<f64>,
    text: &'static str,
    drafted: usize,
    accepted: usize,
    plain: f64,
    speed: f64,
    /// The median of the rounds' own, each of two replies one after the other: a machine that others use is faster in some
    /// minutes than in others.
    speedup: f64,
}

impl Row {
    fn acceptance(&self) -> Option<f64> {
        (self.drafted > 0).then(|| self.accepted as f64 / self.drafted as f64)
    }

    fn line(&self) -> String {
        let percent =
            |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        format!(
            "{:<7} {:>8} {:>9} {:<12} {:>7.2} {:>8.2} {:>7.2}x",
            self.drafter,
            percent(self.scripted),
            percent(self.acceptance()),
            self.text,
            self.plain,
            self.speed,
            self.speedup
        )
    }

    fn json(&self) -> Value {
        json!({
            "drafter": self.drafter,
            "acceptance": self.scripted,
            "measured_acceptance": self.acceptance(),
            "text": self.text,
            "plain_tokens_per_second": self.plain,
            "tokens_per_second": self.speed,
            "speedup": self.speedup,
        })
    }
}

/// Measures every drafter on every text.
pub fn run(options: &BenchOptions) -> Result<Metrics> {
    let words = std::iter::once("bench").chain(options.arguments.iter().map(String::as_str));
    let mut arguments = Arguments::parse_from(words);
    if arguments.acceptances.is_empty() {
        arguments.acceptances = ACCEPTANCES.to_vec();
    }
    let home = options.project.target.join("bench-engine");
    std::fs::create_dir_all(&home)?;
    let bench = Bench {
        config: EngineConfig::new(crate::worker::build(&options.project)?, home),
        folder: options.project.target.join("bench-models"),
        rounds: arguments.rounds,
    };
    std::fs::create_dir_all(&bench.folder)?;
    println!("drafter scripted  measured text           plain  drafted speed-up");
    let mut rows = Vec::new();
    let mut tell = |row: Row| {
        println!("{}", row.line());
        rows.push(row);
    };
    let (shape, class) = if arguments.small {
        (Shape::LLAMA_1B, "1b")
    } else {
        (Shape::LLAMA_3B, "3b")
    };
    let target = |script: &Script, name: &str| {
        let model = ModelFile::scripted(script).shape(shape);
        bench.file(
            &format!("scripted-{class}-{name}"),
            &model.quantisation(Quantisation::Q4KM),
        )
    };
    let long = Script::counting(LONG)?;
    let counting = target(&long, "counting")?;
    for &acceptance in &arguments.acceptances {
        let draft = bench.file(
            "scripted-draft",
            &ModelFile::scripted(&long)
                .shape(DRAFT)
                .quantisation(Quantisation::Q4KM)
                .knowing(acceptance),
        )?;
        let mut pair = bench.load(&counting, Some(&draft))?;
        tell(bench.row(&mut pair, "model", Some(acceptance), "random", "Speak.")?);
    }
    let script = letters()?;
    let mut alone = bench.load(&target(&script, "letters")?, None)?;
    for acceptance in arguments.acceptances.into_iter().chain([1.0]) {
        let prompt = quoted(&script, acceptance);
        let text = if acceptance < 1.0 {
            "code-like"
        } else {
            "repetitive"
        };
        tell(bench.row(&mut alone, "lookup", Some(acceptance), text, &prompt)?);
    }
    tell(bench.row(&mut alone, "lookup", None, "random", "Speak.")?);
    drop(alone);

    let models = &options.project.root;
    let bard = models.join("models/bard-Q8_0.gguf");
    let draft = models.join("tests/fixtures/models/bard-draft-Q8_0.gguf");
    let mut trained = bench.load(&bard, Some(&draft))?;
    tell(bench.row(
        &mut trained,
        "model",
        None,
        "trained",
        "Tell me thy tale, from first to last.",
    )?);
    Ok(json!({ "rows": rows.iter().map(Row::json).collect::<Vec<_>>() }))
}

/// Characters that are tokens of their own in a prompt as well as in the reply, each once: the vocabulary is filled up with words
/// of small letters, which a prompt's small letters would join to.
fn letters() -> Result<Script> {
    let letters = ('!'..='~').filter(|letter| !letter.is_ascii_lowercase());
    Ok(Script::pieces(letters.map(String::from))?)
}

/// A prompt that has the script in it, with only this share of its tokens in their places.
fn quoted(script: &Script, share: f64) -> String {
    let text = script.text();
    let kept = text.chars().enumerate().map(|(index, letter)| {
        // Two are looked up and the third is drafted: at worst every third is wrong, and every draft with it.
        let kept = match share {
            0.0 => index % 3 != 2,
            _ => (index as f64 * 0.618_033_988_749_895).fract() < share,
        };
        if kept { letter } else { ' ' }
    });
    format!("Say this: {}", kept.collect::<String>())
}

struct Bench {
    config: EngineConfig,
    folder: PathBuf,
    rounds: usize,
}

impl Bench {
    /// A model's file, written if it is not there yet.
    fn file(&self, name: &str, model: &ModelFile) -> Result<PathBuf> {
        let gguf: Gguf = model.clone().named(name).to_gguf();
        let path = self.folder.join(format!("{name}.gguf"));
        // Drafts differ in nothing that a header tells.
        if name.contains("draft") || !is_whole(&path, &gguf) {
            gguf.write(&path)?;
        }
        Ok(path)
    }

    fn load(&self, target: &Path, draft: Option<&Path>) -> Result<Worker> {
        let mut worker = Worker::start(&self.config)?;
        let id = worker.ask(|id| Request::Load {
            id,
            chosen: Chosen {
                draft: draft.map(Path::to_owned).into_iter().collect(),
                context: Some(1024),
                ..Chosen::files(vec![target.to_owned()])
            },
        })?;
        while !matches!(worker.event()?, Event::Loaded { id: of, .. } if of == id) {}
        Ok(worker)
    }

    /// The same question with drafts and without, in turn. The first of each does not count: the prompt has to be read,
    /// and acceptance and costs to be learnt.
    fn row(
        &self,
        worker: &mut Worker,
        drafter: &'static str,
        scripted: Option<f64>,
        text: &'static str,
        prompt: &str,
    ) -> Result<Row> {
        let (mut plain, mut drafted) = (Vec::new(), Vec::new());
        for round in 0..=self.rounds {
            let (without, with) = (ask(worker, prompt, false)?, ask(worker, prompt, true)?);
            if round > 0 {
                plain.push(without);
                drafted.push(with);
            }
        }
        let speeds = |replies: &[ReplyStats]| -> Vec<f64> {
            let speeds = replies.iter().map(ReplyStats::decode_tokens_per_second);
            speeds.collect()
        };
        let (without, with) = (speeds(&plain), speeds(&drafted));
        let ratios = with.iter().zip(&without).map(|(with, without)| with / without);
        let sum = |of: fn(&ReplyStats) -> usize| drafted.iter().map(of).sum();
        Ok(Row {
            drafter,
            scripted,
            text,
            drafted: sum(|reply| reply.speculation.drafted),
            accepted: sum(|reply| reply.speculation.accepted),
            plain: median(without.iter().copied()).unwrap_or_default(),
            speed: median(with.iter().copied()).unwrap_or_default(),
            speedup: median(ratios).unwrap_or_default(),
        })
    }
}

fn ask(worker: &mut Worker, prompt: &str, speculate: bool) -> Result<ReplyStats> {
    let question = Question {
        messages: vec![ChatMessage {
            role: Role::User,
            content: prompt.to_owned(),
        }],
        sampling: Sampling::greedy(),
        speculate,
        ..Question::default()
    };
    let id = worker.ask(|id| Request::Generate { id, question })?;
    loop {
        if let Event::Done { id: of, stats, .. } = worker.event()?
            && of == id
        {
            return Ok(stats);
        }
    }
}
