//! Models of UQFF, mistral.rs' own files.

use std::collections::BTreeMap;

use hearth_fake_hub::FakeHub;
use serde_json::Value;

use crate::safetensors::with_safetensors;
use crate::{FOX, Place, found, hub, judged, walk};

/// A repository of UQFF, of two quantisations of one model: what Hearth itself keeps, published.
async fn with_uqff(hub: &FakeHub) {
    with_safetensors(hub);
    let place = Place::near(&hub.url);
    let mut files = BTreeMap::new();
    for level in ["Q8_0", "Q4_K"] {
        place.json(&["pull", &format!("hearth-demo/Fox:{level}")]).await;
        place.json(&["keep", "Fox"]).await;
        let kept = walk(&place.folder.path().join("data/quantised"));
        files.extend(kept.into_iter().map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(path).unwrap())
        }));
    }
    let mut repo = hub
        .repo("hearth-demo/Fox-UQFF")
        .tags(["uqff", "mistral.rs"])
        .class("Qwen3ForCausalLM");
    for (name, bytes) in files {
        repo = repo.file(&name, bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_of_uqff_is_found_shows_its_quantisations_and_they_share_what_they_share() {
    let hub = hub().await;
    with_uqff(&hub).await;
    let place = Place::near(&hub.url);
    let page = place.json(&["search", "fox-uqff"]).await;
    assert_eq!(found(&page), ["hearth-demo/Fox-UQFF"]);
    assert_eq!(
        page["models"][0]["verdict"],
        Value::Null,
        "the Hub does not tell how large it is"
    );
    let page = place.json(&["fit", "hearth-demo/Fox-UQFF"]).await;
    assert_eq!(judged(&page), [("Q8_0", "fits", true), ("Q4_K", "fits", false)]);
    for level in ["Q8_0", "Q4_K"] {
        place
            .json(&["pull", &format!("hearth-demo/Fox-UQFF:{level}")])
            .await;
    }
    hub.go_offline().await;
    let says = async |name: &str| {
        let output = place.hearth(&["chat", name, "-q", "What do you say?"]).await;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    for name in ["Fox-UQFF Q8_0", "Fox-UQFF Q4_K"] {
        assert_eq!(says(name).await, FOX);
    }
    // What both need goes with the last of them.
    let cache = place.folder.path().join("huggingface");
    place.json(&["rm", "Fox-UQFF Q8_0"]).await;
    assert_eq!(says("Fox-UQFF Q4_K").await, FOX);
    let first = walk(&cache).len();
    place.json(&["rm", "Fox-UQFF Q4_K"]).await;
    let left = walk(&cache);
    assert!(left.len() < first, "{left:?}");
    assert!(
        left.iter().all(|path| !path.ends_with("residual.safetensors")),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uqff_of_a_class_that_the_engine_reads_in_other_forms_alone_is_said_not_to_run() {
    let hub = FakeHub::start().await;
    hub.repo("hearth-demo/Seer-UQFF")
        .tags(["uqff", "mistral.rs"])
        .class("GptOssForCausalLM")
        .file("q8_0-0.uqff", "of no matter");
    let place = Place::near(&hub.url);
    let page = place.json(&["search", "seer"]).await;
    assert_eq!(page["models"][0]["verdict"], "engineCannot");
    let output = place.hearth(&["search", "seer"]).await.stdout;
    let words = String::from_utf8(output).unwrap();
    assert!(
        words.contains("hearth-demo/Seer-UQFF  ?     cannot run"),
        "{words}"
    );
}
