//! The Hub and the downloads, which live as long as the open database that keeps them.

use std::sync::Arc;

use hearth_hub::transfer::{TransferLimits, Transfers};
use hearth_hub::{Hub, HubCache, HubConfig, Keychain, Timeouts};
use hearth_store::Store;

use crate::{App, ErrorCode, ErrorReport};

/// What reaches the internet.
#[derive(Clone)]
pub(crate) struct Online {
    pub(crate) hub: Hub,
    pub(crate) transfers: Transfers,
    pub(crate) cache: HubCache,
}

impl App {
    /// The Hub and the downloads.
    pub(crate) async fn online(&self) -> Result<Online, ErrorReport> {
        match &*self.online.read().await {
            Some(online) => Ok(online.clone()),
            None => Err(ErrorReport::new(
                ErrorCode::Internal,
                "Downloads are not ready. Mend what is wrong with the database, then try again.",
            )),
        }
    }

    /// Takes up the downloads of the last start.
    pub(crate) async fn go_online(&self, store: Store) -> Result<(), ErrorReport> {
        let mut online = self.online.write().await;
        if online.is_some() {
            return Ok(());
        }
        let named = self.config.hub_cache.clone().map(HubCache::at);
        let cache = named.or_else(HubCache::locate).ok_or_else(|| {
            let message = "There is no folder for models. Set HF_HOME to one, then start Hearth again.";
            ErrorReport::new(ErrorCode::FolderGone, message)
        })?;
        let hub = Hub::new(HubConfig {
            endpoint: match &self.config.hub_endpoint {
                Some(text) => HubConfig::endpoint(text)?,
                None => HubConfig::endpoint_from_env()?,
            },
            store: store.clone(),
            token: Arc::new(Keychain),
            timeouts: Timeouts::default(),
        })?;
        let limits = TransferLimits {
            bytes_per_second: self.settings().await?.bandwidth_limit_bytes,
            ..TransferLimits::default()
        };
        let transfers = Transfers::start(hub.clone(), store, cache.clone(), limits);
        *online = Some(Online {
            hub,
            transfers,
            cache,
        });
        drop(online);
        tokio::spawn(self.clone().watch_downloads());
        Ok(())
    }

    /// Stops what runs, to go on at the next start.
    pub(crate) async fn go_offline(&self) {
        let online = self.online.write().await.take();
        if let Some(online) = online
            && let Err(error) = online.transfers.shut_down().await
        {
            tracing::warn!(%error, "downloads did not stop in order; the next start goes on all the same");
        }
    }
}
