//! A repository's files, card and variants.

use hearth_fake_hub::{Content, Gate};
use hearth_hub::{Gated, HubError, Kind, RepoId, Revision, variants};

use crate::setup::{REPO, Setup, repo_id};

#[tokio::test]
async fn files_come_with_size_and_hash_at_one_commit() {
    let setup = Setup::new().await;
    let model = Content::generated(300_000, 7);
    let repo = setup
        .repo()
        .file("fox-Q8_0.gguf", model.clone())
        .licence("mit")
        .base_model("hearth-demo/fox")
        .gguf(1_000_000, "llama", 2048)
        .card("# Fox");
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    assert_eq!(told.commit.as_str(), repo.sha());
    assert_eq!(told.base_model, Some(RepoId::parse("hearth-demo/fox").unwrap()));
    assert_eq!(told.model.licence.as_deref(), Some("mit"));
    assert_eq!(told.model.parameters, Some(1_000_000));
    let file = |name: &str| told.files.iter().find(|file| file.path.as_str() == name).unwrap();
    assert_eq!(file("fox-Q8_0.gguf").size_bytes, 300_000);
    assert_eq!(file("fox-Q8_0.gguf").sha256, Some(model.sha256().unwrap()));
    assert_eq!(file("fox-Q8_0.gguf").etag(), model.sha256().unwrap());
    assert_eq!(file("README.md").sha256, None);
    assert_eq!(file("README.md").etag().len(), 40);
}

#[tokio::test]
async fn a_branch_and_an_old_commit_show_what_they_held() {
    let setup = Setup::new().await;
    let repo = setup.repo().file("old-Q8_0.gguf", "old").branch("v1");
    let old = repo.sha();
    repo.commit()
        .without("old-Q8_0.gguf")
        .file("new-Q8_0.gguf", "new");
    for name in ["v1", &old] {
        let revision = Revision::parse(name).unwrap();
        let told = setup.hub.repo(&repo_id(), Some(&revision)).await.unwrap();
        assert_eq!(told.commit.as_str(), old);
        assert_eq!(told.files[0].path.as_str(), "old-Q8_0.gguf");
    }
    let missing = Revision::parse("v2").unwrap();
    assert_eq!(
        setup.hub.repo(&repo_id(), Some(&missing)).await,
        Err(HubError::RevisionNotFound {
            repo: repo_id(),
            revision: missing
        })
    );
}

#[tokio::test]
async fn a_renamed_repository_is_found_under_its_old_name() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox");
    setup.fake.rename_repo(REPO, "hearth-demo/vixen-GGUF");
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    assert_eq!(told.model.id.as_str(), "hearth-demo/vixen-GGUF");
}

#[tokio::test]
async fn a_missing_repository_is_said_to_be_missing_although_the_status_is_401() {
    let setup = Setup::new().await;
    let error = setup.hub.repo(&repo_id(), None).await.unwrap_err();
    assert_eq!(error, HubError::RepoNotFound { repo: repo_id() });
    assert_eq!(setup.asked()[0].status, 401);
}

#[tokio::test]
async fn a_gated_repository_can_be_looked_at() {
    let setup = Setup::new().await;
    setup.repo().file("fox-Q8_0.gguf", "fox").gated(Gate::Auto);
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    assert_eq!(told.model.gated, Gated::Auto);
    assert_eq!(variants(&told).unwrap().len(), 1);
}

#[tokio::test]
async fn files_whose_names_no_disk_should_hold_are_left_out() {
    let setup = Setup::new().await;
    setup
        .repo()
        .file("../../.bashrc", "evil")
        .file("C:\\boot.gguf", "evil")
        .file("nul\0byte.gguf", "evil")
        .file("folder/con.gguf", "evil")
        .file(&format!("{}.gguf", "x".repeat(300)), "evil")
        .file("fox-Q8_0.gguf", "fox");
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let names: Vec<_> = told.files.iter().map(|file| file.path.as_str()).collect();
    assert!(!names.is_empty());
    assert!(
        names
            .iter()
            .all(|name| ["fox-Q8_0.gguf", "README.md"].contains(name)),
        "{names:?}"
    );
}

#[tokio::test]
async fn variants_are_files_or_whole_sets_of_shards() {
    let setup = Setup::new().await;
    let mut repo = setup.repo();
    for (name, size) in [
        ("fox-Q4_K_M.gguf", 400),
        ("fox-UD-Q4_K_XL.gguf", 450),
        ("Q8_0/fox-Q8_0-00002-of-00002.gguf", 300),
        ("Q8_0/fox-Q8_0-00001-of-00002.gguf", 500),
        ("BF16/fox-BF16-00001-of-00003.gguf", 500),
        ("BF16/fox-BF16-00003-of-00003.gguf", 500),
        ("mmproj-fox-F16.gguf", 100),
        ("imatrix.gguf", 10),
        ("fox.gguf", 900),
        ("notes.txt", 5),
    ] {
        repo = repo.file(name, Content::generated(size, size));
    }
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let variants = variants(&told).unwrap();
    let seen: Vec<_> = variants
        .iter()
        .map(|variant| (variant.name.as_str(), variant.size_bytes, variant.files.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("Q4_K_M", 400, 1),
            ("UD-Q4_K_XL", 450, 1),
            ("Q8_0", 800, 2),
            ("fox", 900, 1)
        ]
    );
    let shards: Vec<_> = variants[2].files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        shards,
        [
            "Q8_0/fox-Q8_0-00001-of-00002.gguf",
            "Q8_0/fox-Q8_0-00002-of-00002.gguf"
        ]
    );
}

#[tokio::test]
async fn two_files_of_one_quantisation_go_by_their_own_names() {
    let setup = Setup::new().await;
    setup
        .repo()
        .file("fox-small-Q8_0.gguf", "fox")
        .file("fox-large-Q8_0.gguf", "foxfox")
        .file("a/fox-Q4_0.gguf", "f")
        .file("b/fox-Q4_0.gguf", "fo");
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let names: Vec<_> = variants(&told)
        .unwrap()
        .into_iter()
        .map(|variant| variant.name)
        .collect();
    assert_eq!(
        names,
        ["a/fox-Q4_0", "b/fox-Q4_0", "fox-small-Q8_0", "fox-large-Q8_0"]
    );
}

#[tokio::test]
async fn safetensors_are_one_variant_with_what_is_read_beside_them() {
    let setup = Setup::new().await;
    let mut repo = setup.repo();
    for (name, size) in [
        ("model.safetensors-00002-of-00002.safetensors", 300),
        ("model.safetensors-00001-of-00002.safetensors", 500),
        ("model.safetensors.index.json", 9),
        ("config.json", 2),
        ("tokenizer.json", 4),
        ("consolidated.safetensors", 800),
        ("adapter_model.safetensors", 10),
        ("original/model.safetensors", 800),
        ("original/config.json", 2),
        ("modeling_fox.py", 5),
        ("fox-Q8_0.gguf", 400),
    ] {
        repo = repo.file(name, Content::generated(size, size));
    }
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let variants = variants(&told).unwrap();
    let [gguf, whole] = variants.as_slice() else {
        panic!("{variants:?}")
    };
    assert_eq!((gguf.kind, gguf.name.as_str()), (Kind::Gguf, "Q8_0"));
    assert_eq!((whole.kind, whole.size_bytes), (Kind::Safetensors, 815));
    let files: Vec<_> = whole.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        files,
        [
            "model.safetensors-00001-of-00002.safetensors",
            "model.safetensors-00002-of-00002.safetensors",
            "config.json",
            "tokenizer.json",
            "model.safetensors.index.json",
        ]
    );
}

#[tokio::test]
async fn files_of_uqff_are_one_variant_for_each_quantisation_with_what_they_share() {
    let names = async |files: &[&str]| {
        let setup = Setup::new().await;
        let shared = ["residual.safetensors", "config.json", "tokenizer.json"];
        let mut repo = setup.repo();
        for (size, name) in (1..).zip(files.iter().chain(&shared)) {
            repo = repo.file(name, Content::generated(size, size));
        }
        let told = setup.hub.repo(&repo_id(), None).await.unwrap();
        let variants = variants(&told).unwrap();
        let shown = variants.iter().map(|variant| {
            assert_eq!(variant.kind, Kind::Uqff);
            (variant.name.clone(), variant.files.len() - shared.len())
        });
        shown.collect::<Vec<_>>()
    };
    let one = |name: &str, parts| (name.to_owned(), parts);
    assert_eq!(
        names(&[
            "q4k-0.uqff",
            "q4k-1.uqff",
            "q8_0-0.uqff",
            "afq6-0.uqff",
            "hqq4-1.uqff"
        ])
        .await,
        [one("Q4_K", 2), one("Q8_0", 1), one("AFQ6", 1)],
        "the smallest first, and what lacks a part is none"
    );
    assert_eq!(
        names(&[
            "llama3.2-3b-instruct-q4k.uqff",
            "llama3.2-3b-instruct-f8e4m3.uqff",
            "mine.uqff"
        ])
        .await,
        [one("Q4_K", 1), one("F8E4M3", 1), one("MINE", 1)],
    );
    assert_eq!(
        names(&["fox-q4k.uqff", "hen-q4k.uqff"]).await,
        [one("fox-q4k", 1), one("hen-q4k", 1)]
    );
}

#[tokio::test]
async fn a_repository_without_a_whole_model_says_so() {
    let setup = Setup::new().await;
    setup
        .repo()
        .file("config.json", "{}")
        .file("model-00001-of-00002.safetensors", "s")
        .file("adapter_model.safetensors", "s");
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    assert_eq!(variants(&told), Err(HubError::NoModel { repo: repo_id() }));
}

#[tokio::test]
async fn the_card_comes_without_its_head_and_a_missing_one_is_empty() {
    let setup = Setup::new().await;
    setup
        .repo()
        .file("fox-Q8_0.gguf", "fox")
        .licence("mit")
        .card("# Fox\n\nQuick.");
    let card = setup.hub.card(&repo_id(), &setup.commit()).await.unwrap();
    assert_eq!(card, "# Fox\n\nQuick.");

    let bare = RepoId::parse("hearth-demo/bare-GGUF").unwrap();
    let sha = setup
        .fake
        .repo(bare.as_str())
        .file("bare-Q8_0.gguf", "bare")
        .sha();
    let card = setup.hub.card(&bare, &sha.parse().unwrap()).await.unwrap();
    assert_eq!(card, "");
}
