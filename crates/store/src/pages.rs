//! What the Hub answered, kept to be seen again without a network.

use crate::store::now;
use crate::{Store, StoreError};

/// How many answers are kept.
const KEPT_PAGES: i64 = 2_000;
/// How many bytes they may take together.
const KEPT_BYTES: i64 = 64 << 20;

/// An answer of the Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedPage {
    /// What it said.
    pub body: String,
    /// Its Link header, which names the next page.
    pub link: Option<String>,
    /// When it said so, in milliseconds since 1970.
    pub fetched_at: i64,
}

impl Store {
    /// The answer that is kept under a key.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn page(&self, key: &str) -> Result<Option<CachedPage>, StoreError> {
        sqlx::query_as!(
            CachedPage,
            "SELECT body, link, fetched_at FROM hub_pages WHERE key = ?",
            key
        )
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error))
    }

    /// Keeps an answer that came just now, in place of an older one under the same key. The newest 2,000 are
    /// kept, as far as they fit into 64 MB; one that alone does not fit is not kept at all.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn put_page(&self, key: &str, body: &str, link: Option<&str>) -> Result<(), StoreError> {
        let time = now();
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        sqlx::query!(
            "INSERT INTO hub_pages (key, body, link, size_bytes, fetched_at)
             VALUES (?1, ?2, ?3, octet_length(?2), ?4)
             ON CONFLICT (key) DO UPDATE
             SET body = excluded.body, link = excluded.link, size_bytes = excluded.size_bytes,
                 fetched_at = excluded.fetched_at",
            key,
            body,
            link,
            time
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        sqlx::query!(
            "DELETE FROM hub_pages WHERE key IN (
                 SELECT key FROM (
                     SELECT key, row_number() OVER newest AS place, sum(size_bytes) OVER newest AS bytes
                     FROM hub_pages
                     WINDOW newest AS (ORDER BY fetched_at DESC, key ROWS UNBOUNDED PRECEDING)
                 ) WHERE place > ? OR bytes > ?
             )",
            KEPT_PAGES,
            KEPT_BYTES
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        write.commit().await
    }
}
