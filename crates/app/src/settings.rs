//! What the person can set.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{App, ComputeOn, ErrorCode, ErrorReport};

const KEY: &str = "settings";
/// A day: beyond it, "never" says it better.
const LONGEST_IDLE_MINUTES: u32 = 24 * 60;
/// Bytes/s. Below it a segment looks stalled.
const LEAST_BANDWIDTH: u64 = 10_000;
/// One block of mistral.rs' KV cache, in tokens.
const LEAST_CONTEXT: usize = 512;

/// What the person can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Minutes without a question after which the model leaves memory; `None`: never.
    pub idle_unload_minutes: Option<u32>,
    /// Bytes a second that all downloads together may take; `None`: no limit.
    #[ts(type = "number | null")]
    pub bandwidth_limit_bytes: Option<u64>,
    /// The context to load models with, in tokens; `None`: the engine's choice.
    #[ts(type = "number | null")]
    pub context: Option<usize>,
    /// Threads that compute; `None`: as many as there are physical cores.
    #[ts(type = "number | null")]
    pub threads: Option<usize>,
    /// What models compute on.
    pub compute_on: ComputeOn,
    /// Whether models think before they answer, where they can do both.
    pub think: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            idle_unload_minutes: Some(15),
            bandwidth_limit_bytes: None,
            context: None,
            threads: None,
            compute_on: ComputeOn::Automatic,
            think: false,
        }
    }
}

impl Settings {
    pub(crate) fn idle_unload(&self) -> Option<Duration> {
        self.idle_unload_minutes
            .map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    }
}

impl App {
    /// The settings; their defaults where nothing is set.
    ///
    /// # Errors
    /// The store's.
    pub async fn settings(&self) -> Result<Settings, ErrorReport> {
        Ok(self.store().await?.setting(KEY).await?.unwrap_or_default())
    }

    /// Keeps and applies the settings.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`], or the store's.
    pub async fn set_settings(&self, settings: Settings) -> Result<Settings, ErrorReport> {
        if settings
            .idle_unload_minutes
            .is_some_and(|minutes| !(1..=LONGEST_IDLE_MINUTES).contains(&minutes))
        {
            let message = "The time before a model is unloaded must be between one minute and a day.";
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        if settings
            .bandwidth_limit_bytes
            .is_some_and(|limit| limit < LEAST_BANDWIDTH)
        {
            let message = "Downloads need at least 10 kB a second. Pause them instead.";
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        if settings.context.is_some_and(|context| context < LEAST_CONTEXT) {
            let message = "A chat needs a context of at least 512 tokens.";
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if settings
            .threads
            .is_some_and(|threads| !(1..=cores).contains(&threads))
        {
            let message =
                format!("This computer computes on 1 to {cores} threads at once. Choose a number of those.");
            return Err(ErrorReport::new(ErrorCode::InvalidInput, message));
        }
        self.store().await?.set_setting(KEY, &settings).await?;
        if let Ok(online) = self.online().await {
            online.transfers.set_limit(settings.bandwidth_limit_bytes);
        }
        self.engine.set_idle_unload(settings.idle_unload());
        self.change_threads(settings.threads).await?;
        self.change_devices(&settings.compute_on).await;
        Ok(settings)
    }
}
