//! Hearth from a terminal: the same use cases as the window's, on the same data.
//!
//! What was asked for goes to standard output, as a table or with `--json` as one JSON value; errors go to standard
//! error, with an exit status that says which kind they are ([`Exit`]).

mod commands;
mod exit;
mod output;
mod place;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hearth_app::{App, ErrorReport};

use crate::commands::{chat, fit, keep, list, machine, pull, rm, search};
use crate::exit::Exit;
use crate::output::Output;

#[derive(Parser)]
#[command(name = "hearth", version, about = "Private AI chat on this computer")]
struct Arguments {
    /// Print JSON in place of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// What this computer has, and what it can run.
    Machine(machine::Arguments),
    /// Search the Hub for models.
    Search(search::Arguments),
    /// Whether a model runs here: one of the Hub (ORG/NAME or ORG/NAME:QUANT) or a file.
    Fit(fit::Arguments),
    /// Download a model of the Hub.
    Pull(pull::Arguments),
    /// The models on this computer.
    List,
    /// Keep a model of safetensors the way that it is quantised, so that it starts faster; or remove such a copy.
    Keep(keep::Arguments),
    /// Delete a downloaded model, or take an imported one off the list.
    Rm(rm::Arguments),
    /// Chat with a model.
    Chat(chat::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .init();
    let output = Output { json: arguments.json };
    match run(arguments.command, &output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            Exit::of(error.code).into()
        }
    }
}

async fn run(command: Command, output: &Output) -> Result<(), ErrorReport> {
    let app = App::open(place::config()?).await;
    let done = tokio::select! {
        done = obey(&app, command, output) => done,
        // What runs is journalled below; the next call goes on.
        _ = tokio::signal::ctrl_c() => Err(ErrorReport::new(
            hearth_app::ErrorCode::Internal,
            "Stopped. Nothing is lost; the same command goes on where it was.",
        )),
    };
    app.close().await;
    done
}

async fn obey(app: &App, command: Command, output: &Output) -> Result<(), ErrorReport> {
    // Every command needs the database, and what is wrong with it is told once.
    if let Some(fault) = app.start().await.store_fault {
        return Err(fault);
    }
    match command {
        Command::Machine(arguments) => machine::run(app, arguments, output).await,
        Command::Search(arguments) => search::run(app, arguments, output).await,
        Command::Fit(arguments) => fit::run(app, arguments, output).await,
        Command::Pull(arguments) => pull::run(app, arguments, output).await,
        Command::List => list::run(app, output).await,
        Command::Keep(arguments) => keep::run(app, arguments, output).await,
        Command::Rm(arguments) => rm::run(app, arguments, output).await,
        Command::Chat(arguments) => chat::run(app, arguments, output).await,
    }
}
