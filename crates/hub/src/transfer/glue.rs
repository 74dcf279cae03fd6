//! What the Hub's answers mean for a download.

use crate::token::Token;
use crate::{Hub, HubError, RepoId, RepoPath, Revision};
use reqwest::Response;

impl Hub {
    pub(crate) async fn token(&self) -> Result<Option<Token>, HubError> {
        let mut known = self.shared.token.lock().await;
        if let Some(token) = &*known {
            return Ok(token.clone());
        }
        let vault = std::sync::Arc::clone(&self.shared.vault);
        let token = tokio::task::spawn_blocking(move || vault.read())
            .await
            .unwrap_or(Ok(None))?;
        *known = Some(token.clone());
        Ok(token)
    }
    pub(crate) fn connection_error(&self, error: &reqwest::Error) -> HubError {
        let host = error
            .url()
            .and_then(|u| u.host_str())
            .unwrap_or_default()
            .to_owned();
        if error.is_timeout() {
            HubError::Timeout { host }
        } else {
            HubError::Offline {
                host,
                detail: format!("{error:?}"),
            }
        }
    }
    pub(crate) async fn refusal(
        &self,
        response: Response,
        repo: &RepoId,
        revision: &Revision,
        path: Option<&RepoPath>,
    ) -> HubError {
        let status = response.status();
        let pause = self
            .shared
            .gates
            .heed(response.url(), status == 429, response.headers());
        let code = response
            .headers()
            .get("x-error-code")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        match (status.as_u16(), code.as_str()) {
            (429, _) => HubError::RateLimited {
                retry_in: pause.unwrap_or_default(),
            },
            (500.., _) => HubError::Server {
                status: status.as_u16(),
            },
            (_, "GatedRepo") => HubError::Gated {
                repo: repo.clone(),
                page_url: self.page_url(repo),
                with_token: false,
            },
            (_, "RepoNotFound") => HubError::RepoNotFound { repo: repo.clone() },
            (_, "RevisionNotFound") => HubError::RevisionNotFound {
                repo: repo.clone(),
                revision: revision.clone(),
            },
            (404, _) => match path {
                Some(path) => HubError::EntryNotFound {
                    repo: repo.clone(),
                    path: path.clone(),
                },
                None => HubError::RepoNotFound { repo: repo.clone() },
            },
            _ => HubError::Refused {
                reason: status.to_string(),
            },
        }
    }
}
