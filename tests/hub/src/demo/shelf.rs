//! The demonstration's catalogue.

use std::path::Path;

use hearth_fixtures::{Architecture, ModelFile, Quantisation, Script, Shape};
use serde_json::{Value, json};

use super::DemoError;
use super::models::{
    Files, on_disk, parameters, parted, safetensors, shown, shown_safetensors, unreadable, uqff, written,
};
use crate::FakeHub;
use crate::catalogue::Gate;
use crate::content::Content;

const Q4: (&str, Quantisation) = ("Q4_K_M", Quantisation::Q4KM);
const Q6: (&str, Quantisation) = ("Q6_K", Quantisation::Q6K);
const Q8: (&str, Quantisation) = ("Q8_0", Quantisation::Q8_0);

/// Small enough to be written in a moment and answer in one, and with layers enough to be worth a draft.
const SMALL: Shape = Shape {
    layers: 8,
    ffn: 1024,
    vocabulary: 2048,
    context: 8192,
    ..Shape::TINY
};
/// The same vocabulary at a sixth of the weights.
const SMALLER: Shape = Shape {
    layers: 1,
    ffn: 256,
    ..SMALL
};
/// The built-in model's, as its header has it.
const BARD: Shape = Shape {
    architecture: Architecture::Qwen3,
    layers: 4,
    dim: 192,
    ffn: 512,
    experts: 1,
    heads: 3,
    kv_heads: 1,
    head_dim: 64,
    vocabulary: 1024,
    context: 2048,
    rope_base: 1e4,
};
/// Weights of the built-in model.
const BARD_PARAMETERS: u64 = 1_771_712;
const LLAMA_70B: Shape = Shape {
    layers: 80,
    dim: 8192,
    ffn: 28_672,
    heads: 64,
    ..Shape::LLAMA_8B
};

const EMBER_SAYS: &str = "Hello! I am **Ember**, a very small model, and I run on this computer alone.\n\n\
    Nothing you type leaves it. I have one answer only, but real inference says it, one token after the other:\n\n\
    - the weights came in by the same road as a large model's;\n\
    - the file was checked against its sum;\n\
    - and now they are being multiplied for you.\n\nAsk anything. You know what you will hear. 🔥";
const LANTERN_SAYS: &str = "I came in three files, and you see me as one model. \
    My first shard carries the words, the others carry weights.";
const LETTER_SAYS: &str = "You accepted my terms, so the seal is broken. \
    Inside is a single line: *be kind to small machines*.";

/// Of repos that transformers reads.
const TRANSFORMERS: [&str; 3] = ["transformers", "conversational", "en"];

/// One repo of the demonstration.
pub(super) struct Entry {
    id: &'static str,
    card: &'static str,
    licence: &'static str,
    base_model: Option<&'static str>,
    task: &'static str,
    tags: &'static [&'static str],
    downloads: u64,
    likes: u64,
    trending: u64,
    /// Day of its last change.
    modified: &'static str,
    gate: Gate,
    /// Weights, architecture and context, where there is a GGUF file to read them from.
    facts: Option<(u64, &'static str, u64)>,
    /// Weights and class, where there are safetensors to read them from.
    safetensors: Option<(u64, &'static str)>,
    /// Class, where nothing is told of the weights.
    class: Option<&'static str>,
    files: Files,
    suggestion: Option<Suggested>,
}

/// What the list of models to begin with says of one.
struct Suggested {
    variant: &'static str,
    name: &'static str,
    why: &'static str,
    shape: Shape,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            id: "",
            card: "",
            licence: "apache-2.0",
            base_model: None,
            task: "text-generation",
            tags: &["conversational", "en"],
            downloads: 0,
            likes: 0,
            trending: 0,
            modified: "2026-11-01",
            gate: Gate::Open,
            facts: None,
            safetensors: None,
            class: None,
            files: Vec::new(),
            suggestion: None,
        }
    }
}

impl Entry {
    pub fn put_on(self, hub: &FakeHub) {
        let day = |day: &str| format!("{day}T09:30:00.000Z");
        let mut repo = hub
            .repo(self.id)
            .card(self.card)
            .licence(self.licence)
            .task(self.task)
            .tags(self.tags.iter().copied())
            .downloads(self.downloads)
            .likes(self.likes)
            .trending(self.trending)
            .dates(&day("2026-06-15"), &day(self.modified))
            .gated(self.gate);
        if let Some(base) = self.base_model {
            repo = repo.base_model(base);
        }
        if let Some((parameters, architecture, context)) = self.facts {
            repo = repo.gguf(parameters, architecture, context);
        }
        if let Some((parameters, class)) = self.safetensors {
            repo = repo.safetensors(parameters, class, None);
        }
        if let Some(class) = self.class {
            repo = repo.class(class);
        }
        repo = repo.file(".gitattributes", "*.gguf filter=lfs diff=lfs merge=lfs -text\n");
        for (path, content) in self.files {
            repo = repo.file(&path, content);
        }
    }

    /// This model in the form of Hearth's list of models to begin with.
    pub fn suggestion(&self) -> Option<Value> {
        let Suggested {
            variant,
            name,
            why,
            shape,
        } = self.suggestion.as_ref()?;
        let (parameters, architecture, context) = self.facts?;
        let ending = format!("-{variant}.gguf");
        let (_, content) = self.files.iter().find(|(path, _)| path.ends_with(&ending))?;
        Some(json!({
            "repo": self.id,
            "variant": variant,
            "name": name,
            "sizeBytes": content.size(),
            "parameters": parameters,
            "licence": self.licence,
            "why": why,
            "shape": {
                "architecture": architecture,
                "layers": shape.layers,
                "embedding": shape.dim,
                "feedForward": shape.ffn,
                "heads": shape.heads,
                "kvHeads": shape.kv_heads,
                "headLength": shape.head_dim,
                "vocabulary": shape.vocabulary,
                "trainedContext": context,
            },
            "source": "the demonstration's own Hub",
        }))
    }
}

/// Everything on the shelf; what chats is written into `folder`.
pub(super) fn entries(folder: &Path, bard: &Path) -> Result<Vec<Entry>, DemoError> {
    std::fs::create_dir_all(folder).map_err(|source| DemoError::File {
        path: folder.to_owned(),
        source,
    })?;
    std::thread::scope(|scope| {
        let to_look_at = scope.spawn(models_to_look_at);
        let mut entries = models_that_chat(folder, bard)?;
        match to_look_at.join() {
            Ok(others) => entries.extend(others),
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(entries)
    })
}

fn models_that_chat(folder: &Path, bard: &Path) -> Result<Vec<Entry>, DemoError> {
    let built_in = on_disk(bard.to_owned())?;
    let saying = |name: &str, text: &str| -> Result<ModelFile, DemoError> {
        Ok(ModelFile::scripted(&Script::saying(text)?)
            .named(name)
            .shape(SMALL))
    };
    let ember = saying("Ember", EMBER_SAYS)?;
    let nano = saying("Ember Nano", EMBER_SAYS)?.shape(SMALLER);
    let tally = ModelFile::scripted(&Script::counting(400)?)
        .named("Tally")
        .shape(Shape::SLOW);
    let lantern = saying("Lantern", LANTERN_SAYS)?;
    let letter = saying("Sealed Letter", LETTER_SAYS)?;

    let mut ember_files = written(folder, "Ember-9M-Chat", &ember, &[Q4, Q6, Q8])?;
    ember_files.extend(unreadable(folder, "Ember-9M-Chat", &ember)?);
    let mut lantern_files = parted(folder, "Lantern-9M", &lantern)?;
    lantern_files.extend(written(folder, "Lantern-9M", &lantern, &[Q4])?);
    let facts = |model: &ModelFile, shape: Shape| {
        let context = u64::from(shape.context);
        Some((parameters(model), shape.architecture.name(), context))
    };
    Ok(vec![
        Entry {
            id: "hearth-demo/Ember-9M-Chat-GGUF",
            card: include_str!("../../cards/ember.md"),
            base_model: Some("hearth-demo/Ember-9M-Chat"),
            downloads: 48_210,
            likes: 312,
            trending: 97,
            modified: "2026-11-18",
            facts: facts(&ember, SMALL),
            files: ember_files,
            suggestion: Some(Suggested {
                variant: "Q8_0",
                name: "Ember 9M",
                why: "Answers at once and always the same: to see the whole way from download to chat.",
                shape: SMALL,
            }),
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Ember-9M-Chat",
            card: include_str!("../../cards/ember-safetensors.md"),
            tags: &TRANSFORMERS,
            downloads: 21_340,
            likes: 170,
            trending: 33,
            modified: "2026-11-17",
            safetensors: Some((parameters(&ember), "LlamaForCausalLM")),
            files: safetensors(folder, "Ember-9M-Chat", &ember)?,
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Ember-9M-Chat-UQFF",
            card: include_str!("../../cards/ember-uqff.md"),
            base_model: Some("hearth-demo/Ember-9M-Chat"),
            tags: &["uqff", "mistral.rs"],
            downloads: 1_216,
            likes: 19,
            trending: 7,
            modified: "2026-11-18",
            class: Some("Qwen3ForCausalLM"),
            files: uqff(folder, "Ember-9M-Chat-UQFF", &ember, &[Q4, Q8])?,
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Ember-Nano-1M-GGUF",
            card: include_str!("../../cards/ember-nano.md"),
            base_model: Some("hearth-demo/Ember-9M-Chat"),
            downloads: 12_904,
            likes: 88,
            trending: 41,
            modified: "2026-11-12",
            facts: facts(&nano, SMALLER),
            files: written(folder, "Ember-Nano-1M", &nano, &[Q4, Q8])?,
            suggestion: Some(Suggested {
                variant: "Q8_0",
                name: "Ember Nano",
                why: "Ember's little sister, with the same vocabulary: she can draft for it.",
                shape: SMALLER,
            }),
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Bard-2M-GGUF",
            card: include_str!("../../cards/bard.md"),
            licence: "cc0-1.0",
            downloads: 30_077,
            likes: 405,
            trending: 64,
            modified: "2026-10-02",
            facts: Some((BARD_PARAMETERS, "qwen3", 2048)),
            files: vec![("Bard-2M-Q8_0.gguf".to_owned(), built_in)],
            suggestion: Some(Suggested {
                variant: "Q8_0",
                name: "Bard 2M",
                why: "Trained on Shakespeare's plays: it knows nothing and says it beautifully.",
                shape: BARD,
            }),
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Tally-29M-GGUF",
            card: include_str!("../../cards/tally.md"),
            licence: "mit",
            downloads: 7_512,
            likes: 29,
            trending: 12,
            modified: "2026-09-21",
            facts: facts(&tally, Shape::SLOW),
            files: written(folder, "Tally-29M", &tally, &[Q4, Q8])?,
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Lantern-9M-GGUF",
            card: include_str!("../../cards/lantern.md"),
            downloads: 5_230,
            likes: 41,
            trending: 18,
            modified: "2026-11-05",
            facts: facts(&lantern, SMALL),
            files: lantern_files,
            ..Entry::default()
        },
        Entry {
            id: "hearth-demo/Sealed-Letter-9M-GGUF",
            card: include_str!("../../cards/sealed-letter.md"),
            licence: "other",
            downloads: 2_118,
            likes: 67,
            trending: 22,
            modified: "2026-10-28",
            gate: Gate::Manual,
            facts: facts(&letter, SMALL),
            files: written(folder, "Sealed-Letter-9M", &letter, &[Q4, Q8])?,
            ..Entry::default()
        },
    ])
}

/// Models that are there for their size, or because the engine cannot run them.
fn models_to_look_at() -> Vec<Entry> {
    let (llama, tokens) = ("llama", 131_072);
    let mut kestrel_files = shown("Kestrel-8B-Instruct", Shape::LLAMA_8B, llama, &[Q4, Q6, Q8]);
    kestrel_files.push((
        "Kestrel-8B-Instruct.imatrix.gguf".to_owned(),
        Content::generated(4_988_000, 8),
    ));
    kestrel_files.push((
        "mmproj-Kestrel-8B-F16.gguf".to_owned(),
        Content::hollow(b"GGUF".to_vec(), 878_000_000),
    ));
    vec![
        Entry {
            id: "kestrel-demo/Kestrel-8B-Instruct-GGUF",
            card: include_str!("../../cards/kestrel.md"),
            licence: "llama3.1",
            base_model: Some("kestrel-demo/Kestrel-8B-Instruct"),
            downloads: 611_402,
            likes: 1_840,
            trending: 88,
            modified: "2026-11-15",
            facts: Some((8_030_261_248, llama, tokens)),
            files: kestrel_files,
            ..Entry::default()
        },
        Entry {
            id: "kestrel-demo/Kestrel-1B-Instruct-GGUF",
            card: include_str!("../../cards/kestrel.md"),
            licence: "llama3.2",
            base_model: Some("kestrel-demo/Kestrel-1B-Instruct"),
            downloads: 254_770,
            likes: 760,
            trending: 53,
            modified: "2026-11-14",
            facts: Some((1_235_814_400, llama, tokens)),
            files: shown("Kestrel-1B-Instruct", Shape::LLAMA_1B, llama, &[Q4, Q8]),
            ..Entry::default()
        },
        Entry {
            id: "northfield-demo/Quill-Coder-3B-GGUF",
            card: include_str!("../../cards/quill-coder.md"),
            licence: "mit",
            tags: &["conversational", "code", "en"],
            downloads: 98_333,
            likes: 534,
            trending: 71,
            modified: "2026-11-09",
            facts: Some((3_212_749_888, llama, tokens)),
            files: shown("Quill-Coder-3B", Shape::LLAMA_3B, llama, &[Q4]),
            ..Entry::default()
        },
        Entry {
            id: "northfield-demo/Finch-0.6B-GGUF",
            card: include_str!("../../cards/finch.md"),
            tags: &["conversational", "multilingual"],
            downloads: 143_905,
            likes: 402,
            trending: 60,
            modified: "2026-10-30",
            facts: Some((596_049_920, "qwen3", 40_960)),
            files: shown("Finch-0.6B", Shape::QWEN3_0_6B, "qwen3", &[Q4, Q8]),
            ..Entry::default()
        },
        Entry {
            id: "basalt-demo/Basalt-70B-Instruct-GGUF",
            card: include_str!("../../cards/basalt.md"),
            licence: "llama3.3",
            downloads: 77_610,
            likes: 921,
            trending: 35,
            modified: "2026-08-19",
            facts: Some((70_553_706_496, llama, tokens)),
            files: shown("Basalt-70B-Instruct", LLAMA_70B, llama, &[Q4]),
            ..Entry::default()
        },
        Entry {
            id: "basalt-demo/Gale-9B-it-GGUF",
            card: include_str!("../../cards/gale.md"),
            licence: "gemma",
            downloads: 204_118,
            likes: 677,
            trending: 92,
            modified: "2026-11-19",
            facts: Some((8_030_261_248, "cohere2", tokens)),
            files: shown("Gale-9B-it", Shape::LLAMA_8B, "cohere2", &[Q4]),
            ..Entry::default()
        },
        Entry {
            id: "northfield-demo/Tern-Embed-1B-GGUF",
            card: include_str!("../../cards/tern-embed.md"),
            task: "feature-extraction",
            tags: &["sentence-similarity", "en"],
            downloads: 36_420,
            likes: 110,
            trending: 9,
            modified: "2026-07-07",
            facts: Some((1_235_814_400, "nomic-bert", 8192)),
            files: shown("Tern-Embed-1B", Shape::LLAMA_1B, "nomic-bert", &[Q8]),
            ..Entry::default()
        },
        Entry {
            id: "basalt-demo/Marble-8B",
            card: include_str!("../../cards/marble.md"),
            tags: &TRANSFORMERS,
            downloads: 18_265,
            likes: 240,
            trending: 15,
            modified: "2026-10-11",
            safetensors: Some((8_030_261_248, "LlamaForCausalLM")),
            files: shown_safetensors(Shape::LLAMA_8B),
            ..Entry::default()
        },
    ]
}
