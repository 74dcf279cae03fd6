//! A repo as a test writes it.

use std::sync::Arc;

use crate::catalogue::{Gate, GgufFacts, Repo, SafetensorsFacts};
use crate::content::Content;
use crate::state::State;

/// One repo, made or changed in place: every call takes effect at once, also while files of it are
/// being downloaded. From [`FakeHub::repo`](crate::FakeHub::repo).
///
/// A call changes the commit that `main` is at, without giving it a new sha, as long as
/// [`commit`](Self::commit) is not called.
pub struct RepoHandle {
    pub(crate) state: Arc<State>,
    pub(crate) id: String,
}

impl RepoHandle {
    fn edit(self, change: impl FnOnce(&mut Repo)) -> Self {
        let mut catalogue = self.state.catalogue.lock();
        let repo = catalogue
            .repos
            .entry(self.id.clone())
            .or_insert_with(|| Repo::new(&self.id));
        change(repo);
        repo.print_card();
        drop(catalogue);
        self
    }

    fn ask<T>(&self, question: impl FnOnce(&Repo) -> T) -> Option<T> {
        self.state.catalogue.lock().repos.get(&self.id).map(question)
    }

    /// Adds or replaces a file. One whose name ends in `.gguf`, or that is over 10 MB, is served by
    /// the CDN, any other by the Hub itself.
    pub fn file(self, path: &str, content: impl Into<Content>) -> Self {
        let content = content.into();
        self.edit(|repo| {
            repo.head.files.insert(path.to_owned(), content);
        })
    }

    /// Takes a file away.
    pub fn without(self, path: &str) -> Self {
        self.edit(|repo| {
            repo.head.files.remove(path);
        })
    }

    /// The model card's Markdown. Its YAML head is made from the licence, the base model, the task
    /// and the tags.
    pub fn card(self, markdown: &str) -> Self {
        self.edit(|repo| repo.card = Some(markdown.to_owned()))
    }

    /// The licence's name in the Hub's spelling, such as `apache-2.0`.
    pub fn licence(self, name: &str) -> Self {
        self.edit(|repo| repo.licence = Some(name.to_owned()))
    }

    /// The model that this one is a quantisation of.
    pub fn base_model(self, id: &str) -> Self {
        self.edit(|repo| repo.base_model = Some(id.to_owned()))
    }

    /// What the model is for, such as `text-generation`.
    pub fn task(self, task: &str) -> Self {
        self.edit(|repo| repo.task = Some(task.to_owned()))
    }

    /// Adds tags.
    pub fn tags<'a>(self, tags: impl IntoIterator<Item = &'a str>) -> Self {
        self.edit(|repo| repo.tags.extend(tags.into_iter().map(String::from)))
    }

    /// Downloads in the last 30 days.
    pub fn downloads(self, count: u64) -> Self {
        self.edit(|repo| repo.downloads = count)
    }

    /// Likes.
    pub fn likes(self, count: u64) -> Self {
        self.edit(|repo| repo.likes = count)
    }

    /// The score that "trending" is sorted by.
    pub fn trending(self, score: u64) -> Self {
        self.edit(|repo| repo.trending = score)
    }

    /// When it was made and when it was last changed, in ISO 8601 such as `2026-11-20T08:00:00.000Z`.
    pub fn dates(self, created: &str, modified: &str) -> Self {
        self.edit(|repo| {
            created.clone_into(&mut repo.created);
            modified.clone_into(&mut repo.modified);
        })
    }

    /// What the Hub tells of the repo's GGUF files.
    pub fn gguf(self, parameters: u64, architecture: &str, context_length: u64) -> Self {
        self.edit(|repo| {
            repo.gguf = Some(GgufFacts {
                parameters,
                architecture: architecture.to_owned(),
                context_length,
            });
        })
    }

    /// What the Hub tells of the repo's safetensors.
    pub fn safetensors(self, parameters: u64, class: &str, quantised_by: Option<&str>) -> Self {
        self.edit(|repo| {
            repo.safetensors = Some(SafetensorsFacts {
                parameters,
                class: class.to_owned(),
                quantised_by: quantised_by.map(str::to_owned),
            });
        })
    }

    /// The class in transformers that the Hub read from the repo's `config.json`, of whose weights it tells nothing.
    pub fn class(self, name: &str) -> Self {
        self.edit(|repo| repo.class = Some(name.to_owned()))
    }

    /// Gives the files only to accounts that are let in; see [`FakeHub::let_in`](crate::FakeHub::let_in).
    pub fn gated(self, gate: Gate) -> Self {
        self.edit(|repo| repo.gate = gate)
    }

    /// Moves `main` to a new commit, with the same files until they are changed. The commit before
    /// stays there for those who know its sha.
    pub fn commit(self) -> Self {
        self.edit(Repo::commit)
    }

    /// Names the present commit, as a branch or tag does.
    pub fn branch(self, name: &str) -> Self {
        self.edit(|repo| {
            repo.branches.insert(name.to_owned(), repo.head.sha.clone());
        })
    }

    /// Forgets every commit but the present one, as a force-push does.
    pub fn forget_history(self) -> Self {
        self.edit(|repo| repo.history.clear())
    }

    /// The sha of the commit that `main` is at; empty when the repo was removed meanwhile.
    pub fn sha(&self) -> String {
        self.ask(|repo| repo.head.sha.clone()).unwrap_or_default()
    }

    /// What a file of the present commit holds.
    pub fn content(&self, path: &str) -> Option<Content> {
        self.ask(|repo| repo.head.files.get(path).cloned()).flatten()
    }
}
