//! GGUF files of families that mistral.rs reads only as transformers' classes: their config, their tokeniser and their weights
//! in the form that the class asks for, the matrices as they are in the file.

mod config;
mod experts;
mod files;
mod layer;
mod metadata;
mod places;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use hearth_engine::support::safetensors::Class;
use hearth_gguf::Header;
use mistralrs_core::{AdapterPaths, LocalModelPaths, NEXT_TOKENIZER};
use mistralrs_quant::set_layer_source;
use serde_json::{Value, json};

use crate::tokenizer;
use files::Files;
use metadata::Metadata;
use places::Places;
use source::Source;

/// A model that mistral.rs takes in place of a folder of safetensors, for as long as this is kept.
pub struct Translation {
    folder: PathBuf,
}

impl Translation {
    /// Hands a model's files, of which the header was read, to the next load of its class.
    ///
    /// # Errors
    /// When a number or a tensor that the class asks for is not in the files, or the folder cannot be written.
    pub fn begin(files: &[PathBuf], header: &Header, class: Class) -> Result<Self> {
        let files = Files::open(files)?;
        let metadata = Metadata::new(files.metadata())?;
        let config = config::of(header, &metadata, &files, class)?;
        let places = Places::of(&metadata)?;
        let translation = Self { folder: folder() };
        fs::create_dir_all(&translation.folder)?;
        fs::write(translation.config(), config.to_string())?;
        fs::write(translation.template(), template(&metadata).to_string())?;
        fs::write(translation.generation(), ends(&metadata).to_string())?;
        let tokenizer = tokenizer::build(files.metadata())?;
        *NEXT_TOKENIZER.lock().unwrap_or_else(|error| error.into_inner()) = Some(tokenizer);
        set_layer_source(Some(Arc::new(Source::new(files, places))));
        Ok(translation)
    }

    /// What a loader of safetensors is given in place of a model's paths.
    pub fn paths(&self) -> LocalModelPaths<PathBuf> {
        LocalModelPaths {
            // Built already.
            tokenizer_filename: PathBuf::new(),
            config_filename: self.config(),
            template_filename: Some(self.template()),
            filenames: Vec::new(),
            adapter_paths: AdapterPaths::None,
            gen_conf: Some(self.generation()),
            preprocessor_config: None,
            processor_config: None,
            chat_template_json_filename: None,
        }
    }

    /// Where the model's small files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn config(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    fn template(&self) -> PathBuf {
        self.folder.join("tokenizer_config.json")
    }

    fn generation(&self) -> PathBuf {
        self.folder.join("generation_config.json")
    }
}

impl Drop for Translation {
    fn drop(&mut self) {
        set_layer_source(None);
        *NEXT_TOKENIZER.lock().unwrap_or_else(|error| error.into_inner()) = None;
        // Left behind, it is written anew by the next process of this number.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    // The one folder that the worker may write into.
    let home = std::env::var_os("HF_HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    home.join(format!("translated-{}-{count}", std::process::id()))
}

/// `tokenizer_config.json`, as far as chats need it.
fn template(metadata: &Metadata) -> Value {
    json!({
        "chat_template": metadata.global_text("tokenizer.chat_template"),
        "bos_token": metadata.token("tokenizer.ggml.bos_token_id"),
        "eos_token": metadata.token("tokenizer.ggml.eos_token_id"),
        "unk_token": metadata.token("tokenizer.ggml.unknown_token_id"),
    })
}

/// Gemma 4's end of a turn. Its files number the end of a text alone; llama.cpp knows this one by what it says
/// (`src/llama-vocab.cpp`), as mistral.rs does those of older models.
const TURN_END: &str = "<turn|>";

/// `generation_config.json`: which tokens end a reply.
fn ends(metadata: &Metadata) -> Value {
    let numbered = ["eos_token_id", "eot_token_id", "eom_token_id"];
    let numbered = numbered.map(|key| metadata.global_number(&format!("tokenizer.ggml.{key}")));
    let mut ends: Vec<usize> = numbered.into_iter().flatten().collect();
    ends.extend(metadata.number_of_token(TURN_END));
    ends.dedup();
    json!({ "eos_token_id": ends })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use candle_core::quantized::gguf_file::Value as Entry;

    use super::*;

    #[test]
    fn a_turn_ends_where_the_model_says_so() -> Result<()> {
        let text = |text: &str| Entry::String(text.to_owned());
        let tokens = ["<pad>", "<eos>", "a", TURN_END].map(text);
        let mut entries = HashMap::from([
            ("general.architecture".to_owned(), text("gemma4")),
            ("tokenizer.ggml.eos_token_id".to_owned(), Entry::U32(1)),
            (
                "tokenizer.ggml.tokens".to_owned(),
                Entry::Array(tokens[..3].to_vec()),
            ),
        ]);
        assert_eq!(ends(&Metadata::new(&entries)?), json!({ "eos_token_id": [1] }));
        entries.insert("tokenizer.ggml.tokens".to_owned(), Entry::Array(tokens.to_vec()));
        assert_eq!(ends(&Metadata::new(&entries)?), json!({ "eos_token_id": [1, 3] }));
        entries.insert("tokenizer.ggml.eos_token_id".to_owned(), Entry::U32(3));
        assert_eq!(ends(&Metadata::new(&entries)?), json!({ "eos_token_id": [3] }));
        Ok(())
    }
}
