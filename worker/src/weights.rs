//! Weights, read by mistral.rs from files of any kind.
//!
//! The paths are given one by one, so mistral.rs neither asks the Hub nor picks up what another model left in the same
//! folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::{self, safetensors::Class};
use hearth_safetensors::{Config, Files};
use mistralrs_core::{
    AdapterPaths, GGUFLoaderBuilder, GGUFSpecificConfig, IsqType, Loader, LocalModelPaths, ModelPaths,
    MultimodalLoaderBuilder, MultimodalSpecificConfig, NormalLoaderBuilder, NormalSpecificConfig, Pipeline,
};

use crate::device::Placement;
use crate::preflight::Checked;
use crate::translation::Translation;

/// A model as mistral.rs hands it out.
pub type SharedPipeline = Arc<tokio::sync::Mutex<dyn Pipeline + Send + Sync>>;

/// Reads the weights of a model that was checked.
///
/// # Errors
/// mistral.rs', which may panic instead.
pub fn read(
    files: Vec<PathBuf>,
    checked: &Checked,
    quantisation: Option<Quantisation>,
    placement: &Placement,
) -> anyhow::Result<SharedPipeline> {
    match checked {
        Checked::Gguf(header) => match header.architecture().and_then(support::class) {
            Some(class) => {
                let translation = Translation::begin(&files, header, class)?;
                load(
                    &*class_loader(translation.folder(), class, &[])?,
                    translation.paths(),
                    None,
                    // Tables of embeddings stay quantised, and give numbers of 32 bits.
                    &placement.in_32_bits(),
                )
            }
            None => load(&*gguf_loader(&files), gguf_paths(files), None, placement),
        },
        Checked::Safetensors(model, class) => {
            let translated = match class.translated(&model.config) {
                Some(config) => Some(Translated::write(&config)?),
                None => None,
            };
            let mut paths = safetensors_paths(&model.files);
            if let Some(Translated(path)) = &translated {
                paths.config_filename.clone_from(path);
            }
            let folder = model.files.config.parent().unwrap_or(Path::new(""));
            let layers = &model.files.quantised;
            // What lies there quantised is taken as it is.
            let level = quantisation.filter(|_| layers.is_empty());
            let loader = class_loader(folder, *class, layers)?;
            load(&*loader, paths, level.map(isq), placement)
        }
    }
}

/// A config in the form that mistral.rs reads, for as long as it does.
struct Translated(PathBuf);

impl Translated {
    fn write(config: &Config) -> std::io::Result<Self> {
        // The one folder that the worker may write into.
        let folder = std::env::var_os("HF_HOME").map_or_else(std::env::temp_dir, PathBuf::from);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("config-{}.json", std::process::id()));
        std::fs::write(&path, config.to_json())?;
        Ok(Self(path))
    }
}

impl Drop for Translated {
    fn drop(&mut self) {
        // Left behind, it is written anew by the next process of this number.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load(
    loader: &dyn Loader,
    paths: LocalModelPaths<PathBuf>,
    isq: Option<IsqType>,
    placement: &Placement,
) -> anyhow::Result<SharedPipeline> {
    let paths: Box<dyn ModelPaths> = Box::new(paths);
    // What a model before, the one that is drafted for, was quantised to.
    mistralrs_quant::clear_immediate_isq();
    loader.load_model_from_path(
        &paths,
        &placement.dtype(),
        &placement.device,
        true,
        placement.map(),
        isq,
        None,
    )
}

fn isq(quantisation: Quantisation) -> IsqType {
    match quantisation {
        Quantisation::Q4K => IsqType::Q4K,
        Quantisation::Q5K => IsqType::Q5K,
        Quantisation::Q6K => IsqType::Q6K,
        Quantisation::Q8_0 => IsqType::Q8_0,
    }
}

fn gguf_loader(files: &[PathBuf]) -> Box<dyn Loader> {
    let name = |path: &PathBuf| {
        path.file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    let names: Vec<String> = files.iter().map(name).collect();
    let first = names.first().cloned().unwrap_or_default();
    let config = GGUFSpecificConfig { topology: None };
    GGUFLoaderBuilder::new(None, None, first, names, config, false, None).build()
}

fn gguf_paths(files: Vec<PathBuf>) -> LocalModelPaths<PathBuf> {
    LocalModelPaths {
        tokenizer_filename: PathBuf::new(),
        config_filename: PathBuf::new(),
        template_filename: None,
        filenames: files,
        adapter_paths: AdapterPaths::None,
        gen_conf: None,
        preprocessor_config: None,
        processor_config: None,
        chat_template_json_filename: None,
    }
}

fn class_loader(folder: &Path, class: Class, layers: &[PathBuf]) -> anyhow::Result<Box<dyn Loader>> {
    let folder = Some(folder.display().to_string());
    let from_uqff = (!layers.is_empty()).then(|| layers.to_vec());
    if class.sees {
        let config = MultimodalSpecificConfig {
            from_uqff,
            ..MultimodalSpecificConfig::default()
        };
        return Ok(MultimodalLoaderBuilder::new(config, None, None, folder, None).build(None));
    }
    let config = NormalSpecificConfig {
        from_uqff,
        ..NormalSpecificConfig::default()
    };
    NormalLoaderBuilder::new(config, None, None, folder, false, None).build(None)
}

fn safetensors_paths(files: &Files) -> LocalModelPaths<PathBuf> {
    let is_jinja = |path: &PathBuf| path.extension().is_some_and(|end| end == "jinja");
    let template = files.template.clone();
    LocalModelPaths {
        tokenizer_filename: files.tokenizer.clone(),
        config_filename: files.config.clone(),
        // It reads the special tokens from the tokeniser's config beside a template in a file of its own.
        template_filename: template
            .clone()
            .filter(is_jinja)
            .or_else(|| files.tokenizer_config.clone()),
        filenames: files.weights.clone(),
        adapter_paths: AdapterPaths::None,
        gen_conf: files.generation_config.clone(),
        preprocessor_config: files.preprocessor_config.clone(),
        processor_config: files.processor_config.clone(),
        chat_template_json_filename: template.filter(|path| !is_jinja(path)),
    }
}
