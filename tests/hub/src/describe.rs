//! Models and files as the Hub's JSON has them.

use serde_json::{Map, Value, json};

use crate::catalogue::{Gate, Repo, is_large};
use crate::content::{Content, hex};
use crate::refusal::Refusal;
use crate::resolve::pointer;
use sha1::{Digest, Sha1};

/// What a listing tells of each model unless it is asked for more.
pub(crate) const BRIEF: [&str; 10] = [
    "createdAt",
    "downloads",
    "id",
    "library_name",
    "likes",
    "modelId",
    "pipeline_tag",
    "private",
    "tags",
    "trendingScore",
];

/// What `full=true` adds to that.
pub(crate) const FULL: [&str; 7] = [
    "author",
    "disabled",
    "gated",
    "lastModified",
    "sha",
    "siblings",
    "cardData",
];

/// What `expand` may name. Properties that this Hub has nothing to say of are left out of replies.
const EXPANDABLE: [&str; 24] = [
    "author",
    "baseModels",
    "cardData",
    "childrenModelCount",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "gated",
    "gguf",
    "inference",
    "lastModified",
    "library_name",
    "likes",
    "model-index",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
    "trendingScore",
    "usedStorage",
];

/// Which properties a query asks for.
///
/// # Errors
/// 400 when it asks for `full` and `expand` both, or names a property that there is none of.
pub(crate) fn wanted<'a>(query: &'a [(String, String)], brief: &[&'a str]) -> Result<Vec<&'a str>, Refusal> {
    let expand: Vec<&str> = query
        .iter()
        .filter(|(key, _)| key == "expand" || key == "expand[]")
        .map(|(_, value)| value.as_str())
        .collect();
    let full = query
        .iter()
        .any(|(key, value)| key == "full" && matches!(value.as_str(), "true" | "1"));
    if full && !expand.is_empty() {
        return Err(Refusal::bad_request(
            "\"expand\" and \"full\" cannot be used together",
        ));
    }
    if let Some(unknown) = expand.iter().find(|name| !EXPANDABLE.contains(name)) {
        let message = format!(
            "\"expand\" must be one of [{}], not {unknown}",
            EXPANDABLE.join(", ")
        );
        return Err(Refusal::bad_request(message));
    }
    if !expand.is_empty() {
        return Ok(expand.into_iter().chain(["id", "modelId"]).collect());
    }
    let mut names = brief.to_vec();
    if full {
        names.extend(FULL);
    }
    Ok(names)
}

/// The properties of a model that are named in `wanted`.
pub(crate) fn model(repo: &Repo, wanted: &[&str]) -> Value {
    let mut all = Map::new();
    let gated = match repo.gate {
        Gate::Open => json!(false),
        Gate::Auto => json!("auto"),
        Gate::Manual => json!("manual"),
    };
    let siblings: Vec<Value> = repo
        .head
        .files
        .keys()
        .map(|path| json!({ "rfilename": path }))
        .collect();
    let used: u64 = repo.head.files.values().map(Content::size).sum();
    let properties = [
        ("id", json!(repo.id)),
        ("modelId", json!(repo.id)),
        ("author", json!(repo.author())),
        ("sha", json!(repo.head.sha)),
        ("createdAt", json!(repo.created)),
        ("lastModified", json!(repo.modified)),
        ("private", json!(false)),
        ("disabled", json!(false)),
        ("gated", gated),
        ("downloads", json!(repo.downloads)),
        ("downloadsAllTime", json!(repo.downloads.saturating_mul(7))),
        ("likes", json!(repo.likes)),
        ("trendingScore", json!(repo.trending)),
        ("tags", json!(repo.all_tags())),
        ("siblings", json!(siblings)),
        ("cardData", card_data(repo)),
        ("usedStorage", json!(used)),
    ];
    all.extend(
        properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some(task) = &repo.task {
        all.insert("pipeline_tag".to_owned(), json!(task));
    }
    if repo.tags.iter().any(|tag| tag == "transformers") {
        all.insert("library_name".to_owned(), json!("transformers"));
    }
    if let Some(gguf) = &repo.gguf {
        let facts = json!({
            "total": gguf.parameters,
            "architecture": gguf.architecture,
            "context_length": gguf.context_length,
        });
        all.insert("gguf".to_owned(), facts);
    }
    let facts = repo.safetensors.as_ref();
    if let Some(facts) = facts {
        let precisions = json!({ "BF16": facts.parameters });
        let told = json!({ "parameters": precisions, "total": facts.parameters });
        all.insert("safetensors".to_owned(), told);
    }
    if let Some(class) = facts.map(|facts| &facts.class).or(repo.class.as_ref()) {
        let mut config = json!({ "architectures": [class] });
        if let Some(method) = facts.and_then(|facts| facts.quantised_by.as_ref()) {
            config["quantization_config"] = json!({ "quant_method": method });
        }
        all.insert("config".to_owned(), config);
    }
    all.retain(|name, _| wanted.contains(&name.as_str()));
    // Twenty-four digits that name the repo whatever it is called.
    all.insert("_id".to_owned(), json!(hex(&Sha1::digest(&repo.id)[..12])));
    all.into()
}

fn card_data(repo: &Repo) -> Value {
    let mut data = Map::new();
    let mut tell = |key: &str, value: &Option<String>| {
        data.extend(value.iter().map(|value| (key.to_owned(), json!(value))));
    };
    tell("license", &repo.licence);
    tell("base_model", &repo.base_model);
    tell("pipeline_tag", &repo.task);
    if !repo.tags.is_empty() {
        data.insert("tags".to_owned(), json!(repo.tags));
    }
    data.into()
}

/// A file as `siblings` with `blobs=true` has it.
pub(crate) async fn sibling(path: &str, content: &Content) -> Result<Value, Refusal> {
    let mut file = json!({
        "rfilename": path,
        "size": content.size(),
        "blobId": git_name(path, content).await?,
    });
    if is_large(path, content) {
        let pointer_size = pointer(content).await?.len();
        file["lfs"] = json!({
            "sha256": content.hashes_soon().await?.sha256,
            "size": content.size(),
            "pointerSize": pointer_size,
        });
    }
    Ok(file)
}

/// A file as a tree and `paths-info` have it.
pub(crate) async fn tree_file(path: &str, content: &Content) -> Result<Value, Refusal> {
    let mut file = json!({
        "type": "file",
        "oid": git_name(path, content).await?,
        "size": content.size(),
        "path": path,
    });
    if is_large(path, content) {
        let hashes = content.hashes_soon().await?;
        let pointer_size = pointer(content).await?.len();
        file["lfs"] = json!({
            "oid": hashes.sha256,
            "size": content.size(),
            "pointerSize": pointer_size,
        });
        file["xetHash"] = json!(hashes.xet);
    }
    Ok(file)
}

/// A folder as a tree has it.
pub(crate) fn tree_folder(path: &str) -> Value {
    let oid = hex(&Sha1::digest(format!("tree {path}")));
    json!({ "type": "directory", "oid": oid, "size": 0, "path": path })
}

/// The sha1 of what git has of a file.
async fn git_name(path: &str, content: &Content) -> Result<String, Refusal> {
    if is_large(path, content) {
        let pointer = Content::from(pointer(content).await?);
        return Ok(pointer.hashes_soon().await?.git);
    }
    Ok(content.hashes_soon().await?.git)
}
