//! `GET /api/models`: the catalogue, searched, filtered and sorted.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State as FromState;
use axum::http::Uri;
use axum::response::Response;

use crate::access::Caller;
use crate::catalogue::{Gate, Repo};
use crate::describe::{BRIEF, model, wanted};
use crate::paging::Page;
use crate::query::{query_of, value_of};
use crate::refusal::Refusal;
use crate::state::State;

/// Models in one page at most, and when nothing is said.
const LARGEST_PAGE: usize = 1000;

/// Answers a search.
pub(crate) async fn search(
    FromState(state): FromState<Arc<State>>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Response, Refusal> {
    if caller == Caller::Stranger {
        return Err(Refusal::bad_token());
    }
    let query = query_of(&uri);
    let mut names = wanted(&query, &BRIEF)?;
    if value_of(&query, "cardData") == Some("true") {
        names.push("cardData");
    }
    let limit = match value_of(&query, "limit") {
        None => LARGEST_PAGE,
        Some(limit) => limit
            .parse::<usize>()
            .ok()
            .filter(|&limit| limit > 0)
            .ok_or_else(|| Refusal::bad_request("\"limit\" must be a number above zero"))?
            .min(LARGEST_PAGE),
    };
    let filter = Filter::of(&query)?;
    let mut found: Vec<Repo> = {
        let catalogue = state.catalogue.lock();
        catalogue
            .repos
            .values()
            .filter(|repo| filter.lets_through(repo))
            .cloned()
            .collect()
    };
    sort(
        &mut found,
        value_of(&query, "sort").unwrap_or("trendingScore"),
        &query,
    )?;
    let page = Page::of(&uri, &query, limit)?;
    let entries = found
        .iter()
        .skip(page.start)
        .take(page.length)
        .map(|repo| model(repo, &names))
        .collect();
    Ok(page.reply(&state.hub, &uri, &query, entries, found.len()))
}

/// The largest first, and among equals those that were made last; for `direction=1` the reverse.
fn sort(found: &mut [Repo], by: &str, query: &[(String, String)]) -> Result<(), Refusal> {
    let by_number: fn(&Repo) -> u64 = match by {
        "downloads" => |repo| repo.downloads,
        "likes" => |repo| repo.likes,
        "trendingScore" => |repo| repo.trending,
        "createdAt" | "lastModified" => |_| 0,
        _ => {
            let message =
                "\"sort\" must be one of [createdAt, downloads, lastModified, likes, trendingScore]";
            return Err(Refusal::bad_request(message));
        }
    };
    let by_moment: fn(&Repo) -> &str = match by {
        "lastModified" => |repo| &repo.modified,
        _ => |repo| &repo.created,
    };
    found.sort_by(|a, b| (by_number(b), by_moment(b)).cmp(&(by_number(a), by_moment(a))));
    if value_of(query, "direction") == Some("1") {
        found.reverse();
    }
    Ok(())
}

/// What a query lets through.
struct Filter {
    /// Lower-case words, all of them in the id.
    words: Vec<String>,
    author: Option<String>,
    /// Tags, all of them on the model.
    tags: Vec<String>,
    task: Option<String>,
    gated: Option<bool>,
    parameters: Option<(u64, u64)>,
}

impl Filter {
    fn of(query: &[(String, String)]) -> Result<Self, Refusal> {
        let one = |key| value_of(query, key).map(String::from);
        let mut tags: Vec<String> = query
            .iter()
            .filter(|(key, _)| key == "filter")
            .flat_map(|(_, value)| value.split(','))
            .map(String::from)
            .collect();
        // Apps are named that run a format; all of those that Hearth could name run this one.
        if query.iter().any(|(key, _)| key == "apps") {
            tags.push("gguf".to_owned());
        }
        Ok(Self {
            words: one("search")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_lowercase)
                .collect(),
            author: one("author"),
            tags,
            task: one("pipeline_tag"),
            gated: match value_of(query, "gated") {
                None => None,
                Some("true") => Some(true),
                Some("false") => Some(false),
                Some(_) => return Err(Refusal::bad_request("\"gated\" must be true or false")),
            },
            parameters: value_of(query, "num_parameters").map(span).transpose()?,
        })
    }

    fn lets_through(&self, repo: &Repo) -> bool {
        let id = repo.id.to_lowercase();
        let tags = repo.all_tags();
        let gguf = repo.gguf.as_ref().map(|gguf| gguf.parameters);
        let size = gguf.or(repo.safetensors.as_ref().map(|facts| facts.parameters));
        self.words.iter().all(|word| id.contains(word))
            && self
                .author
                .as_ref()
                .is_none_or(|author| repo.author().eq_ignore_ascii_case(author))
            && self.tags.iter().all(|tag| tags.contains(tag))
            && self.task.is_none() | (self.task == repo.task)
            && self.gated.is_none_or(|gated| gated == (repo.gate != Gate::Open))
            && self
                .parameters
                .is_none_or(|(min, max)| size.is_some_and(|size| (min..=max).contains(&size)))
    }
}

/// `min:1B,max:9B`, either half of it, or one number.
fn span(text: &str) -> Result<(u64, u64), Refusal> {
    let (mut min, mut max) = (0, u64::MAX);
    for part in text.split(',') {
        match part.split_once(':') {
            Some(("min", number)) => min = weights(number)?,
            Some(("max", number)) => max = weights(number)?,
            _ => {
                min = weights(part)?;
                max = min;
            }
        }
    }
    Ok((min, max))
}

/// `135M`, `1.5B` or a plain number.
fn weights(text: &str) -> Result<u64, Refusal> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'K' | 'k')) => (&text[..at], 1e3),
        Some((at, 'M' | 'm')) => (&text[..at], 1e6),
        Some((at, 'B' | 'b')) => (&text[..at], 1e9),
        Some((at, 'T' | 't')) => (&text[..at], 1e12),
        _ => (text, 1.0),
    };
    let number = number.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let number = number.ok_or_else(|| Refusal::bad_request("\"num_parameters\" is like min:1B,max:9B"))?;
    Ok((number * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_sizes_are_read() {
        assert_eq!(span("min:1B,max:9B"), Ok((1_000_000_000, 9_000_000_000)));
        assert_eq!(span("max:1.5b"), Ok((0, 1_500_000_000)));
        assert_eq!(span("min:135M"), Ok((135_000_000, u64::MAX)));
        assert!(span("small").is_err());
        assert!(span("min:-1B").is_err());
        assert!(span("").is_err());
    }
}
