//! A repository on the Hub, with a verdict on each form of its model before a byte of it is downloaded.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use hearth_engine::protocol::Quantisation;
use hearth_engine::support::safetensors::check_config;
use hearth_engine::support::{MXFP4, experts_of_mxfp4};
use hearth_fit::{Reason, Shape, Verdict, same_vocabulary};
use hearth_gguf::{Header, Value};
use hearth_hub::{Gated, Kind, Repo, RepoId, Variant, variants};
use hearth_safetensors::Checkpoint;
use serde::Serialize;
use ts_rs::TS;

use crate::measured::variant_key;
use crate::recommended::recommend;
use crate::suggestions::{FIRST_CONTEXT, StartingList};
use crate::{App, ErrorCode, ErrorReport};

/// Repos whose headers are remembered while the person compares.
const REMEMBERED: usize = 32;
/// A repository in full.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RepoPage {
    /// Owner and name.
    pub id: String,
    /// The commit.
    pub sha: String,
    /// The Hub's name of its licence.
    pub licence: Option<String>,
    /// Whether it asks for consent.
    pub gated: Gated,
    /// The model card, Markdown.
    pub card: String,
    /// Parameters.
    #[ts(type = "number | null")]
    pub parameters: Option<u64>,
    /// The repository it was made from.
    pub base_model: Option<String>,
    /// Trained context, in tokens.
    #[ts(type = "number | null")]
    pub trained_context: Option<u64>,
    /// What can be taken of it: the one to take first, then the others, the smallest first.
    pub variants: Vec<VariantRow>,
    /// When it was fetched, in milliseconds since 1970, where the Hub is out of reach.
    #[ts(type = "number | null")]
    pub cached_at: Option<i64>,
    /// Its page on the Hub.
    pub page_url: String,
}

/// One quantisation of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct VariantRow {
    /// Its quantisation.
    pub name: String,
    /// Its files are larger than it: the weights are quantised while they are read.
    pub quantised_here: bool,
    /// Its files, shards in order.
    pub files: Vec<String>,
    /// Bytes of all files.
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// Whether it runs here; `None` where its header could not be read.
    pub verdict: Option<Verdict>,
    /// A sentence, where the engine cannot run it.
    pub reason: Option<String>,
    /// Where it is.
    pub state: VariantState,
    /// The app that holds it, where another does.
    pub owner: Option<String>,
    /// The one to take.
    pub recommended: bool,
}

/// Where a quantisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum VariantState {
    /// On the Hub.
    Available,
    /// On its way.
    Downloading,
    /// In the library.
    Installed,
    /// On this computer, with another app, or as another quantisation of the same files: nothing to download.
    OnThisComputer,
}

/// A small model that can draft for the one in view: both have the same tokens, proven by their headers.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DraftSuggestion {
    /// Its repository.
    pub repo: String,
    /// Its quantisation.
    pub variant: String,
    /// Its name.
    pub name: String,
    /// Bytes to download.
    #[ts(type = "number")]
    pub size_bytes: u64,
}

/// A repo that was opened, and what its headers said.
pub(crate) struct OpenRepo {
    pub(crate) repo: Repo,
    pub(crate) variants: Vec<Variant>,
    /// By the variant's name.
    shapes: Mutex<HashMap<String, Shape>>,
}

/// The repos that were opened last.
#[derive(Default)]
pub(crate) struct OpenRepos(Mutex<Vec<Arc<OpenRepo>>>);

impl App {
    /// Opens a repo: its card, and its quantisations with a verdict on each.
    ///
    /// # Errors
    /// The Hub's; [`ErrorCode::RepoGone`] where it has no model.
    pub async fn open_repo(&self, repo: &str) -> Result<RepoPage, ErrorReport> {
        let id = RepoId::parse(repo)?;
        let hub = self.online().await?.hub;
        let open = self.opened(&id, true).await?;
        let (card, shapes) = tokio::join!(
            hub.card(&id, &open.repo.commit),
            self.estimated_shapes(&id, &open)
        );
        let places = self.places().await;
        let mut rows = Vec::new();
        let mut trained_context = None;
        for variant in &open.variants {
            let (judged, reason) = match shapes.as_ref().map(|shapes| shapes.get(&variant.name)) {
                Ok(Some(Ok(shape))) => {
                    trained_context = Some(shape.trained_context);
                    let (context, key) = (first_context(shape), variant_key(variant));
                    let judged = self.verdict_of(shape, context, None, key.as_deref(), None).await;
                    let reason = judged.reason.as_ref().map(ToString::to_string);
                    (Some(judged), reason)
                }
                Ok(Some(Err(reason))) => (None, Some(reason.clone())),
                Ok(None) | Err(_) => (None, None),
            };
            let (state, owner) = places.of(repo, variant);
            rows.push(VariantRow {
                name: variant.name.clone(),
                quantised_here: variant.kind == Kind::Safetensors,
                files: variant.files.iter().map(|file| file.path.to_string()).collect(),
                size_bytes: variant.size_bytes,
                verdict: judged,
                reason,
                state,
                owner,
                recommended: false,
            });
        }
        recommend(&mut rows);
        rows.sort_by_key(|row| !row.recommended);
        Ok(RepoPage {
            id: repo.to_owned(),
            sha: open.repo.commit.to_string(),
            licence: open.repo.model.licence.clone(),
            gated: open.repo.model.gated,
            // A page without its card is still a page.
            card: card.unwrap_or_default(),
            parameters: open.repo.model.parameters,
            base_model: open.repo.base_model.as_ref().map(ToString::to_string),
            trained_context,
            variants: rows,
            cached_at: open.repo.cached_at,
            page_url: hub.page_url(&id).into(),
        })
    }

    /// The exact verdict on one quantisation at a context in tokens, from its whole header.
    ///
    /// # Errors
    /// The Hub's; [`ErrorCode::NotFound`] where the repo has no such quantisation.
    pub async fn price_variant(
        &self,
        repo: &str,
        variant: &str,
        context: u64,
    ) -> Result<Verdict, ErrorReport> {
        let id = RepoId::parse(repo)?;
        let open = self.opened(&id, false).await?;
        let variant = open.variant(variant)?;
        let shape = self.exact_shape(&id, &open, variant).await?;
        let key = variant_key(variant);
        Ok(self.verdict_of(&shape, context, None, key.as_deref(), None).await)
    }

    /// A small model of the starting list that can draft for this repo's: same architecture, a quarter of the size at
    /// most, and the same vocabulary, which the hashes of both token lists prove.
    ///
    /// # Errors
    /// The Hub's.
    pub async fn suggest_draft(&self, repo: &str) -> Result<Option<DraftSuggestion>, ErrorReport> {
        let id = RepoId::parse(repo)?;
        let open = self.opened(&id, false).await?;
        let Some(target) = open.variants.iter().find(|variant| variant.kind == Kind::Gguf) else {
            return Ok(None);
        };
        let target_bytes = target.size_bytes;
        let header = self.header(&id, &open.repo, target).await?;
        for entry in StartingList::read(self.config.suggestions.as_deref()).models {
            let small = entry.size_bytes.saturating_mul(4) <= target_bytes;
            let alike = entry.architecture() == header.architecture().unwrap_or_default();
            if entry.repo == repo || !small || !alike {
                continue;
            }
            let draft_id = RepoId::parse(&entry.repo)?;
            let draft = self.opened(&draft_id, false).await?;
            let Ok(variant) = draft.variant(&entry.variant) else {
                continue;
            };
            let draft_header = self.header(&draft_id, &draft.repo, variant).await?;
            if same_vocabulary(header.vocabulary_hash, draft_header.vocabulary_hash) {
                return Ok(Some(DraftSuggestion {
                    repo: entry.repo,
                    variant: entry.variant,
                    name: entry.name,
                    size_bytes: variant.size_bytes,
                }));
            }
        }
        Ok(None)
    }

    /// The address of a repo's page, for the person's browser.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] for what cannot be a repo's name.
    pub async fn repo_page(&self, repo: &str) -> Result<String, ErrorReport> {
        let id = RepoId::parse(repo)?;
        Ok(self.online().await?.hub.page_url(&id).into())
    }

    /// The repo as it was opened, or as it is now.
    pub(crate) async fn opened(&self, id: &RepoId, anew: bool) -> Result<Arc<OpenRepo>, ErrorReport> {
        let known = self.open_repos.find(id);
        if let Some(open) = known.filter(|_| !anew) {
            return Ok(open);
        }
        let repo = self.online().await?.hub.repo(id, None).await?;
        let open = Arc::new(OpenRepo {
            variants: by_quantisation(variants(&repo)?),
            repo,
            shapes: Mutex::default(),
        });
        self.open_repos.remember(open.clone());
        Ok(open)
    }

    /// What every form is like: of GGUF from the first bytes of one file, since they differ in size only, of safetensors from
    /// all headers.
    async fn estimated_shapes(
        &self,
        id: &RepoId,
        open: &OpenRepo,
    ) -> Result<HashMap<String, Result<Shape, String>>, ErrorReport> {
        let hub = self.online().await?.hub;
        let mut shapes = HashMap::new();
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
            let model = match self.checkpoint(id, open, any).await {
                Ok(model) => Ok(model),
                Err(error) if matches!(error.code, ErrorCode::EngineCannot | ErrorCode::BadModel) => {
                    Err(error.message)
                }
                Err(error) => return Err(error),
            };
            shapes.extend(of_kind(Kind::Safetensors).map(|variant| {
                let shape = match &model {
                    Ok(model) => {
                        Shape::of_checkpoint(model, level(variant)).map_err(|reason| reason.to_string())
                    }
                    Err(message) => Err(message.clone()),
                };
                (variant.name.clone(), shape)
            }));
        }
        for variant in of_kind(Kind::Uqff) {
            let shape = match self.checkpoint(id, open, variant).await {
                Ok(model) => Shape::of_checkpoint(&model, None).map_err(|reason| reason.to_string()),
                Err(error) if matches!(error.code, ErrorCode::EngineCannot | ErrorCode::BadModel) => {
                    Err(error.message)
                }
                Err(error) => return Err(error),
            };
            shapes.insert(variant.name.clone(), shape);
        }
        Ok(shapes)
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

    async fn exact_shape(
        &self,
        id: &RepoId,
        open: &OpenRepo,
        variant: &Variant,
    ) -> Result<Shape, ErrorReport> {
        let known = open
            .shapes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&variant.name)
            .cloned();
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
        open.shapes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(variant.name.clone(), shape.clone());
        Ok(shape)
    }

    /// The header of a whole quantisation, its shards joined.
    async fn header(&self, id: &RepoId, repo: &Repo, variant: &Variant) -> Result<Header, ErrorReport> {
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

impl OpenRepo {
    /// The quantisation of this name.
    pub(crate) fn variant(&self, name: &str) -> Result<&Variant, ErrorReport> {
        let found = self.variants.iter().find(|variant| variant.name == name);
        found.ok_or_else(|| {
            let message = format!(
                "{} has no quantisation {name}. Open its page again.",
                self.repo.model.id
            );
            ErrorReport::new(ErrorCode::NotFound, message)
        })
    }
}

impl OpenRepos {
    fn find(&self, id: &RepoId) -> Option<Arc<OpenRepo>> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().find(|open| open.repo.model.id == *id).cloned()
    }

    fn remember(&self, opened: Arc<OpenRepo>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.repo.model.id != opened.repo.model.id);
        open.push(opened);
        if open.len() > REMEMBERED {
            open.remove(0);
        }
    }
}

/// Safetensors once for every quantisation that they can be read with. One that the repository has as GGUF or UQFF is that: it is
/// the smaller download. One that it has as both is told apart. The smallest download first.
fn by_quantisation(variants: Vec<Variant>) -> Vec<Variant> {
    let (safetensors, mut ready): (Vec<_>, Vec<_>) = variants
        .into_iter()
        .partition(|variant| variant.kind == Kind::Safetensors);
    let gguf: Vec<String> = (ready.iter())
        .filter(|variant| variant.kind == Kind::Gguf)
        .map(|variant| variant.name.clone())
        .collect();
    let levels = safetensors.iter().flat_map(|whole| {
        let level = |level: &Quantisation| Variant {
            name: level.name().to_owned(),
            ..whole.clone()
        };
        Quantisation::ALL.iter().rev().map(level)
    });
    let new = |variant: &Variant| ready.iter().all(|known| known.name != variant.name);
    let levels: Vec<_> = levels.filter(new).collect();
    for variant in ready.iter_mut().filter(|variant| variant.kind == Kind::Uqff) {
        if gguf.contains(&variant.name) {
            variant.name += " (UQFF)";
        }
    }
    ready.extend(levels);
    ready.sort_by_key(|variant| variant.size_bytes);
    ready
}

/// What the weights of a variant are quantised to while they are read.
pub(crate) fn level(variant: &Variant) -> Option<Quantisation> {
    let levels = variant.kind == Kind::Safetensors;
    Quantisation::named(&variant.name).filter(|_| levels)
}

/// The context that a verdict is first shown for: enough for a first chat, or all that the model knows.
pub(crate) fn first_context(shape: &Shape) -> u64 {
    FIRST_CONTEXT.min(shape.reliable_context)
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
