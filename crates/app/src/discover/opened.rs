//! The repositories that were opened last, so that comparing them asks the Hub for little twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hearth_engine::protocol::Quantisation;
use hearth_fit::Shape;
use hearth_hub::{Kind, Repo, RepoId, Variant, variants};

use crate::lock::lock;
use crate::{App, ErrorCode, ErrorReport};

/// Repos whose headers are remembered while the person compares.
const REMEMBERED: usize = 32;

/// A repo that was opened, and what its headers said.
pub(crate) struct OpenRepo {
    pub(crate) repo: Repo,
    pub(crate) variants: Vec<Variant>,
    /// By the variant's name.
    pub(super) shapes: Mutex<HashMap<String, Shape>>,
}

/// The repos that were opened last.
#[derive(Default)]
pub(crate) struct OpenRepos(Mutex<Vec<Arc<OpenRepo>>>);

impl App {
    /// The repo as it was opened, or as it is now.
    pub(crate) async fn opened(&self, id: &RepoId, anew: bool) -> Result<Arc<OpenRepo>, ErrorReport> {
        let known = self.open_repos.find(id);
        if let Some(open) = known.filter(|_| !anew) {
            return Ok(open);
        }
        let repo = self.online().await?.hub.repo(id, None).await?;
        let open = Arc::new(OpenRepo {
            variants: by_quantisation(variants(&repo)?),
            repo,
            shapes: Mutex::default(),
        });
        self.open_repos.remember(open.clone());
        Ok(open)
    }
}

impl OpenRepo {
    /// The quantisation of this name.
    pub(crate) fn variant(&self, name: &str) -> Result<&Variant, ErrorReport> {
        let found = self.variants.iter().find(|variant| variant.name == name);
        found.ok_or_else(|| {
            let message = format!(
                "{} has no quantisation {name}. Open its page again.",
                self.repo.model.id
            );
            ErrorReport::new(ErrorCode::NotFound, message)
        })
    }
}

impl OpenRepos {
    fn find(&self, id: &RepoId) -> Option<Arc<OpenRepo>> {
        let open = lock(&self.0);
        open.iter().find(|open| open.repo.model.id == *id).cloned()
    }

    fn remember(&self, opened: Arc<OpenRepo>) {
        let mut open = lock(&self.0);
        open.retain(|other| other.repo.model.id != opened.repo.model.id);
        open.push(opened);
        if open.len() > REMEMBERED {
            open.remove(0);
        }
    }
}

/// Safetensors once for every quantisation that they can be read with. One that the repository has as GGUF or UQFF is that: it is
/// the smaller download. One that it has as both is told apart. The smallest download first.
fn by_quantisation(variants: Vec<Variant>) -> Vec<Variant> {
    let (safetensors, mut ready): (Vec<_>, Vec<_>) = variants
        .into_iter()
        .partition(|variant| variant.kind == Kind::Safetensors);
    let gguf: Vec<String> = (ready.iter())
        .filter(|variant| variant.kind == Kind::Gguf)
        .map(|variant| variant.name.clone())
        .collect();
    let levels = safetensors.iter().flat_map(|whole| {
        let level = |level: &Quantisation| Variant {
            name: level.name().to_owned(),
            ..whole.clone()
        };
        Quantisation::ALL.iter().rev().map(level)
    });
    let new = |variant: &Variant| ready.iter().all(|known| known.name != variant.name);
    let levels: Vec<_> = levels.filter(new).collect();
    for variant in ready.iter_mut().filter(|variant| variant.kind == Kind::Uqff) {
        if gguf.contains(&variant.name) {
            variant.name += " (UQFF)";
        }
    }
    ready.extend(levels);
    ready.sort_by_key(|variant| variant.size_bytes);
    ready
}
