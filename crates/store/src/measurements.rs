//! What models took on this computer, measured.

use crate::store::{now, whole};
use crate::{Store, StoreError};

/// How many measurements of one model on one machine are kept.
const KEPT: i64 = 50;

/// Something measured, to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMeasurement {
    /// What tells the model from others, wherever its files are.
    pub model_key: String,
    /// What tells the machine from others: a database may be carried to another one.
    pub machine_key: String,
    /// The context the model was loaded with, in tokens.
    pub context: u64,
    /// The most memory the worker held, in bytes.
    pub peak_bytes: Option<u64>,
    /// Speed of writing, in tokens per second. One that is not above zero is not kept.
    pub decode_tokens_per_second: Option<f64>,
    /// Speed of reading the prompt, in tokens per second. One that is not above zero is not kept.
    pub prompt_tokens_per_second: Option<f64>,
    /// How long loading took, in milliseconds.
    pub load_milliseconds: Option<u64>,
}

/// Something measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The context the model was loaded with, in tokens.
    pub context: u64,
    /// The most memory the worker held, in bytes.
    pub peak_bytes: Option<u64>,
    /// Speed of writing, in tokens per second.
    pub decode_tokens_per_second: Option<f64>,
    /// Speed of reading the prompt, in tokens per second.
    pub prompt_tokens_per_second: Option<f64>,
    /// How long loading took, in milliseconds.
    pub load_milliseconds: Option<u64>,
    /// When it was measured, in milliseconds since 1970.
    pub measured_at: i64,
}

impl Store {
    /// Keeps a measurement, and of its model on its machine the newest 50.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub async fn add_measurement(&self, new: NewMeasurement) -> Result<(), StoreError> {
        let time = now();
        let context = whole(new.context);
        let peak_bytes = new.peak_bytes.map(whole);
        let decode = new.decode_tokens_per_second.filter(|speed| is_speed(*speed));
        let prompt = new.prompt_tokens_per_second.filter(|speed| is_speed(*speed));
        let load_milliseconds = new.load_milliseconds.map(whole);
        let fault = |error| self.fault(error);
        let mut write = self.write().await?;
        sqlx::query!(
            "INSERT INTO measurements (model_key, machine_key, context, peak_bytes, decode_tokens_per_second,
                                       prompt_tokens_per_second, load_milliseconds, measured_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            new.model_key,
            new.machine_key,
            context,
            peak_bytes,
            decode,
            prompt,
            load_milliseconds,
            time
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        sqlx::query!(
            "DELETE FROM measurements WHERE model_key = ?1 AND machine_key = ?2 AND id NOT IN (
                 SELECT id FROM measurements WHERE model_key = ?1 AND machine_key = ?2 ORDER BY id DESC LIMIT ?3
             )",
            new.model_key,
            new.machine_key,
            KEPT
        )
        .execute(&mut *write)
        .await
        .map_err(fault)?;
        write.commit().await
    }

    /// What was measured of a model on a machine, the newest first.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn measurements(
        &self,
        model_key: &str,
        machine_key: &str,
    ) -> Result<Vec<Measurement>, StoreError> {
        let rows = sqlx::query!(
            "SELECT context, peak_bytes, decode_tokens_per_second, prompt_tokens_per_second, load_milliseconds,
                    measured_at
             FROM measurements WHERE model_key = ? AND machine_key = ? ORDER BY id DESC",
            model_key,
            machine_key
        )
        .fetch_all(self.readers())
        .await
        .map_err(|error| self.fault(error))?;
        let measurements = rows.into_iter().map(|row| Measurement {
            context: row.context.unsigned_abs(),
            peak_bytes: row.peak_bytes.map(i64::unsigned_abs),
            decode_tokens_per_second: row.decode_tokens_per_second,
            prompt_tokens_per_second: row.prompt_tokens_per_second,
            load_milliseconds: row.load_milliseconds.map(i64::unsigned_abs),
            measured_at: row.measured_at,
        });
        Ok(measurements.collect())
    }
}

fn is_speed(tokens_per_second: f64) -> bool {
    tokens_per_second.is_finite() && tokens_per_second > 0.0
}
