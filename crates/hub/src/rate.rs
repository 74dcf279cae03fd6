//! The Hub's rate limits, kept from this side too.
//!
//! Every reply carries `RateLimit: "api";r=12;t=55`: requests left, and seconds until there are more
//! (draft-ietf-httpapi-ratelimit-headers). With none left the next request would only be refused.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;
use url::Url;

use crate::HubError;

/// A pause of up to this is waited for; a longer one is told to the person.
pub(crate) const SHORT_PAUSE: Duration = Duration::from_secs(10);
/// A pause where the Hub refuses and does not say for how long. Its windows are of five minutes.
const UNTOLD_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The pauses that the Hub asked for, one for its data and one for its files: they are counted apart.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    data: Mutex<Option<Instant>>,
    files: Mutex<Option<Instant>>,
}

impl Gates {
    /// Waits for a short pause to end.
    ///
    /// # Errors
    /// [`HubError::RateLimited`] when the pause is a long one.
    pub(crate) async fn pass(&self, url: &Url) -> Result<(), HubError> {
        let opens = *self.gate(url).lock().unwrap_or_else(|lock| lock.into_inner());
        let Some(retry_in) = opens.and_then(|opens| opens.checked_duration_since(Instant::now())) else {
            return Ok(());
        };
        if retry_in > SHORT_PAUSE {
            return Err(HubError::RateLimited { retry_in });
        }
        tokio::time::sleep(retry_in).await;
        Ok(())
    }

    /// Closes a gate for as long as a reply asks, and says how long that is.
    pub(crate) fn heed(&self, url: &Url, refused: bool, headers: &HeaderMap) -> Option<Duration> {
        let limit = headers
            .get("ratelimit")
            .and_then(|value| parse(value.to_str().ok()?))
            .filter(|limit| refused || limit.left == 0)
            .map(|limit| limit.reset);
        let pause = match (refused, limit) {
            (true, None) => retry_after(headers).unwrap_or(UNTOLD_PAUSE),
            (_, Some(pause)) => pause,
            (false, None) => return None,
        }
        .min(LONGEST_PAUSE);
        let opens = Instant::now() + pause;
        let mut gate = self.gate(url).lock().unwrap_or_else(|lock| lock.into_inner());
        *gate = Some(gate.map_or(opens, |before| before.max(opens)));
        Some(pause)
    }

    fn gate(&self, url: &Url) -> &Mutex<Option<Instant>> {
        if url.path().contains("/resolve/") || url.path().contains("/raw/") {
            &self.files
        } else {
            &self.data
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Limit {
    left: u64,
    reset: Duration,
}

fn parse(value: &str) -> Option<Limit> {
    let number = |name: &str| {
        value
            .split(';')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .and_then(|number| number.trim().parse::<u64>().ok())
    };
    Some(Limit {
        left: number("r")?,
        reset: Duration::from_secs(number("t")?),
    })
}

/// The older header, which a proxy on the way may send: seconds only.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            reqwest::header::HeaderName::from_static(name),
            reqwest::header::HeaderValue::from_static(value),
        )])
    }

    fn data() -> Url {
        Url::parse("https://hub/api/models?search=a").unwrap()
    }

    #[test]
    fn the_header_is_read_as_the_hub_writes_it() {
        let limit = |left, seconds| {
            Some(Limit {
                left,
                reset: Duration::from_secs(seconds),
            })
        };
        assert_eq!(parse(r#""api";r=499;t=240"#), limit(499, 240));
        assert_eq!(parse(r#""resolvers"; r=0; t=55"#), limit(0, 55));
        assert_eq!(parse(r#""api";t=55"#), None);
        assert_eq!(parse(r#""api";r=-1;t=99999999999999999999999"#), None);
    }

    #[tokio::test(start_paused = true)]
    async fn with_no_request_left_a_short_pause_is_waited_for_and_a_long_one_told() {
        let gates = Gates::default();
        gates.heed(&data(), false, &headers("ratelimit", r#""api";r=0;t=5"#));
        let before = Instant::now();
        gates.pass(&data()).await.unwrap();
        assert!(before.elapsed() >= Duration::from_secs(5));

        gates.heed(&data(), false, &headers("ratelimit", r#""api";r=0;t=120"#));
        let error = gates.pass(&data()).await.unwrap_err();
        assert!(matches!(error, HubError::RateLimited { retry_in } if retry_in > Duration::from_secs(100)));
        let files = Url::parse("https://hub/a/b/resolve/main/c").unwrap();
        gates
            .pass(&files)
            .await
            .expect("files are counted apart from data");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_are_left_close_no_gate() {
        let gates = Gates::default();
        assert_eq!(
            gates.heed(&data(), false, &headers("ratelimit", r#""api";r=1;t=300"#)),
            None
        );
        gates.pass(&data()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_without_a_number_is_still_a_pause_and_a_huge_number_is_bounded() {
        let gates = Gates::default();
        assert_eq!(gates.heed(&data(), true, &HeaderMap::new()), Some(UNTOLD_PAUSE));
        assert_eq!(
            gates.heed(&data(), true, &headers("retry-after", "7")),
            Some(Duration::from_secs(7))
        );
        assert_eq!(
            gates.heed(
                &data(),
                true,
                &headers("ratelimit", r#""api";r=0;t=18446744073709551615"#)
            ),
            Some(LONGEST_PAUSE)
        );
    }
}
