//! Who asks, and what they may read.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::catalogue::{Gate, Repo};
use crate::refusal::Refusal;

/// An account that a token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub name: String,
    /// Gated repos that let it in.
    pub let_in: BTreeSet<String>,
}

/// Accounts by their tokens.
#[derive(Default)]
pub(crate) struct Accounts(pub BTreeMap<String, Account>);

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Anonymous,
    /// Somebody with a token that the Hub never gave out.
    Stranger,
    Known(Account),
}

impl Accounts {
    pub fn caller(&self, headers: &HeaderMap) -> Caller {
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Caller::Anonymous;
        };
        let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let account = token.and_then(|token| self.0.get(token));
        account.map_or(Caller::Stranger, |account| Caller::Known(account.clone()))
    }
}

impl Caller {
    /// Whose share of requests this one comes out of. All strangers count as one.
    pub fn payer(&self) -> &str {
        match self {
            Self::Known(account) => &account.name,
            Self::Anonymous | Self::Stranger => "",
        }
    }

    /// Whether the files of `repo` are for this caller. Its listing is for everybody.
    pub fn may_read(&self, repo: &Repo) -> Result<(), Refusal> {
        match self {
            _ if repo.gate == Gate::Open => Ok(()),
            Self::Anonymous | Self::Stranger => Err(Refusal::gated_to_strangers(&repo.id)),
            Self::Known(account) if account.let_in.contains(&repo.id) => Ok(()),
            Self::Known(_) => Err(Refusal::gated_to_account(&repo.id)),
        }
    }
}
