//! Search on the Hub: models of every kind of file in one list, with a quick verdict on each.

use std::cmp::Ordering;

use hearth_engine::support::safetensors::reads_quantised;
use hearth_fit::{Built, Label, quick_label};
use hearth_hub::{Gated, HubModel, Kind, SearchPage, SearchQuery, Sort};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::suggestions::FIRST_CONTEXT;
use crate::{App, ErrorCode, ErrorReport};

/// Rows of a page, of each kind.
const PAGE: u32 = 20;

/// The order of what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum HubSort {
    /// What many look at this week.
    Trending,
    /// The most downloaded.
    Downloads,
    /// The most liked.
    Likes,
    /// The newest.
    Newest,
}

/// What to look for on the Hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HubQuery {
    /// Words of the name; empty for all.
    pub text: String,
    /// The order.
    pub sort: HubSort,
    /// The Hub's name of a task.
    pub task: Option<String>,
    /// The Hub's name of a licence.
    pub licence: Option<String>,
    /// Only what fits this computer.
    pub fits_only: bool,
    /// With this context, in tokens.
    #[ts(type = "number | null")]
    pub context: Option<u64>,
    /// No larger than this, in bytes.
    #[ts(type = "number | null")]
    pub max_bytes: Option<u64>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HubPage {
    /// The repositories.
    pub models: Vec<HubRow>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// When it was fetched, in milliseconds since 1970, where the Hub is out of reach.
    #[ts(type = "number | null")]
    pub cached_at: Option<i64>,
}

/// A repository as the list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HubRow {
    /// Owner and name.
    pub id: String,
    /// The owner.
    pub author: String,
    /// The name.
    pub name: String,
    /// Downloads in the last 30 days.
    #[ts(type = "number")]
    pub downloads: u64,
    /// Likes.
    #[ts(type = "number")]
    pub likes: u64,
    /// When it last changed, ISO 8601.
    pub last_modified: Option<String>,
    /// Whether it asks for consent.
    pub gated: Gated,
    /// The Hub's name of its licence.
    pub licence: Option<String>,
    /// The Hub's name of its task.
    pub task: Option<String>,
    /// Parameters.
    #[ts(type = "number | null")]
    pub parameters: Option<u64>,
    /// Architecture.
    pub architecture: Option<String>,
    /// Trained context, in tokens.
    #[ts(type = "number | null")]
    pub context_length: Option<u64>,
    /// A quick verdict on its 4-bit size; `None` where the Hub does not say how large it is.
    pub verdict: Option<Label>,
    /// One of its files is on this computer.
    pub installed: bool,
}

/// Where each kind goes on, joined by a comma, which the Hub's cursors have none of; empty where it has ended.
const BETWEEN: char = ',';

impl App {
    /// Searches the Hub for models. Every kind is searched by itself, since the Hub finds what has all that is asked for, and a
    /// page of each is joined in order.
    ///
    /// # Errors
    /// The Hub's; [`ErrorCode::InvalidInput`] for a cursor that no page ended with.
    pub async fn search_hub(&self, query: HubQuery) -> Result<HubPage, ErrorReport> {
        let no_page = || {
            ErrorReport::new(
                ErrorCode::InvalidInput,
                "This list has no such page. Search again.",
            )
        };
        let (gguf, safetensors) = match &query.cursor {
            None => (Resume::Start, Resume::Start),
            Some(cursor) => {
                let (gguf, safetensors) = cursor.split_once(BETWEEN).ok_or_else(no_page)?;
                (Resume::after(gguf), Resume::after(safetensors))
            }
        };
        let hub = self.online().await?.hub;
        let of_kind = |kind: Kind, from: Resume| {
            let asked = SearchQuery {
                kind,
                text: query.text.clone(),
                sort: match query.sort {
                    HubSort::Trending => Sort::Trending,
                    HubSort::Downloads => Sort::Downloads,
                    HubSort::Likes => Sort::Likes,
                    HubSort::Newest => Sort::Newest,
                },
                task: query.task.clone(),
                licence: query.licence.clone(),
                cursor: from.cursor(),
                limit: PAGE,
                ..SearchQuery::default()
            };
            let hub = hub.clone();
            async move {
                match from {
                    Resume::Ended => Ok(SearchPage::default()),
                    Resume::Start | Resume::After(_) => hub.search(&asked).await,
                }
            }
        };
        let (gguf, safetensors) =
            tokio::try_join!(of_kind(Kind::Gguf, gguf), of_kind(Kind::Safetensors, safetensors))?;

        let mut found: Vec<(Kind, HubModel)> = Vec::new();
        found.extend(gguf.models.into_iter().map(|model| (Kind::Gguf, model)));
        found.extend(
            safetensors
                .models
                .into_iter()
                .map(|model| (Kind::Safetensors, model)),
        );
        found.sort_by(|(_, a), (_, b)| order(query.sort, a, b));
        let machine = self.machine().await;
        let card = self.card_for(&machine, None);
        let installed: Vec<String> = self
            .store()
            .await?
            .models()
            .await?
            .into_iter()
            .filter_map(|model| model.repo)
            .collect();
        let context = query.context.unwrap_or(FIRST_CONTEXT);
        let row = |(kind, model): (Kind, HubModel)| {
            let verdict = |parameters| match (&model.quantised_by, built(kind, &model)) {
                (Some(method), Built::Class(class)) if !reads_quantised(class, method) => Label::EngineCannot,
                (_, built) => quick_label(&machine, card, built, parameters, context),
            };
            HubRow {
                verdict: model.parameters.map(verdict),
                author: model.author,
                name: model.id.name().to_owned(),
                installed: installed.iter().any(|repo| repo == model.id.as_str()),
                id: model.id.to_string(),
                downloads: model.downloads,
                likes: model.likes,
                last_modified: model.last_modified,
                gated: model.gated,
                licence: model.licence,
                task: model.task,
                parameters: model.parameters,
                architecture: model.architecture.or(model.class),
                context_length: model.context_length,
            }
        };
        let wanted = |row: &HubRow| {
            let fits = matches!(row.verdict, Some(Label::Fits | Label::Tight));
            let small = |most| {
                row.parameters
                    .is_some_and(|parameters| hearth_fit::four_bit_bytes(parameters) <= most)
            };
            (!query.fits_only || fits) && query.max_bytes.is_none_or(small)
        };
        let next = match (gguf.next, safetensors.next) {
            (None, None) => None,
            (gguf, safetensors) => {
                let (gguf, safetensors) = (gguf.unwrap_or_default(), safetensors.unwrap_or_default());
                Some(format!("{gguf}{BETWEEN}{safetensors}"))
            }
        };
        Ok(HubPage {
            models: found.into_iter().map(row).filter(wanted).collect(),
            next,
            cached_at: [gguf.cached_at, safetensors.cached_at]
                .into_iter()
                .flatten()
                .min(),
        })
    }
}

/// Where the list of one kind is asked for.
enum Resume {
    Start,
    After(String),
    Ended,
}

impl Resume {
    fn after(cursor: &str) -> Self {
        match cursor {
            "" => Self::Ended,
            cursor => Self::After(cursor.to_owned()),
        }
    }

    fn cursor(&self) -> Option<String> {
        match self {
            Self::After(cursor) => Some(cursor.clone()),
            Self::Start | Self::Ended => None,
        }
    }
}

/// How a model of this kind is built, as far as the Hub tells.
fn built(kind: Kind, model: &HubModel) -> Built<'_> {
    match (kind, &model.architecture, &model.class) {
        (Kind::Gguf, Some(name), _) => Built::Architecture(name),
        (Kind::Safetensors, _, Some(class)) => Built::Class(class),
        _ => Built::Unknown,
    }
}

/// As the Hub orders models of one kind, and as what it does not tell of comes last.
fn order(sort: HubSort, a: &HubModel, b: &HubModel) -> Ordering {
    match sort {
        HubSort::Trending => {
            let trending = |model: &HubModel| model.trending.unwrap_or(f64::NEG_INFINITY);
            trending(b).total_cmp(&trending(a))
        }
        HubSort::Downloads => b.downloads.cmp(&a.downloads),
        HubSort::Likes => b.likes.cmp(&a.likes),
        HubSort::Newest => b.created_at.cmp(&a.created_at),
    }
}
