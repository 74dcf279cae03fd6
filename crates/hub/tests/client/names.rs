//! Names from outside, before they become part of an address or of a path.

use std::path::{Component, Path};

use hearth_hub::{Commit, HubCache, HubError, NameKind, RepoId, RepoPath, Revision};
use proptest::prelude::*;

#[test]
fn names_that_the_hub_gives_are_taken() {
    for name in [
        "Qwen/Qwen3-8B-GGUF",
        "bartowski/Llama-3.2-1B-Instruct_GGUF",
        "a/b",
        "01-ai/Yi-1.5",
    ] {
        assert_eq!(RepoId::parse(name).unwrap().as_str(), name);
    }
    for name in [
        "README.md",
        "UD-Q4_K_XL/model-00001-of-00002.gguf",
        "a b (1).gguf",
        "größe.gguf",
        "console.gguf",
    ] {
        assert_eq!(RepoPath::parse(name).unwrap().as_str(), name);
    }
    for name in [
        "main",
        "refs/pr/1",
        "v1.0",
        "0123456789abcdef0123456789abcdef01234567",
    ] {
        assert_eq!(Revision::parse(name).unwrap().as_str(), name);
    }
}

#[test]
fn names_that_mean_harm_are_refused() {
    let long = "x".repeat(300);
    for name in [
        "",
        "gpt2",
        "a/b/c",
        "../b",
        "a/..",
        "a/.",
        ".a/b",
        "a/b.git",
        "a--b/c",
        "a/b\0",
        "a/b c",
        "a/ü",
        "a/%2e",
        "a\\b/c",
        &format!("a/{long}"),
        "/b",
        "a/",
        "https://huggingface.co/a/b",
    ] {
        assert!(RepoId::parse(name).is_err(), "{name:?}");
    }
    for name in [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "C:/x",
        "c:x",
        "a\\b",
        "a\0b",
        "a\nb",
        "NUL",
        "com1.gguf",
        "a/Con/b",
        "LPT9 .txt",
        "end.",
        "end ",
        "a?b",
        "a*b",
        &long,
        &"a/".repeat(600),
        "a/",
    ] {
        assert!(RepoPath::parse(name).is_err(), "{name:?}");
    }
    for name in [
        "", "..", "a/../b", "/main", "main/", ".hidden", "a b", "a?b", "a\0", "a\\b", &long,
    ] {
        assert!(Revision::parse(name).is_err(), "{name:?}");
    }
    for name in [
        "",
        "main",
        &"A".repeat(40),
        &"a".repeat(39),
        &"a".repeat(41),
        &"g".repeat(40),
    ] {
        assert!(Commit::parse(name).is_err(), "{name:?}");
    }
}

#[test]
fn a_refusal_shows_the_beginning_and_makes_control_characters_visible() {
    let error = RepoPath::parse(&format!("a\u{1b}[2J{}", "x".repeat(3000))).unwrap_err();
    let HubError::BadName { kind, name, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*kind, NameKind::File);
    assert!(
        name.starts_with("a\\u{1b}[2Jxxx") && name.ends_with('…'),
        "{name}"
    );
    assert!(error.to_string().len() < 250);
}

#[test]
fn names_are_parsed_wherever_they_are_read() {
    assert!(serde_json::from_str::<RepoId>("\"../etc\"").is_err());
    assert!(serde_json::from_str::<RepoPath>("\"../etc\"").is_err());
    let id: RepoId = serde_json::from_str("\"a/b\"").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"a/b\"");
}

proptest! {
    #[test]
    fn no_name_leaves_the_cache(
        repo in "[a-zA-Z0-9._/-]{1,12}",
        file in prop_oneof![".{0,40}", "[a-z./\\\\:]{0,16}"],
        revision in "[a-z./]{1,10}",
    ) {
        let cache = HubCache::at("/cache");
        let inside = |path: &Path| {
            path.starts_with("/cache") && path.components().skip(1).all(|part| matches!(part, Component::Normal(_)))
        };
        let commit = Commit::parse(&"a".repeat(40)).unwrap();
        if let Ok(repo) = RepoId::parse(&repo) {
            let folder = cache.repo(&repo);
            prop_assert_eq!(folder.parent(), Some(Path::new("/cache")));
            if let Ok(file) = RepoPath::parse(&file) {
                let path = cache.snapshot_file(&repo, &commit, &file);
                prop_assert!(inside(&path) && path.starts_with(cache.snapshot(&repo, &commit)), "{:?}", path);
            }
            if let Ok(revision) = Revision::parse(&revision) {
                let path = cache.reference(&repo, &revision);
                prop_assert!(inside(&path) && path.starts_with(folder.join("refs")), "{:?}", path);
            }
        }
    }

    #[test]
    fn two_repositories_never_share_a_folder(a in "[a-c._-]{1,3}/[a-c._-]{1,5}", b in "[a-c._-]{1,5}/[a-c._-]{1,3}") {
        if let (Ok(one), Ok(other)) = (RepoId::parse(&a), RepoId::parse(&b)) {
            let cache = HubCache::at("/cache");
            prop_assert_eq!(one == other, cache.repo(&one) == cache.repo(&other));
        }
    }
}
