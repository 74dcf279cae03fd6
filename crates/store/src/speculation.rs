//! How models speculate, and what that was measured to bring.

use crate::store::now;
use crate::{Store, StoreError};

/// A model, the draft beside it, and the machine.
#[derive(Clone, Debug)]
pub struct SpeculationKey {
    /// What tells the model from others, wherever its files are.
    pub model: String,
    /// The same of the model that drafts; `None` where the text alone does.
    pub draft: Option<String>,
    /// What tells the machine from others.
    pub machine: String,
}

/// The speed of the same replies without drafts and with them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeculationMeasurement {
    /// Without, in tokens per second.
    pub plain_tokens_per_second: f64,
    /// With, in tokens per second.
    pub tokens_per_second: f64,
    /// When it was measured, in milliseconds since 1970.
    pub measured_at: i64,
}

impl Store {
    /// Sets whether a model's replies are speculated, and which model drafts for it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where either is not known.
    pub async fn set_speculation(
        &self,
        model: &str,
        speculates: bool,
        draft: Option<&str>,
    ) -> Result<(), StoreError> {
        for id in [Some(model), draft].into_iter().flatten() {
            self.model(id).await?;
        }
        sqlx::query!(
            "UPDATE models SET speculates = ?, draft_id = ? WHERE id = ?",
            speculates,
            draft,
            model
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        Ok(())
    }

    /// Keeps what was measured, in place of what was measured before.
    ///
    /// # Errors
    /// Where the database cannot be written; speeds that are not above zero cannot.
    pub async fn keep_speculation_measurement(
        &self,
        key: &SpeculationKey,
        plain_tokens_per_second: f64,
        tokens_per_second: f64,
    ) -> Result<(), StoreError> {
        let (draft, time) = (key.draft.as_deref().unwrap_or_default(), now());
        sqlx::query!(
            "INSERT INTO speculation_measurements
                 (model_key, draft_key, machine_key, plain_tokens_per_second, tokens_per_second, measured_at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE
             SET plain_tokens_per_second = excluded.plain_tokens_per_second,
                 tokens_per_second = excluded.tokens_per_second, measured_at = excluded.measured_at",
            key.model,
            draft,
            key.machine,
            plain_tokens_per_second,
            tokens_per_second,
            time
        )
        .execute(self.writer())
        .await
        .map_err(|error| self.fault(error))?;
        Ok(())
    }

    /// What was measured last; `None` where nothing was.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn speculation_measurement(
        &self,
        key: &SpeculationKey,
    ) -> Result<Option<SpeculationMeasurement>, StoreError> {
        let draft = key.draft.as_deref().unwrap_or_default();
        sqlx::query_as!(
            SpeculationMeasurement,
            "SELECT plain_tokens_per_second, tokens_per_second, measured_at FROM speculation_measurements
             WHERE model_key = ? AND draft_key = ? AND machine_key = ?",
            key.model,
            draft,
            key.machine
        )
        .fetch_optional(self.readers())
        .await
        .map_err(|error| self.fault(error))
    }
}
