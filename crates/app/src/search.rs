//! Search on the Hub: models of every kind of file in one list, with a quick verdict on each.

use std::cmp::Ordering;

use futures::future::try_join_all;
use hearth_engine::support::safetensors::{CLASSES, Class, reads_quantised};
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
    /// A quick verdict on its 4-bit size; `None` where the Hub says neither how large it is nor why it does not run.
    pub verdict: Option<Label>,
    /// One of its files is on this computer.
    pub installed: bool,
}

/// Every kind is a list of its own on the Hub, which finds what has all that is asked for.
const KINDS: [Kind; 3] = [Kind::Gguf, Kind::Safetensors, Kind::Uqff];
/// Where each of [`KINDS`] goes on, joined by a comma, which the Hub's cursors have none of; empty where it has ended.
const BETWEEN: &str = ",";

impl App {
    /// Searches the Hub for models. A page is one of every kind, joined in order.
    ///
    /// # Errors
    /// The Hub's; [`ErrorCode::InvalidInput`] for a cursor that no page ended with.
    pub async fn search_hub(&self, query: HubQuery) -> Result<HubPage, ErrorReport> {
        let from = taken_up(query.cursor.as_deref()).ok_or_else(|| {
            ErrorReport::new(
                ErrorCode::InvalidInput,
                "This list has no such page. Search again.",
            )
        })?;
        let hub = self.online().await?.hub;
        let of_kind = |(kind, from): (Kind, Resume)| {
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
        let pages = try_join_all(KINDS.into_iter().zip(from).map(of_kind)).await?;

        let next = goes_on(&pages);
        let cached_at = pages.iter().filter_map(|page| page.cached_at).min();
        let found = KINDS.into_iter().zip(pages);
        let mut found: Vec<(Kind, HubModel)> = found
            .flat_map(|(kind, page)| page.models.into_iter().map(move |model| (kind, model)))
            .collect();
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
            let label = |parameters| quick_label(&machine, card, built(kind, &model), parameters, context);
            let verdict = match refused(kind, &model) {
                true => Some(Label::EngineCannot),
                false => model.parameters.map(label),
            };
            HubRow {
                verdict,
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
        Ok(HubPage {
            models: found.into_iter().map(row).filter(wanted).collect(),
            next,
            cached_at,
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

/// Where each of [`KINDS`] is to be taken up; `None` for what is no cursor of ours.
fn taken_up(cursor: Option<&str>) -> Option<[Resume; KINDS.len()]> {
    let Some(cursor) = cursor else {
        return Some(KINDS.map(|_| Resume::Start));
    };
    let cursors: Vec<Resume> = cursor.split(BETWEEN).map(Resume::after).collect();
    cursors.try_into().ok()
}

/// The cursor of the next page; `None` where every list has ended.
fn goes_on(pages: &[SearchPage]) -> Option<String> {
    let next = |page: &SearchPage| page.next.clone().unwrap_or_default();
    let any = pages.iter().any(|page| page.next.is_some());
    any.then(|| pages.iter().map(next).collect::<Vec<_>>().join(BETWEEN))
}

/// How a model of this kind is built, as far as the Hub tells.
fn built(kind: Kind, model: &HubModel) -> Built<'_> {
    match (kind, &model.architecture, &model.class) {
        (Kind::Gguf, Some(name), _) => Built::Architecture(name),
        (Kind::Safetensors, _, Some(class)) => Built::Class(class),
        _ => Built::Unknown,
    }
}

/// Whether the Hub already tells of this model something for which the engine does not run it, however small it is.
fn refused(kind: Kind, model: &HubModel) -> bool {
    let (Kind::Safetensors | Kind::Uqff, Some(class)) = (kind, &model.class) else {
        return false;
    };
    let reads_kind = |known: &Class| kind == Kind::Safetensors || known.reads_uqff;
    let runs = CLASSES
        .iter()
        .any(|known| known.name == class && reads_kind(known));
    let is_packed = |method: &String| !reads_quantised(class, method);
    !runs || model.quantised_by.as_ref().is_some_and(is_packed)
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
