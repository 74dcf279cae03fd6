//! A repository on the Hub, with a verdict on each form of its model before a byte of it is downloaded.

mod opened;
mod shapes;

use hearth_fit::{Shape, Verdict, same_vocabulary};
use hearth_hub::{Gated, Kind, RepoId};
use serde::Serialize;
use ts_rs::TS;

use crate::measured::variant_key;
use crate::recommended::recommend;
use crate::suggestions::{FIRST_CONTEXT, StartingList};
use crate::{App, ErrorReport};
pub(crate) use opened::OpenRepos;
pub(crate) use shapes::level;

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

impl App {
    /// Opens a repo: its card, and its quantisations with a verdict on each.
    ///
    /// # Errors
    /// The Hub's; [`crate::ErrorCode::RepoGone`] where it has no model.
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
    /// The Hub's; [`crate::ErrorCode::NotFound`] where the repo has no such quantisation.
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
    /// [`crate::ErrorCode::InvalidInput`] for what cannot be a repo's name.
    pub async fn repo_page(&self, repo: &str) -> Result<String, ErrorReport> {
        let id = RepoId::parse(repo)?;
        Ok(self.online().await?.hub.page_url(&id).into())
    }
}

/// The context that a verdict is first shown for: enough for a first chat, or all that the model knows.
pub(crate) fn first_context(shape: &Shape) -> u64 {
    FIRST_CONTEXT.min(shape.reliable_context)
}
