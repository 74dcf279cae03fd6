//! `hearth fit`.

use std::path::PathBuf;

use hearth_app::{App, ErrorReport, RepoPage};
use hearth_fit::{Label, Verdict};

use crate::output::{Output, size, table};

#[derive(clap::Args)]
pub struct Arguments {
    /// ORG/NAME, ORG/NAME:QUANT, or a file.
    model: String,
    /// Context in tokens.
    #[arg(long, default_value_t = 4096)]
    context: u64,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let path = PathBuf::from(&arguments.model);
    if path.exists() {
        let verdict = app.price_file(path, arguments.context).await?;
        output.answer(&verdict, one);
        return Ok(());
    }
    match arguments.model.split_once(':') {
        Some((repo, variant)) => {
            let verdict = app.price_variant(repo, variant, arguments.context).await?;
            output.answer(&verdict, one);
        }
        None => {
            let page = app.open_repo(&arguments.model).await?;
            output.answer(&page, all);
        }
    }
    Ok(())
}

/// A label in words.
pub fn label_word(label: Label) -> &'static str {
    match label {
        Label::Fits => "fits",
        Label::Tight => "tight",
        Label::TooBig => "too big",
        Label::EngineCannot => "cannot run",
    }
}

fn one(verdict: &Verdict) -> String {
    let memory = &verdict.memory;
    let mut lines = vec![
        format!("Here     {}", label_word(verdict.label)),
        format!(
            "Memory   {} of {} free: {} weights, {} context of {} tokens, {} buffers",
            size(memory.peak_bytes),
            size(verdict.usable_bytes),
            size(memory.weights_bytes),
            size(memory.kv_bytes),
            verdict.context,
            size(memory.buffers_bytes)
        ),
    ];
    if let Some(card) = &verdict.card {
        lines.push(format!(
            "Layers   {} of {} on {}, {} of {} free there",
            card.layers,
            card.of_layers,
            card.name,
            size(card.bytes),
            size(card.usable_bytes)
        ));
    }
    if let Some(largest) = verdict.largest_context {
        lines.push(format!("Context  up to {largest} tokens fit"));
    }
    if let Some(speed) = &verdict.decode {
        lines.push(format!(
            "Speed    about {:.1} tokens/s ({:.1} to {:.1})",
            speed.tokens_per_second, speed.low, speed.high
        ));
    }
    if let Some(reason) = &verdict.reason {
        lines.push(reason.to_string());
    }
    lines.join("\n")
}

fn all(page: &RepoPage) -> String {
    let row = |variant: &hearth_app::VariantRow| {
        let verdict = variant.verdict.as_ref();
        vec![
            variant.name.clone(),
            size(variant.size_bytes),
            verdict
                .map_or("?", |verdict| label_word(verdict.label))
                .to_owned(),
            verdict.map_or("?".to_owned(), |verdict| size(verdict.memory.peak_bytes)),
            verdict
                .and_then(|verdict| verdict.largest_context)
                .map_or("?".to_owned(), |context| context.to_string()),
            verdict
                .and_then(|verdict| verdict.decode.as_ref())
                .map_or("?".to_owned(), |speed| format!("{:.1}", speed.tokens_per_second)),
            if variant.recommended { "recommended" } else { "" }.to_owned(),
        ]
    };
    let rows: Vec<_> = page.variants.iter().map(row).collect();
    table(
        &["QUANT", "FILE", "HERE", "MEMORY", "CONTEXT", "TOKENS/S", ""],
        &rows,
    )
}
