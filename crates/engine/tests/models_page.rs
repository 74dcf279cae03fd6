//! `docs/models.md` says what the engine's own lists say. `HEARTH_MODELS_PAGE=write cargo test -p hearth-engine --test
//! models_page` writes it anew.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;

use hearth_engine::Backend;
use hearth_engine::protocol::Quantisation;
use hearth_engine::support::safetensors::{CLASSES, FAILS};
use hearth_engine::support::{ARCHITECTURES, MXFP4, TENSOR_TYPES};

/// What anybody has seen of a backend. Whoever runs one writes here what came of it.
fn tried(backend: Backend) -> &'static str {
    match backend {
        Backend::Cpu => "runs: everything below was tried with it, on x86-64 with AVX2 and AVX-512",
        Backend::Cuda => {
            "built whole with CUDA 13.0 for cards of compute capability 8.0, without flash attention, whose kernels need a download; started without a driver and with one that finds no card, which the processor's worker then takes the place of; not run on a card"
        }
        Backend::Metal | Backend::Accelerate => "not run, and not compiled",
        Backend::Mkl => "not run; its Rust was checked, without the library",
    }
}

fn page() -> String {
    let mut page = String::from(
        "# Models that run\n\nThis page is written from the lists that the verdict asks before a download and the worker before a load \
         (`crates/engine/src/support.rs` and `support/safetensors.rs`; see `crates/engine/tests/models_page.rs`). What is not \
         on it is refused in a sentence.\n\n*Compared* means that a tiny model of the family answers as transformers does, logit \
         by logit and token by token, in `worker/src/families.rs`: on the processor, in 32 bits, at Q8_0 (at every level and in every kind of blocks with \
         `cargo xtask test --models`), and in two parts where tokens can be taken back.\n\n",
    );
    page += "## What they run on\n\n| backend | program | what was done with it |\n| --- | --- | --- |\n";
    for backend in Backend::ALL {
        let program = backend.program(Path::new("hearth-worker"));
        let program = program.file_stem().unwrap().to_string_lossy();
        writeln!(page, "| {} | {program} | {} |", backend.name(), tried(backend)).unwrap();
    }
    page +=
        "\nNo family was run on a graphics card: what stands below of processors is only expected there.\n\n";
    page += "## GGUF\n\n| architecture | processor | compared |\n| --- | --- | --- |\n";
    for architecture in ARCHITECTURES {
        writeln!(page, "| {architecture} | runs | yes |").unwrap();
    }
    writeln!(
        page,
        "\nTensors of the types {}; of {MXFP4} too where they are the experts of gpt-oss.\n",
        TENSOR_TYPES.join(", ")
    )
    .unwrap();
    page += "## Safetensors\n\n| class in config.json | family | processor | compared |\n| --- | --- | --- | --- |\n";
    for class in CLASSES {
        writeln!(page, "| {} | {} | runs | yes |", class.name, class.family).unwrap();
    }
    for (class, family, why) in FAILS {
        writeln!(page, "| {class} | {family} | fails, because {why} | |").unwrap();
    }
    let unread: Vec<&str> = CLASSES
        .iter()
        .filter(|class| !class.reads_uqff)
        .map(|class| class.name)
        .collect();
    let unread = unread.join(" and ");
    let levels = Quantisation::ALL.map(Quantisation::name).join(", ");
    writeln!(
        page,
        "\nQuantised while they are read, to the best of {levels} that fits this computer's memory. Weights that were quantised \
         before (GPTQ, AWQ, FP8) are refused, but for gpt-oss' experts of MXFP4, which stay as they are; and so are positions \
         stretched in a way that the engine does not follow for the class.\n\n## UQFF\n\nThe classes of safetensors, from \
         mistral.rs' own files: one or several of quantised layers (`q4k-0.uqff`), `residual.safetensors` with the rest, and the \
         files beside them. Versions up to 0.2. Layers of GGUF's types above and plain ones; those of HQQ, AFQ, FP8, F8Q8 and MXFP4 \
         are refused. *Compared*: each class is kept as UQFF at Q8_0 and answers from it as before, to the last bit but for \
         rounding; {unread}, which mistral.rs does not read back, are refused.\n\nA model of safetensors can be kept so by Hearth: the next load has only to read."
    )
    .unwrap();
    page
}

#[test]
fn the_page_of_models_says_what_the_lists_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    if std::env::var_os("HEARTH_MODELS_PAGE").is_some_and(|value| value == "write") {
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    assert!(
        written == page(),
        "docs/models.md is stale: HEARTH_MODELS_PAGE=write cargo test -p hearth-engine --test models_page"
    );
}
