//! A Hub on loopback, to try things on without the internet. Its URL is the first line that it prints,
//! and it ends when its standard input does.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hearth_fake_hub::{Content, FakeHub};
use tokio::io::AsyncReadExt;

/// A Hub on loopback. Prints its URL on the first line, and ends when its standard input does.
#[derive(Parser)]
#[command(name = "fake-hub")]
struct Options {
    /// Milliseconds before each reply.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// Bytes per second of each download; as many as there can be unless given.
    #[arg(long)]
    bandwidth: Option<u64>,
    /// Adds a file to the repo hearth-demo/files.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Adds made-up.gguf of so many bytes to the repo hearth-demo/files.
    #[arg(long, value_name = "BYTES")]
    generated: Option<u64>,
    /// Writes small models into this folder and offers them among others, with a list of models to begin with.
    #[arg(long, value_name = "FOLDER", requires = "bard")]
    demo: Option<PathBuf>,
    /// The built-in model's file, for the demonstration.
    #[arg(long, value_name = "PATH")]
    bard: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let hub = FakeHub::start().await;
    hub.latency(Duration::from_millis(options.latency));
    hub.bandwidth(options.bandwidth);
    let files = hub.repo("hearth-demo/files");
    if let Some(bytes) = options.generated {
        files.file("made-up.gguf", Content::generated(bytes, 1));
    }
    for path in &options.file {
        let name = path.file_name().ok_or("a file has a name")?.to_string_lossy();
        let content = Content::path(path).map_err(|error| format!("{}: {error}", path.display()))?;
        hub.repo("hearth-demo/files").file(&name, content);
    }
    if let (Some(folder), Some(bard)) = (&options.demo, &options.bard) {
        hub.demo(folder, bard)?;
        eprintln!(
            "The token {} opens a gated model once the terms on its page are accepted.",
            FakeHub::DEMO_TOKEN
        );
    }
    println!("{}", hub.url);
    // Whatever comes, only its end counts.
    let mut ignored = [0; 1024];
    while tokio::io::stdin().read(&mut ignored).await? > 0 {}
    Ok(())
}
