//! Settings, each a JSON value under a key.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Store, StoreError};

impl Store {
    /// A setting; none where it was never set, and where another version set it to what this one cannot
    /// read: a default is better than an app that does not start.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let value = sqlx::query_scalar!("SELECT value FROM settings WHERE key = ?", key)
            .fetch_optional(self.readers())
            .await
            .map_err(|error| self.fault(error))?;
        Ok(value.and_then(|value| {
            serde_json::from_str(&value)
                .inspect_err(
                    |error| tracing::warn!(key, %error, "a setting cannot be read; its default holds"),
                )
                .ok()
        }))
    }

    /// Keeps a setting.
    ///
    /// # Errors
    /// Where the database cannot be written, or `value` cannot be written as JSON.
    pub async fn set_setting<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        let value = serde_json::to_string(value).map_err(|error| StoreError::Other {
            path: self.path().to_path_buf(),
            detail: format!("the setting {key} cannot be written as JSON: {error}"),
        })?;
        sqlx::query!(
            "INSERT INTO settings (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            key,
            value
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        Ok(())
    }
}
