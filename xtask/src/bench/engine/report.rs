//! What was measured, for people and for programs.

use serde_json::{Value, json};
use sysinfo::System;

use super::{DEEP, LONG, Measured, PROMPT, Pair, SHORT, Scene, Session, Wanted};
use crate::bench::machine;
use crate::bench::median::median;

/// One of the numbers that both engines are compared by.
struct Column {
    /// For people.
    title: String,
    /// Hearth's over llama.cpp's, for programs.
    metric: &'static str,
    /// The number in a session of the kind that the column is about.
    value: fn(&Session) -> Option<f64>,
    /// Which of [`SCENES`] the session is of; `None`: of the rounds.
    scene: Option<usize>,
    decimals: usize,
}

fn columns() -> Vec<Column> {
    let column = |title: String, metric, value, scene, decimals| Column {
        title,
        metric,
        value,
        scene,
        decimals,
    };
    let decode_after = |wanted: Wanted| format!("decode after {}, tok/s", wanted.prompt_tokens);
    let prompt_of = |wanted: Wanted| format!("prompt of {}, tok/s", wanted.prompt_tokens);
    vec![
        column(
            prompt_of(PROMPT),
            "prompt_ratio",
            |session| prompt(session, 1),
            None,
            1,
        ),
        column(
            prompt_of(LONG),
            "prompt_2k_ratio",
            |session| prompt(session, 0),
            Some(1),
            1,
        ),
        column(
            decode_after(SHORT),
            "decode_ratio",
            |session| decode(session, SHORT),
            None,
            1,
        ),
        column(
            decode_after(LONG),
            "decode_2k_ratio",
            |session| decode(session, LONG),
            Some(1),
            1,
        ),
        column(
            decode_after(DEEP),
            "decode_4k_ratio",
            |session| decode(session, DEEP),
            Some(2),
            1,
        ),
        column(
            "decode beside a busy program, tok/s".to_owned(),
            "decode_busy_ratio",
            |session| decode(session, SHORT),
            Some(0),
            1,
        ),
        column(
            "peak memory, GB".to_owned(),
            "peak_memory_ratio",
            gigabytes,
            None,
            2,
        ),
        column(
            format!("peak at {}, GB", DEEP.prompt_tokens),
            "peak_memory_4k_ratio",
            gigabytes,
            Some(2),
            2,
        ),
        column(
            "load, s".to_owned(),
            "load_ratio",
            |session| Some(session.load_milliseconds / 1e3),
            None,
            1,
        ),
    ]
}

fn gigabytes(session: &Session) -> Option<f64> {
    Some(session.peak_memory as f64 / 1e9)
}

/// Speed of reading a session's prompt of this number.
fn prompt(session: &Session, reply: usize) -> Option<f64> {
    Some(session.replies.get(reply)?.prompt_tokens_per_second())
}

/// Speed of writing a session's first reply.
fn decode(session: &Session, wanted: Wanted) -> Option<f64> {
    let reply = session.replies.first().filter(|reply| wanted.is_met_by(reply))?;
    Some(reply.decode_tokens_per_second())
}

impl Column {
    /// Hearth's median and llama.cpp's.
    fn medians(&self, measured: &Measured) -> (Option<f64>, Option<f64>) {
        let pairs: Vec<&Pair> = match self.scene {
            Some(scene) => measured.scenes[scene].iter().collect(),
            None => measured.rounds.iter().collect(),
        };
        (
            median(pairs.iter().filter_map(|pair| (self.value)(&pair.hearth))),
            median(pairs.iter().filter_map(|pair| (self.value)(&pair.peer))),
        )
    }

    fn ratio(&self, measured: &Measured) -> Option<f64> {
        let (hearth, peer) = self.medians(measured);
        Some(hearth? / peer?).filter(|ratio| ratio.is_finite())
    }
}

/// The machine, and a warning when it has other things to do.
pub fn machine(threads: usize) -> String {
    let load = System::load_average().one;
    let busy = if load > threads as f64 / 4.0 {
        format!(
            "\nOther programs keep {load:.1} cores busy: these numbers will be too low, and the ratios unsteady."
        )
    } else {
        String::new()
    };
    format!("{}, {threads} threads{busy}", machine::describe())
}

/// One line after each round.
pub fn round(model: &str, round: usize, rounds: usize, pair: &Pair) -> String {
    let side = |session: &Session| {
        let (memory, load) = (session.peak_memory as f64 / 1e9, session.load_milliseconds / 1e3);
        format!(
            "{}, {memory:.2} GB, loaded in {load:.1} s",
            speeds(session, 1, SHORT)
        )
    };
    format!(
        "{model}, round {round} of {rounds}: Hearth {}; llama.cpp {}",
        side(&pair.hearth),
        side(&pair.peer)
    )
}

/// One line after each scene.
pub fn scene(model: &str, scene: &Scene, pair: &Pair) -> String {
    let side = |session: &Session| speeds(session, 0, scene.wanted);
    format!(
        "{model}, {}: Hearth {}; llama.cpp {}",
        scene.name,
        side(&pair.hearth),
        side(&pair.peer)
    )
}

fn speeds(session: &Session, prompt_of: usize, wanted: Wanted) -> String {
    let prompt = prompt(session, prompt_of).unwrap_or_default();
    let decode =
        decode(session, wanted).map_or_else(|| "too short".to_owned(), |speed| format!("{speed:.1}"));
    format!("prompt {prompt:.1}, decode {decode} tok/s")
}

/// A Markdown table, and what its numbers are.
pub fn table(measured: &[Measured], threads: usize) -> String {
    let columns = columns();
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut table = String::new();
    let titles = columns.iter().map(|column| column.title.clone());
    table += &line(
        ["model", "engine"]
            .map(str::to_owned)
            .into_iter()
            .chain(titles)
            .collect(),
    );
    table += &line(
        ["---", "---"]
            .into_iter()
            .chain(columns.iter().map(|_| "---:"))
            .map(str::to_owned)
            .collect(),
    );
    for of_model in measured {
        let show = |value: Option<f64>, decimals: usize| {
            value.map_or_else(String::new, |v| format!("{v:.decimals$}"))
        };
        let mut row = |engine: &str, cell: &dyn Fn(&Column) -> String| {
            let start = [of_model.model.name.to_owned(), engine.to_owned()];
            table += &line(start.into_iter().chain(columns.iter().map(cell)).collect());
        };
        row("Hearth", &|column| {
            show(column.medians(of_model).0, column.decimals)
        });
        row("llama.cpp", &|column| {
            show(column.medians(of_model).1, column.decimals)
        });
        row("ratio", &|column| show(column.ratio(of_model), 2));
    }
    let rounds = measured
        .iter()
        .map(|of_model| of_model.rounds.len())
        .max()
        .unwrap_or_default();
    table
        + &format!(
            "\nMedians of the rounds ({rounds}) in which the engines take turns, each in a new process; long chats and the busy \
         program, which keeps one core, once. Replies of {} tokens ({} in long chats), the most probable token always, {threads} threads, random weights. \
         Load: from the request to ready, the file in the system's cache. Memory: resident at most, beyond the \
         process before the load.\n{}\n",
            SHORT.reply_tokens,
            DEEP.reply_tokens,
            machine::describe(),
        )
}

/// The ratios by model; null for what was not measured.
pub fn metrics(measured: &[Measured]) -> Value {
    let of_model = |measured: &Measured| -> Value {
        columns()
            .iter()
            .map(|column| (column.metric.to_owned(), json!(column.ratio(measured))))
            .collect()
    };
    let models: Value = measured
        .iter()
        .map(|m| (m.model.name.to_owned(), of_model(m)))
        .collect();
    json!({ "models": models })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearth_engine::protocol::ReplyStats;

    fn session(speed: f64) -> Session {
        let reply = |prompt_tokens, reply_tokens: usize| ReplyStats {
            prompt_tokens,
            reply_tokens,
            prompt_milliseconds: prompt_tokens as f64 * 1000.0 / speed,
            decode_milliseconds: (reply_tokens - 1) as f64 * 1000.0 / speed,
            ..ReplyStats::default()
        };
        Session {
            load_milliseconds: speed,
            replies: vec![reply(32, 64), reply(512, 2)],
            peak_memory: 1 << 30,
        }
    }

    fn measured(speeds: &[(f64, f64)]) -> Measured {
        let pair = |&(hearth, peer): &(f64, f64)| Pair {
            hearth: session(hearth),
            peer: session(peer),
        };
        let model = super::super::models::choose(&[], true).unwrap()[0];
        Measured {
            model,
            path: "model.gguf".into(),
            rounds: speeds.iter().map(pair).collect(),
            scenes: [None, None, None],
        }
    }

    #[test]
    fn ratios_are_of_medians() {
        let metrics = metrics(&[measured(&[(5.0, 10.0), (1.0, 40.0), (30.0, 20.0)])]);
        let of_model = &metrics["models"]["llama-1b-q4_k_m"];
        for metric in ["prompt_ratio", "decode_ratio", "load_ratio"] {
            assert!(
                (of_model[metric].as_f64().unwrap() - 0.25).abs() < 1e-9,
                "{metric}: {of_model}"
            );
        }
        assert_eq!(of_model["peak_memory_ratio"], json!(1.0));
        assert_eq!(of_model["decode_4k_ratio"], Value::Null);
    }

    #[test]
    fn a_reply_that_ended_by_chance_counts_for_nothing() {
        let mut measured = measured(&[(5.0, 10.0), (1.0, 10.0)]);
        measured.rounds[1].hearth.replies[0].reply_tokens = 3;
        assert_eq!(
            metrics(&[measured])["models"]["llama-1b-q4_k_m"]["decode_ratio"],
            json!(0.5)
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_engine_and_one_for_the_ratio() {
        let table = table(&[measured(&[(5.0, 10.0)])], 2);
        assert!(
            table.contains("| llama-1b-q4_k_m | Hearth | 5.0 |  | 5.0 |  |  |  | 1.07 |  | 0.0 |"),
            "{table}"
        );
        assert!(
            table.contains("| llama-1b-q4_k_m | ratio | 0.50 |  | 0.50 |  |  |  | 1.00 |  | 0.50 |"),
            "{table}"
        );
    }
}
