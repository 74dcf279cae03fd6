//! Search: models of one kind of file, a page at a time.

use reqwest::header::{HeaderMap, LINK};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;
use url::Url;

use crate::model::Listed;
use crate::pages::{Page, parse};
use crate::refusal::Asked;
use crate::request::{Get, Wanted};
use crate::{Hub, HubError, HubModel, Kind};

pub(crate) const LONGEST_JSON: u64 = 16 << 20;
const USUAL_LIMIT: u32 = 20;
const MOST: u32 = 100;
/// Characters of a search that are sent.
const LONGEST_TEXT: usize = 200;
const LONGEST_CURSOR: usize = 4096;
const BILLION: u64 = 1_000_000_000;
/// What is told of each model. Asking for these leaves out the rest, its list of files above all.
const EXPAND: [&str; 14] = [
    "author",
    "cardData",
    "config",
    "createdAt",
    "downloads",
    "gated",
    "gguf",
    "lastModified",
    "likes",
    "pipeline_tag",
    "safetensors",
    "sha",
    "tags",
    "trendingScore",
];

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Sort {
    /// What people turn to these days.
    #[default]
    Trending,
    /// Downloads in the last 30 days.
    Downloads,
    /// Likes.
    Likes,
    /// Made last.
    Newest,
}

/// What to look for. The default is everything with a GGUF file, what is trending first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    /// The kind of files. What has several is found once: among [`Kind::Gguf`], or else among [`Kind::Uqff`].
    pub kind: Kind,
    /// Words of the name.
    pub text: String,
    /// Only of this person or organisation.
    pub author: Option<String>,
    /// The order.
    pub sort: Sort,
    /// Only for this task, such as `text-generation`.
    pub task: Option<String>,
    /// Only under this licence, such as `apache-2.0`.
    pub licence: Option<String>,
    /// Only models with at least so many parameters.
    pub min_parameters: Option<u64>,
    /// Only models with at most so many parameters.
    pub max_parameters: Option<u64>,
    /// [`SearchPage::next`] of the page before.
    pub cursor: Option<String>,
    /// Models on one page, at most 100; 0 is 20.
    pub limit: u32,
}

/// A page of a search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SearchPage {
    /// The models, in order.
    pub models: Vec<HubModel>,
    /// What [`SearchQuery::cursor`] has to be for the next page; none on the last.
    pub next: Option<String>,
    /// When this was told, in milliseconds since 1970; some only where the Hub is out of reach.
    #[serde(skip)]
    pub cached_at: Option<i64>,
}

impl Hub {
    /// Looks for models.
    ///
    /// # Errors
    /// Whatever keeps the Hub from answering, where it never answered this question before.
    pub async fn search(&self, query: &SearchQuery) -> Result<SearchPage, HubError> {
        let url = self.search_url(query);
        let fetch = async {
            let get = Get {
                url: url.clone(),
                body: Wanted::Whole(LONGEST_JSON),
                asked: Asked::default(),
                token: None,
            };
            let answer = self.ask(&get).await?;
            let listed: Vec<Value> = parse(&answer, &url)?;
            Ok(SearchPage {
                models: listed
                    .into_iter()
                    .filter_map(|listed| read(listed, query))
                    .collect(),
                next: next_cursor(&answer.headers),
                cached_at: None,
            })
        };
        // The exact bounds are not in the URL, and what is kept has passed them.
        let bounds = (query.min_parameters, query.max_parameters);
        let key = format!("search {url} {bounds:?}");
        let Page { value, cached_at } = self.page(&key, self.shared.timeouts.fresh, fetch).await?;
        Ok(SearchPage { cached_at, ..value })
    }

    fn search_url(&self, query: &SearchQuery) -> Url {
        let mut url = self.url(["api", "models"]);
        let mut pairs = url.query_pairs_mut();
        let filters: &[&str] = match query.kind {
            Kind::Gguf => &["gguf"],
            // Those that a template for chats was found in.
            Kind::Safetensors => &["safetensors", "transformers", "conversational"],
            // The Hub does not know the format: what the cards that mistral.rs writes call it.
            Kind::Uqff => &["uqff"],
        };
        for filter in filters {
            pairs.append_pair("filter", filter);
        }
        if let Some(licence) = &query.licence {
            pairs.append_pair("filter", &format!("license:{licence}"));
        }
        let text: String = query.text.trim().chars().take(LONGEST_TEXT).collect();
        if !text.is_empty() {
            pairs.append_pair("search", &text);
        }
        if let Some(author) = &query.author {
            pairs.append_pair("author", author);
        }
        if let Some(task) = &query.task {
            pairs.append_pair("pipeline_tag", task);
        }
        if let Some(range) = whole_billions(query.min_parameters, query.max_parameters) {
            pairs.append_pair("num_parameters", &range);
        }
        let sort = match query.sort {
            Sort::Trending => "trendingScore",
            Sort::Downloads => "downloads",
            Sort::Likes => "likes",
            Sort::Newest => "createdAt",
        };
        let limit = if query.limit == 0 {
            USUAL_LIMIT
        } else {
            query.limit.min(MOST)
        };
        pairs
            .append_pair("sort", sort)
            .append_pair("limit", &limit.to_string());
        for field in EXPAND {
            pairs.append_pair("expand", field);
        }
        if let Some(cursor) = query
            .cursor
            .as_deref()
            .filter(|cursor| cursor.len() <= LONGEST_CURSOR)
        {
            pairs.append_pair("cursor", cursor);
        }
        drop(pairs);
        url
    }
}

/// The Hub takes bounds in whole billions; the smallest such range around the one that is meant.
fn whole_billions(min: Option<u64>, max: Option<u64>) -> Option<String> {
    let min = min
        .map(|min| min / BILLION)
        .filter(|min| *min > 0)
        .map(|min| format!("min:{min}B"));
    let max = max.map(|max| format!("max:{}B", max.div_ceil(BILLION).max(1)));
    match (min, max) {
        (Some(min), Some(max)) => Some(format!("{min},{max}")),
        (min, max) => min.or(max),
    }
}

/// A model that the Hub describes in a way that is not understood is left out; the others are still of use.
fn read(listed: Value, query: &SearchQuery) -> Option<HubModel> {
    let model = match serde_json::from_value::<Listed>(listed) {
        Ok(listed) => listed.model(),
        Err(error) => {
            tracing::warn!(%error, "a model in the list is left out");
            return None;
        }
    };
    let others: &[&str] = match query.kind {
        Kind::Gguf => &[],
        Kind::Uqff => &["gguf"],
        Kind::Safetensors => &["gguf", "uqff"],
    };
    let elsewhere = model.tags.iter().any(|tag| others.contains(&tag.as_str()));
    let parameters = model.parameters;
    let inside = parameters.is_none_or(|parameters| {
        query.min_parameters.is_none_or(|min| parameters >= min)
            && query.max_parameters.is_none_or(|max| parameters <= max)
    });
    (inside && !elsewhere).then_some(model)
}

/// `<https://…?cursor=…>; rel="next"`. Only the cursor is taken: where to ask is not for an answer to say.
fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let next = link.split(',').find(|part| {
        part.split(';')
            .skip(1)
            .any(|attribute| attribute.trim() == r#"rel="next""#)
    })?;
    let (_, rest) = next.split_once('<')?;
    let (url, _) = rest.split_once('>')?;
    let (_, query) = url.split_once('?')?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "cursor")
        .map(|(_, cursor)| cursor.into_owned())
        .filter(|cursor| cursor.len() <= LONGEST_CURSOR)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn bounds_become_whole_billions_that_hold_them() {
        assert_eq!(whole_billions(None, None), None);
        assert_eq!(whole_billions(Some(400_000_000), None), None);
        assert_eq!(whole_billions(None, Some(600_000_000)).as_deref(), Some("max:1B"));
        assert_eq!(
            whole_billions(Some(3_200_000_000), Some(8_030_000_000)).as_deref(),
            Some("min:3B,max:9B")
        );
    }

    #[test]
    fn only_the_cursor_is_taken_from_a_link() {
        let next =
            |link: &'static str| next_cursor(&HeaderMap::from_iter([(LINK, HeaderValue::from_static(link))]));
        assert_eq!(
            next(r#"<https://huggingface.co/api/models?limit=20&cursor=eyJ%3D>; rel="next""#).as_deref(),
            Some("eyJ=")
        );
        assert_eq!(
            next(r#"<https://hub/?cursor=a>; rel="prev", <https://hub/?cursor=b>; rel="next""#).as_deref(),
            Some("b")
        );
        assert_eq!(next(r#"<https://hub/?cursor=a>; rel="prev""#), None);
        assert_eq!(next("nonsense; <<>?"), None);
    }
}
