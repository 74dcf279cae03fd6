//! One repository at one commit: what it is, and its files.

use serde::{Deserialize, Serialize};

use crate::model::Listed;
use crate::pages::{Page, parse};
use crate::refusal::Asked;
use crate::request::{Get, Wanted};
use crate::search::LONGEST_JSON;
use crate::tls::host;
use crate::{Commit, Hub, HubError, HubModel, RepoId, RepoPath, Revision};

/// A repository at one commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Repo {
    /// What the list says of it. Its id is the present one, also where an older one led here.
    #[serde(flatten)]
    pub model: HubModel,
    /// The commit that the files are of.
    pub commit: Commit,
    /// The model that this one was made from.
    pub base_model: Option<RepoId>,
    /// The files, in the Hub's order.
    pub files: Vec<RepoFile>,
    /// When this was told, in milliseconds since 1970; some only where the Hub is out of reach.
    #[serde(skip)]
    pub cached_at: Option<i64>,
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepoFile {
    /// Its path.
    pub path: RepoPath,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The sha256 of its bytes in lower-case hexadecimal: large files have one, small ones are in git.
    pub sha256: Option<String>,
    /// The hash of its git object: of a small file's bytes, of a large file's pointer.
    pub oid: String,
}

impl RepoFile {
    /// The name of its blob in the cache, which is also the Hub's ETag for it.
    pub fn etag(&self) -> &str {
        self.sha256.as_deref().unwrap_or(&self.oid)
    }
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    listed: Listed,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Hub {
    /// A repository with its files, at a branch, tag or commit; `main` where none is named.
    ///
    /// # Errors
    /// [`HubError::RepoNotFound`], [`HubError::RevisionNotFound`], and whatever keeps the Hub from answering, where it
    /// never answered this question before.
    pub async fn repo(&self, id: &RepoId, revision: Option<&Revision>) -> Result<Repo, HubError> {
        let revision = revision.cloned().unwrap_or_else(Revision::main);
        let mut url = self.url([
            "api",
            "models",
            id.owner(),
            id.name(),
            "revision",
            revision.as_str(),
        ]);
        // Sizes and hashes come with the same answer as the rest, so that all are of one commit.
        url.set_query(Some("blobs=true"));
        let fetch = async {
            let get = Get {
                url: url.clone(),
                body: Wanted::Whole(LONGEST_JSON),
                asked: Asked {
                    repo: Some(id.clone()),
                    revision: Some(revision.clone()),
                    path: None,
                },
                token: None,
            };
            let answer = self.ask(&get).await?;
            let told: Told = parse(&answer, &url)?;
            let files: Vec<_> = told.siblings.into_iter().filter_map(read).collect();
            let base_model = told.listed.base_model();
            let model = told.listed.model();
            let commit = model.sha.clone().ok_or_else(|| HubError::BadAnswer {
                host: host(&url),
                detail: "it names no commit".to_owned(),
            })?;
            Ok(Repo {
                model,
                commit,
                base_model,
                files,
                cached_at: None,
            })
        };
        let Page { value, cached_at } = self
            .page(&format!("repo {url}"), self.shared.timeouts.fresh, fetch)
            .await?;
        Ok(Repo { cached_at, ..value })
    }
}

/// A file whose name no disk should hold, or without a size or hash, is left out; the others are still of use.
fn read(told: Sibling) -> Option<RepoFile> {
    let path = RepoPath::parse(&told.rfilename)
        .inspect_err(|error| tracing::warn!(%error, "a file of the repository is left out"))
        .ok()?;
    let hexadecimal = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let (sha256, size) = match told.lfs {
        Some(lfs) => (Some(lfs.sha256), Some(lfs.size)),
        None => (None, told.size),
    };
    let oid = told.blob_id.unwrap_or_default();
    let sound = match &sha256 {
        Some(sha256) => hexadecimal(sha256, 64),
        None => hexadecimal(&oid, 40),
    };
    let size_bytes = size.filter(|_| sound);
    if size_bytes.is_none() {
        tracing::warn!(%path, "a file of the repository has no size or hash and is left out");
    }
    Some(RepoFile {
        path,
        size_bytes: size_bytes?,
        sha256,
        oid,
    })
}
