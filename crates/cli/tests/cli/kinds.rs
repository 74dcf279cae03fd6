//! Search and repositories in which models of all kinds of files stand side by side.

use hearth_fake_hub::FakeHub;
use hearth_fixtures::{ModelFile, Quantisation, Script};

use crate::{FOX, Place, found, judged, walk};

#[tokio::test(flavor = "multi_thread")]
async fn variants_of_all_kinds_are_one_list_the_best_first() {
    let hub = FakeHub::start().await;
    let folder = tempfile::tempdir().unwrap();
    let model = ModelFile::scripted(&Script::saying(FOX).unwrap());
    let packed = |quantisation| model.clone().quantisation(quantisation);
    model.write_safetensors(folder.path()).unwrap();
    packed(Quantisation::Q8_0).write_uqff(folder.path()).unwrap();
    packed(Quantisation::Q4KM).write_uqff(folder.path()).unwrap();
    for (name, quantisation) in [("Q4_K_M", Quantisation::Q4KM), ("F32", Quantisation::F32)] {
        let file = folder.path().join(format!("Fox-{name}.gguf"));
        packed(quantisation).write(&file).unwrap();
    }
    let mut repo = hub.repo("hearth-demo/Fox-all").tags(["uqff"]);
    for path in walk(folder.path()) {
        let name = path.file_name().unwrap().to_str().unwrap();
        repo = repo.file(name, std::fs::read(&path).unwrap());
    }
    let place = Place::near(&hub.url);
    assert_eq!(
        found(&place.json(&["search", "fox"]).await),
        ["hearth-demo/Fox-all"]
    );
    let page = place.json(&["fit", "hearth-demo/Fox-all"]).await;
    assert_eq!(
        judged(&page),
        [
            ("Q8_0", "fits", true),
            ("Q4_K_M", "fits", false),
            ("Q4_K", "fits", false),
            ("Q5_K", "fits", false),
            ("Q6_K", "fits", false),
            ("F32", "fits", false),
        ],
        "safetensors in what there is no file of, the smaller downloads first"
    );
    let words = place.hearth(&["fit", "hearth-demo/Fox-all"]).await.stdout;
    let words = String::from_utf8(words).unwrap();
    let first = words.lines().nth(1).unwrap();
    assert!(
        first.starts_with("Q8_0") && first.ends_with("recommended"),
        "{words}"
    );
    // One of each kind from the same folder of the cache.
    for (variant, name) in [
        ("Q8_0", "Fox-all Q8_0"),
        ("Q4_K_M", "Fox-Q4_K_M"),
        ("Q6_K", "Fox-all"),
    ] {
        place
            .json(&["pull", &format!("hearth-demo/Fox-all:{variant}")])
            .await;
        let output = place.hearth(&["chat", name, "-q", "What do you say?"]).await;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            FOX,
            "{name}: {errors}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_all_kinds_are_turned_to_the_last() {
    let hub = FakeHub::start().await;
    let mut all = Vec::new();
    for (kind, count, file) in [
        ("GGUF", 45, "a-Q8_0.gguf"),
        ("safetensors", 21, "model.safetensors"),
        ("UQFF", 3, "q8_0-0.uqff"),
    ] {
        for number in 0..count {
            let id = format!("many/model-{number:02}-{kind}");
            let tags = match kind {
                "UQFF" => vec!["uqff"],
                _ => vec!["transformers", "conversational"],
            };
            hub.repo(&id)
                .tags(tags)
                .downloads(1000 - number)
                .file(file, "of no matter");
            all.push(id);
        }
    }
    let place = Place::near(&hub.url);
    let mut seen = Vec::new();
    let mut cursor = None;
    for expected in [43, 21, 5] {
        let next = cursor.iter().flat_map(|cursor: &String| ["--cursor", cursor]);
        let arguments: Vec<_> = ["search", "model"].into_iter().chain(next).collect();
        let page = place.json(&arguments).await;
        let ids = found(&page);
        assert_eq!(ids.len(), expected);
        let downloads = page["models"].as_array().unwrap().iter();
        let downloads = downloads.map(|model| model["downloads"].as_u64().unwrap());
        assert!(downloads.rev().is_sorted(), "{page}");
        seen.extend(ids.into_iter().map(str::to_owned));
        cursor = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(cursor, None);
    seen.sort_unstable();
    all.sort_unstable();
    assert_eq!(seen, all, "each once");
    let (status, error) = place.failure(&["search", "--cursor", "a,b"]).await;
    assert!(status == 1 && error.contains("no such page"), "{status}: {error}");
}
