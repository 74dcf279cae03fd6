//! Models of safetensors that are still on the Hub.

use hearth_fake_hub::{Content, Server};
use hearth_fixtures::{ModelFile, Script};
use hearth_hub::{HubError, Kind, RepoFile, variants};
use hearth_safetensors::{Checkpoint, Numbers};

use crate::setup::{Setup, repo_id};

fn model() -> ModelFile {
    ModelFile::scripted(&Script::saying("Fox.").unwrap())
}

/// A repository with the model, of whose weights the first bytes are `weights`.
async fn with_weights(weights: impl Into<Content>) -> (Setup, Vec<RepoFile>) {
    let setup = Setup::new().await;
    let mut repo = setup.repo().file("model.safetensors", weights);
    for (name, text) in model().safetensors_companions() {
        repo = repo.file(name, text);
    }
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let files = variants(&told).unwrap().remove(0).files;
    (setup, files)
}

#[tokio::test]
async fn it_says_the_same_as_on_a_disk_and_costs_its_headers_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = model().write_safetensors(folder.path()).unwrap();
    let (setup, files) = with_weights(std::fs::read(&path).unwrap()).await;
    let hub = setup.restarted();
    let told = hub.checkpoint(&repo_id(), &setup.commit(), &files).await.unwrap();

    let local: Vec<_> = files
        .iter()
        .map(|file| folder.path().join(file.path.as_str()))
        .collect();
    let local = Checkpoint::open(&local).unwrap();
    assert_eq!((&told.config, &told.tensors), (&local.config, &local.tensors));
    assert!(told.has_template);
    assert_eq!(told.tokens, None, "the tokeniser has not been read");
    let asked = setup.asked();
    assert!(
        asked.iter().all(|asked| !asked.path.ends_with("tokenizer.json")),
        "{asked:?}"
    );
    let ranges: Vec<_> = setup
        .requests(Server::Cdn)
        .into_iter()
        .map(|request| request.range)
        .collect();
    assert_eq!(ranges, [Some("bytes=0-65535".to_owned())]);

    setup.fake.go_offline().await;
    let again = setup
        .restarted()
        .checkpoint(&repo_id(), &setup.commit(), &files)
        .await;
    assert_eq!(again.unwrap(), told, "what a commit holds is known for good");
}

#[tokio::test]
async fn weights_that_are_none_are_refused_by_their_first_bytes() {
    for (weights, expected) in [
        (vec![0xff; 900_000], "claims a header of"),
        (
            b"\x10\0\0\0\0\0\0\0{\"a\":1}         ".to_vec(),
            "header that cannot be read",
        ),
        (vec![1, 2, 3], "has 3 bytes and needs 8"),
    ] {
        let (setup, files) = with_weights(weights).await;
        let hub = setup.restarted();
        let error = hub
            .checkpoint(&repo_id(), &setup.commit(), &files)
            .await
            .unwrap_err();
        let HubError::BadHeader { problem, .. } = error else {
            panic!("{error}")
        };
        assert!(problem.contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn uqff_costs_its_headers_only_as_well() {
    let setup = Setup::new().await;
    // Two layers of 2 × 32 numbers in Q8_0, and a bias of which the header says nothing.
    let told = [
        (2_u32 << 8).to_le_bytes().to_vec(),
        vec![0],
        68_u32.to_le_bytes().to_vec(),
        vec![0],
        [8_u32, 2, 2, 32].map(u32::to_le_bytes).concat(),
    ];
    let layer = [told.concat(), vec![0; 68]].concat();
    let entry = |at: usize| {
        let length = layer.len();
        serde_json::json!({ "dtype": "U8", "shape": [length], "data_offsets": [at, at + length] })
    };
    let header = serde_json::json!({ "0": entry(0), "1": entry(layer.len()) }).to_string();
    let length = (header.len() as u64).to_le_bytes().to_vec();
    let uqff = [length, header.into_bytes(), layer.clone(), layer].concat();
    let mut repo = setup
        .repo()
        .file("q8_0-0.uqff", uqff)
        .file("q4k-1.uqff", "without its first part it is none")
        .file("residual.safetensors", b"\x02\0\0\0\0\0\0\0{}".to_vec());
    for (name, text) in model().safetensors_companions() {
        repo = repo.file(name, text);
    }
    let told = setup.hub.repo(&repo_id(), None).await.unwrap();
    let mut variants = variants(&told).unwrap();
    assert_eq!(variants.len(), 1);
    let variant = variants.remove(0);
    assert_eq!((variant.kind, variant.name.as_str()), (Kind::Uqff, "Q8_0"));
    let hub = setup.restarted();
    let told = hub
        .checkpoint(&repo_id(), &setup.commit(), &variant.files)
        .await
        .unwrap();
    let layers: Vec<_> = (told.layers.iter())
        .map(|layer| (layer.number, &layer.numbers, layer.shape.as_slice()))
        .collect();
    assert_eq!(layers[0], (0, &Numbers::Blocks(8), &[2, 32][..]));
    assert_eq!((layers[1].0, layers[1].1), (1, &Numbers::Blocks(8)));
    // But for what it says of itself.
    assert!(layers[1].2[0].abs_diff(64) <= 26, "{:?}", layers[1].2);
}
