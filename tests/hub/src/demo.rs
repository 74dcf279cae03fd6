//! A small Hub to try Hearth on without the internet: every model in it really downloads and really answers.

use std::io;
use std::path::Path;

use hearth_fixtures::{FixtureError, ModelFile, Quantisation, Script, Value};
use serde_json::json;

use crate::{Content, FakeHub, Gate};

const FOX: &str = "The quick brown fox jumps over a lazy dog, and tells everyone that it ran on this computer alone.";
const STORY: &str = "Once upon a time there was a small computer which kept every secret that it was told, \
                     because nobody had taught it how to whisper into the wires.";
/// Parameters of the fixtures' smallest shape, about.
const TINY: u64 = 1_000_000;

/// Why the demonstration could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A model could not be made.
    #[error(transparent)]
    Model(#[from] FixtureError),
    /// A file could not be read or written.
    #[error("the demonstration could not be laid out: {0}")]
    Io(#[from] io::Error),
}

impl FakeHub {
    /// Fills the Hub with models that are written into `folder`, and writes `suggestions.json` there, a list of models
    /// to begin with in the form of `models/suggestions.json`. `bard` is the file of the built-in model.
    ///
    /// # Errors
    /// The disk's.
    pub fn demo(&self, folder: &Path, bard: &Path) -> Result<(), DemoError> {
        std::fs::create_dir_all(folder)?;
        self.repo("hearth-demo/Bard-GGUF")
            .licence("mit")
            .task("text-generation")
            .downloads(15_940)
            .likes(161)
            .trending(90)
            .gguf(1_800_000, "llama", 512)
            .card("# Bard\n\nA 1.8 M parameter model trained on **Shakespeare's dialogues**. It answers in his manner and knows nothing else.\n\n| file | size |\n| --- | --- |\n| Q8_0 | 1.9 MB |\n")
            .file("Bard-Q8_0.gguf", Content::path(bard)?);

        let fox = ModelFile::scripted(&Script::saying(FOX)?);
        let mut repo = self
            .repo("hearth-demo/Fox-GGUF")
            .licence("apache-2.0")
            .task("text-generation")
            .downloads(8_230)
            .likes(77)
            .trending(60)
            .gguf(TINY, "qwen3", 4096)
            .base_model("hearth-demo/Fox")
            .card("# Fox\n\nSays **one sentence**, whatever it is asked. Good for seeing that a download works.\n\n```sh\nhearth pull hearth-demo/Fox-GGUF:Q8_0\n```\n");
        for (name, quantisation) in [
            ("Q4_K_M", Quantisation::Q4KM),
            ("Q6_K", Quantisation::Q6K),
            ("Q8_0", Quantisation::Q8_0),
            ("F16", Quantisation::F16),
        ] {
            let name = format!("Fox-{name}.gguf");
            let path = folder.join(&name);
            fox.clone().quantisation(quantisation).write(&path)?;
            repo = repo.file(&name, Content::path(&path)?);
        }

        let story = ModelFile::scripted(&Script::saying(STORY)?).quantisation(Quantisation::F32);
        let mut repo = self
            .repo("hearth-demo/Storyteller-GGUF")
            .licence("apache-2.0")
            .task("text-generation")
            .downloads(4_400)
            .likes(40)
            .trending(30)
            .gguf(TINY, "qwen3", 4096)
            .card("# Storyteller\n\nOne story, in a file that is split into three.");
        for path in story.to_gguf().write_split(folder, "Storyteller-F32", 3)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            repo = repo.file(&name, Content::path(&path)?);
        }

        self.repo("hearth-demo/Letter-Writer-GGUF")
            .licence("other")
            .gated(Gate::Auto)
            .downloads(2_100)
            .gguf(TINY, "qwen3", 4096)
            .card("# Letter Writer\n\nIts publisher asks you to accept a licence first.")
            .file("Letter-Writer-Q8_0.gguf", Content::path(folder.join("Fox-Q8_0.gguf"))?);
        self.repo("hearth-demo/Adapter")
            .licence("mit")
            .downloads(300)
            .card("# Adapter\n\nNo GGUF file in here.")
            .file("adapter_config.json", "{}");

        let mut unknown = fox.to_gguf();
        for (key, value) in &mut unknown.metadata {
            if key == "general.architecture" {
                *value = Value::Text("gemma9".to_owned());
            }
        }
        let path = folder.join("Tomorrow-F16.gguf");
        unknown.write(&path)?;
        self.repo("hearth-demo/Tomorrow-GGUF")
            .licence("gemma")
            .task("text-generation")
            .downloads(990)
            .gguf(TINY, "gemma9", 4096)
            .card("# Tomorrow\n\nOf a kind that no engine of today knows.")
            .file("Tomorrow-F16.gguf", Content::path(&path)?);
        std::fs::write(folder.join("suggestions.json"), suggestions(folder)?)?;
        Ok(())
    }
}

/// The list of models to begin with.
fn suggestions(folder: &Path) -> io::Result<String> {
    let size = std::fs::metadata(folder.join("Fox-Q8_0.gguf"))?.len();
    let tiny = json!({
        "architecture": "qwen3", "layers": 2, "embedding": 256, "feedForward": 256, "heads": 4, "kvHeads": 2,
        "headLength": 64, "vocabulary": 512, "trainedContext": 4096
    });
    let list = json!({ "models": [
        {
            "repo": "hearth-demo/Fox-GGUF", "variant": "Q8_0", "name": "Fox", "sizeBytes": size, "parameters": TINY,
            "licence": "apache-2.0", "why": "Says one sentence, whatever it is asked.", "shape": tiny
        },
        {
            "repo": "hearth-demo/Storyteller-GGUF", "variant": "F32", "name": "Storyteller", "sizeBytes": 4 * size,
            "parameters": TINY, "licence": "apache-2.0", "why": "One story, in a file that is split into three.",
            "shape": tiny
        },
        {
            "repo": "hearth-demo/Fox-GGUF", "variant": "Q4_K_M", "name": "Fox, smaller", "sizeBytes": size / 2,
            "parameters": TINY, "licence": "apache-2.0", "why": "The same sentence in half the space.", "shape": tiny
        }
    ] });
    Ok(list.to_string())
}
