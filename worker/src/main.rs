//! The process that holds one model and runs it with mistral.rs.
//!
//! It speaks [`hearth_engine::protocol`] over standard input and output, logs to standard error, opens no
//! connection, and ends when its standard input ends, so it never outlives the app.

mod connection;
mod cpu;
mod device;
mod draft;
mod drafting;
mod experts;
#[cfg(test)]
mod families;
mod fault;
mod generate;
mod load;
mod mapped;
mod matmul;
mod measure;
mod memory;
mod meter;
mod mxfp4;
mod pipeline;
mod preflight;
mod progress;
mod quantise;
mod reader;
mod reply;
mod session;
mod shelf;
mod states;
mod stop;
mod template;
mod thought;
mod threads;
mod tokenizer;
mod translation;
mod uqff;
mod weights;

use hearth_engine::protocol::{Event, PROTOCOL_VERSION};

fn main() {
    // mistral.rs warns of what is as it should be here, such as a model on the CPU; the last line that it prints before a
    // death is what the person reads.
    let log = tracing_subscriber::EnvFilter::try_from_env("HEARTH_WORKER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    fault::remember_panics();

    if let Err(error) = device::open() {
        // The app tells this to the person and starts the processor's worker.
        eprintln!("{error}");
        std::process::exit(1);
    }
    matmul::install();
    experts::install();
    mxfp4::install();
    quantise::install();
    mapped::install();
    tokenizer::install();
    let (requests, outbox) = connection::open();
    outbox.send(Event::Hello {
        protocol: PROTOCOL_VERSION,
        engine: format!("mistral.rs {}", env!("MISTRALRS_VERSION")),
        backend: device::BACKEND.name().to_owned(),
        cpu_features: cpu::features(),
    });
    // mistral.rs blocks inside its start-up and needs a runtime of several threads.
    match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(session::run(requests, outbox)),
        Err(error) => {
            tracing::error!("the runtime did not start: {error}");
            std::process::exit(1);
        }
    }
}
