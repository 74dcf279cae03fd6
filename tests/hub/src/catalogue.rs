//! Every repo, its files at each commit, and what is told of it.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};

use crate::content::{Content, hex};

/// Bytes above which a file of any name is stored outside git.
pub(crate) const LARGEST_IN_GIT: u64 = 10 * 1024 * 1024;

/// Endings that a model repo's `.gitattributes` stores outside git, however small the file.
const STORED_OUTSIDE: [&str; 10] = [
    "bin",
    "gguf",
    "gz",
    "model",
    "npz",
    "onnx",
    "parquet",
    "pt",
    "safetensors",
    "zip",
];

/// Whether a file is stored outside git, and so served by the CDN.
pub(crate) fn is_large(path: &str, content: &Content) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    STORED_OUTSIDE.contains(&ending) || content.size() > LARGEST_IN_GIT
}

/// Who is given the files of a repo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    /// Everybody.
    #[default]
    Open,
    /// Every account that accepts the terms.
    Auto,
    /// The accounts that the authors let in.
    Manual,
}

/// What the Hub read from a repo's GGUF files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufFacts {
    /// Weights in the model.
    pub parameters: u64,
    /// The architecture's name, such as `llama`.
    pub architecture: String,
    /// Tokens that the model was trained to look back on.
    pub context_length: u64,
}

/// What the Hub read from a repo's safetensors and its `config.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetensorsFacts {
    /// Weights in the model.
    pub parameters: u64,
    /// The class in transformers, such as `LlamaForCausalLM`.
    pub class: String,
    /// How they were quantised before they were published, such as `gptq`.
    pub quantised_by: Option<String>,
}

/// The files of a repo at one commit.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub sha: String,
    pub files: BTreeMap<String, Content>,
}

/// A repo and what is told of it.
#[derive(Clone, Debug)]
pub(crate) struct Repo {
    /// `org/name`.
    pub id: String,
    pub head: Revision,
    /// Commits before the head, the oldest first.
    pub history: Vec<Revision>,
    /// Names of commits besides `main`.
    pub branches: BTreeMap<String, String>,
    pub gate: Gate,
    pub licence: Option<String>,
    pub card: Option<String>,
    pub base_model: Option<String>,
    pub task: Option<String>,
    pub tags: Vec<String>,
    pub downloads: u64,
    pub likes: u64,
    pub trending: u64,
    /// ISO 8601, as are all moments that the Hub tells.
    pub created: String,
    pub modified: String,
    pub gguf: Option<GgufFacts>,
    pub safetensors: Option<SafetensorsFacts>,
    /// What its `config.json` says of it, where nothing is told of safetensors.
    pub class: Option<String>,
    commits: u64,
}

impl Repo {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            head: Revision {
                sha: sha_of_commit(id, 0),
                files: BTreeMap::new(),
            },
            history: Vec::new(),
            branches: BTreeMap::new(),
            gate: Gate::Open,
            licence: None,
            card: None,
            base_model: None,
            task: None,
            tags: Vec::new(),
            downloads: 0,
            likes: 0,
            trending: 0,
            created: "2026-01-01T00:00:00.000Z".to_owned(),
            modified: "2026-01-01T00:00:00.000Z".to_owned(),
            gguf: None,
            safetensors: None,
            class: None,
            commits: 0,
        }
    }

    /// The part of the id before the slash.
    pub fn author(&self) -> &str {
        self.id.split_once('/').map_or("", |(author, _)| author)
    }

    /// The files at a commit, or at a branch.
    pub fn revision(&self, name: &str) -> Option<&Revision> {
        let sha = self.branches.get(name).map_or(name, String::as_str);
        if sha == "main" || sha == self.head.sha {
            return Some(&self.head);
        }
        self.history.iter().find(|revision| revision.sha == sha)
    }

    /// Keeps the files as they are under the present sha, and goes on under a new one.
    pub fn commit(&mut self) {
        self.commits += 1;
        let sha = sha_of_commit(&self.id, self.commits);
        let files = self.head.files.clone();
        self.history
            .push(std::mem::replace(&mut self.head, Revision { sha, files }));
    }

    /// Tags as the Hub lists them: the repo's own, and those made from what its card says.
    pub fn all_tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        for kind in ["gguf", "safetensors"] {
            let of_kind = |path: &String| path.rsplit_once('.').is_some_and(|(_, ending)| ending == kind);
            if self.head.files.keys().any(of_kind) {
                tags.push(kind.to_owned());
            }
        }
        tags.extend(self.task.clone());
        tags.extend(self.tags.iter().cloned());
        tags.extend(self.licence.iter().map(|licence| format!("license:{licence}")));
        if let Some(base) = &self.base_model {
            tags.push(format!("base_model:{base}"));
            tags.push(format!("base_model:quantized:{base}"));
        }
        tags.push("region:us".to_owned());
        tags
    }

    /// Writes the card anew, with its YAML head.
    pub fn print_card(&mut self) {
        let Some(card) = &self.card else { return };
        let mut head = String::new();
        for (key, value) in [
            ("license", &self.licence),
            ("base_model", &self.base_model),
            ("pipeline_tag", &self.task),
        ] {
            head.extend(value.iter().map(|value| format!("{key}: {value}\n")));
        }
        if !self.tags.is_empty() {
            head.push_str("tags:\n");
            head.extend(self.tags.iter().map(|tag| format!("- {tag}\n")));
        }
        let readme = format!("---\n{head}---\n{card}");
        self.head.files.insert("README.md".to_owned(), readme.into());
    }
}

/// Forty hexadecimal digits, as a git commit has.
fn sha_of_commit(id: &str, number: u64) -> String {
    hex(&Sha1::digest(format!("commit {number} of {id}")))
}

/// All repos, and where those went that were renamed.
#[derive(Default)]
pub(crate) struct Catalogue {
    pub repos: BTreeMap<String, Repo>,
    pub renamed: BTreeMap<String, String>,
}

/// What an id leads to.
pub(crate) enum Lookup {
    Found(Box<Repo>),
    /// The id under which the repo is to be asked for.
    Elsewhere(String),
    Missing,
}

impl Catalogue {
    pub fn look_up(&self, id: &str) -> Lookup {
        if let Some(repo) = self.repos.get(id) {
            return Lookup::Found(Box::new(repo.clone()));
        }
        if let Some(new) = self.renamed.get(id) {
            return Lookup::Elsewhere(new.clone());
        }
        let other_case = self.repos.keys().find(|known| known.eq_ignore_ascii_case(id));
        other_case.map_or(Lookup::Missing, |known| Lookup::Elsewhere(known.clone()))
    }

    /// Moves `main` of the repo that `path` is about to a new commit in which every large file has
    /// other bytes, as many as before.
    pub fn move_on(&mut self, path: &str) {
        let about = |id: &str| path.contains(&format!("/{id}/")) || path.ends_with(&format!("/{id}"));
        let Some(repo) = self.repos.values_mut().find(|repo| about(&repo.id)) else {
            return;
        };
        repo.commit();
        // Away from the small numbers that tests choose.
        let seed = u64::MAX - repo.commits;
        for (path, content) in &mut repo.head.files {
            if is_large(path, content) {
                *content = Content::generated(content.size(), seed);
            }
        }
    }
}
