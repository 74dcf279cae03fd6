//! Models of safetensors: quantised to what was asked, kept so, or refused.

use hearth_fake_hub::{Content, FakeHub};
use hearth_fixtures::{ModelFile, Script};
use serde_json::Value;

use crate::{FOX, Place, REPO, hub};

/// The same model as its makers saved it, beside the files that such repositories have as well.
pub fn with_safetensors(hub: &FakeHub) {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelFile::scripted(&Script::saying(FOX).unwrap());
    let weights = std::fs::read(model.write_safetensors(folder.path()).unwrap()).unwrap();
    let mut repo = hub
        .repo("hearth-demo/Fox")
        .tags(["transformers", "conversational"])
        .safetensors(1_000_000, "LlamaForCausalLM", None)
        .file("model.safetensors", weights)
        .file("consolidated.safetensors", "once more")
        .file("tokenizer.model", "another form");
    for (name, text) in model.safetensors_companions() {
        repo = repo.file(name, text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_safetensors_goes_the_same_way_and_is_quantised_to_what_was_asked() {
    let hub = hub().await;
    with_safetensors(&hub);
    let place = Place::near(&hub.url);

    let page = place.json(&["search", "fox"]).await;
    let mut found: Vec<_> = page["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| (model["id"].as_str().unwrap(), model["verdict"].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("hearth-demo/Fox", "fits"), (REPO, "fits")]);

    let page = place.json(&["fit", "hearth-demo/Fox"]).await;
    let variants: Vec<_> = page["variants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variant| (variant["name"].as_str().unwrap(), variant["recommended"] == true))
        .collect();
    assert_eq!(
        variants,
        [("Q8_0", true), ("Q4_K", false), ("Q5_K", false), ("Q6_K", false)],
        "the best for this computer comes first"
    );

    let download = place.json(&["pull", "hearth-demo/Fox:Q5_K"]).await;
    assert_eq!(
        (&download["state"], &download["variant"]),
        (&"done".into(), &"Q5_K".into())
    );
    let ours = |library: Value| {
        let mut entries = library.as_array().unwrap().clone();
        entries.retain(|entry| entry["repo"] == "hearth-demo/Fox");
        let [entry] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        entry.clone()
    };
    let entry = ours(place.json(&["list"]).await);
    assert_eq!(
        (&entry["model"]["name"], &entry["quantisation"]),
        (&"Fox".into(), &"Q5_K".into())
    );

    // Another quantisation of what is here needs no second download.
    hub.forget_requests();
    place.json(&["pull", "hearth-demo/Fox:Q4_K"]).await;
    let weights = hub
        .requests()
        .into_iter()
        .filter(|asked| asked.path.ends_with("model.safetensors"));
    assert_eq!(weights.count(), 0);
    assert_eq!(ours(place.json(&["list"]).await)["quantisation"], "Q4_K");

    hub.go_offline().await;
    let output = place.hearth(&["chat", "Fox", "-q", "What do you say?"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), FOX);
    let removed = place.json(&["rm", "Fox"]).await;
    assert_eq!(removed["freedBytes"], entry["model"]["sizeBytes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_kept_quantised_and_answers_from_its_copy() {
    let hub = hub().await;
    with_safetensors(&hub);
    let place = Place::near(&hub.url);
    place.json(&["pull", "hearth-demo/Fox:Q4_K"]).await;
    hub.go_offline().await;
    let kept = place.json(&["keep", "Fox"]).await;
    let copy = |library: Value| {
        let entries = library.as_array().unwrap().clone();
        let entry = entries.into_iter().find(|entry| entry["model"]["name"] == "Fox");
        entry.unwrap()["quantisedCopy"].clone()
    };
    let shown = copy(place.json(&["list"]).await);
    assert_eq!(
        (&shown["state"], &shown["quantisation"], &shown["bytes"]),
        (&"kept".into(), &"Q4_K".into(), &kept["bytes"])
    );
    let output = place.hearth(&["chat", "Fox", "-q", "What do you say?"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), FOX);
    place.json(&["keep", "Fox", "--drop"]).await;
    assert_eq!(copy(place.json(&["list"]).await)["state"], "offered");
    let (status, error) = place.failure(&["keep", "Bard"]).await;
    assert!(
        status == 1 && error.contains("as its files are"),
        "{status}: {error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn safetensors_that_do_not_run_are_refused_before_a_byte_of_their_weights() {
    let hub = hub().await;
    let config = |text: &str| text.to_owned();
    let weights = || Content::generated(5_000_000, 7);
    for (name, config) in [
        (
            "Unknown",
            config(r#"{"architectures":["NewestForCausalLM"],"auto_map":{}}"#),
        ),
        (
            "Packed",
            config(r#"{"architectures":["LlamaForCausalLM"],"quantization_config":{"quant_method":"gptq"}}"#),
        ),
        ("Untokenised", config(r#"{"architectures":["LlamaForCausalLM"]}"#)),
    ] {
        hub.repo(&format!("hearth-demo/{name}"))
            .file("config.json", config)
            .file("model.safetensors", weights());
    }
    hub.repo("hearth-demo/Halved")
        .file("config.json", "{}")
        .file("model-00001-of-00002.safetensors", weights());
    let place = Place::near(&hub.url);
    for (name, expected) in [
        (
            "Unknown",
            "“NewestForCausalLM”, is not known to the engine, and code that comes with a model is never run",
        ),
        ("Packed", "quantised by gptq"),
        ("Untokenised", "tokenizer.json"),
    ] {
        let page = place.json(&["fit", &format!("hearth-demo/{name}")]).await;
        let reason = page["variants"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{reason}");
        assert!(
            page["variants"]
                .as_array()
                .unwrap()
                .iter()
                .all(|variant| variant["recommended"] == false)
        );
    }
    let (_, error) = place.failure(&["fit", "hearth-demo/Halved"]).await;
    assert!(error.contains("all its files of weights"), "{error}");
}
