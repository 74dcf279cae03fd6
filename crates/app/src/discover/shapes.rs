//! What a repository's models are like, told from their headers before a byte of their weights is here.

use std::collections::{BTreeMap, HashMap};

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::safetensors::check_config;
use hearth_engine::support::{MXFP4, experts_of_mxfp4};
use hearth_fit::{Reason, Shape};
use hearth_gguf::{Header, Value};
use hearth_hub::{Kind, Repo, RepoId, Variant};
use hearth_safetensors::Checkpoint;

use super::opened::OpenRepo;
use crate::lock::lock;
use crate::{App, ErrorCode, ErrorReport};

impl App {
    /// What every form is like: of GGUF from the first bytes of one file, since they differ in size only, of safetensors from
    /// all headers.
    pub(super) async fn estimated_shapes(
        &self,
        id: &RepoId,
        open: &OpenRepo,
    ) -> Result<HashMap<String, Result<Shape, String>>, ErrorReport> {
        let hub = self.online().await?.hub;
        let mut shapes = HashMap::new();
        let shape_of = |model: &Checkpoint, variant: &Variant| {
            Shape::of_checkpoint(model, level(variant)).map_err(|reason| reason.to_string())
        };
        let of_kind = |kind| open.variants.iter().filter(move |variant| variant.kind == kind);
        if let Some(first) = of_kind(Kind::Gguf).find_map(|variant| variant.files.first()) {
            let metadata = hub.metadata(id, &open.repo.commit, &first.path).await?;
            shapes.extend(of_kind(Kind::Gguf).map(|variant| {
                let shape = match unreadable(&variant.name, &metadata) {
                    Some(reason) => Err(reason),
                    None => Shape::estimated(&metadata, variant.size_bytes),
                };
                (variant.name.clone(), shape.map_err(|reason| reason.to_string()))
            }));
        }
        if let Some(any) = of_kind(Kind::Safetensors).next() {
            let model = self.checkpoint_or_reason(id, open, any).await?;
            shapes.extend(of_kind(Kind::Safetensors).map(|variant| {
                let shape = model.as_ref().map_err(String::clone);
                (
                    variant.name.clone(),
                    shape.and_then(|model| shape_of(model, variant)),
                )
            }));
        }
        for variant in of_kind(Kind::Uqff) {
            let model = self.checkpoint_or_reason(id, open, variant).await?;
            shapes.insert(
                variant.name.clone(),
                model.and_then(|model| shape_of(&model, variant)),
            );
        }
        Ok(shapes)
    }

    /// The same as [`App::checkpoint`], with a sentence for the person where the model does not run.
    async fn checkpoint_or_reason(
        &self,
        id: &RepoId,
        open: &OpenRepo,
        variant: &Variant,
    ) -> Result<Result<Checkpoint, String>, ErrorReport> {
        match self.checkpoint(id, open, variant).await {
            Ok(model) => Ok(Ok(model)),
            Err(error) if matches!(error.code, ErrorCode::EngineCannot | ErrorCode::BadModel) => {
                Ok(Err(error.message))
            }
            Err(error) => Err(error),
        }
    }

    /// What a model of safetensors or UQFF says of itself. Its config is read first: of most models that do not run it says so.
    async fn checkpoint(
        &self,
        id: &RepoId,
        open: &OpenRepo,
        variant: &Variant,
    ) -> Result<Checkpoint, ErrorReport> {
        let hub = self.online().await?.hub;
        let config = hub.config(id, &open.repo.commit).await?;
        check_config(&config).map_err(Reason::from)?;
        Ok(hub.checkpoint(id, &open.repo.commit, &variant.files).await?)
    }

    pub(super) async fn exact_shape(
        &self,
        id: &RepoId,
        open: &OpenRepo,
        variant: &Variant,
    ) -> Result<Shape, ErrorReport> {
        let known = lock(&open.shapes).get(&variant.name).cloned();
        if let Some(shape) = known {
            return Ok(shape);
        }
        let shape = match variant.kind {
            Kind::Gguf => Shape::of(&self.header(id, &open.repo, variant).await?)?,
            Kind::Safetensors | Kind::Uqff => {
                let model = self.checkpoint(id, open, variant).await?;
                Shape::of_checkpoint(&model, level(variant))?
            }
        };
        lock(&open.shapes).insert(variant.name.clone(), shape.clone());
        Ok(shape)
    }

    /// The header of a whole quantisation, its shards joined.
    pub(super) async fn header(
        &self,
        id: &RepoId,
        repo: &Repo,
        variant: &Variant,
    ) -> Result<Header, ErrorReport> {
        let hub = self.online().await?.hub;
        let read = |file: &'_ hearth_hub::RepoFile| {
            let (path, size_bytes) = (file.path.clone(), file.size_bytes);
            let hub = hub.clone();
            async move { hub.header(id, &repo.commit, &path, size_bytes).await }
        };
        let parts = futures::future::try_join_all(variant.files.iter().map(read)).await?;
        Header::join(parts).map_err(|error| {
            let message = format!("{id} cannot be judged: its files do not belong together, {error}.");
            ErrorReport::new(ErrorCode::BadModel, message)
        })
    }
}

/// What the weights of a variant are quantised to while they are read.
pub(crate) fn level(variant: &Variant) -> Option<Quantisation> {
    let levels = variant.kind == Kind::Safetensors;
    Quantisation::named(&variant.name).filter(|_| levels)
}

/// Why a quantisation of this name cannot be read, before its header has been: the first bytes of one file say nothing
/// of the number formats in another.
fn unreadable(variant: &str, metadata: &BTreeMap<String, Value>) -> Option<Reason> {
    let format = variant.trim_start_matches("UD-");
    let architecture = match metadata.get("general.architecture") {
        Some(Value::Text(architecture)) => architecture.as_str(),
        _ => "",
    };
    let unknown = ["IQ", "TQ", MXFP4, "NVFP4"];
    unknown
        .iter()
        .any(|family| format.starts_with(family) && !(*family == MXFP4 && experts_of_mxfp4(architecture)))
        .then(|| Reason::TensorType {
            tensor_type: format.to_owned(),
        })
}
