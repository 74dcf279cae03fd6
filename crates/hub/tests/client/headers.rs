//! Headers of model files that are still on the Hub.

use hearth_fake_hub::{Content, Fault, Server, Stage};
use hearth_fixtures::{Gguf, Tensor, Value};
use hearth_gguf::Header;
use hearth_hub::HubError;

use crate::setup::{Setup, path, repo_id};

const FILE: &str = "fox-Q8_0.gguf";
const FIRST: u64 = 256 << 10;

/// A model whose vocabulary goes far beyond the first range, as every real one does.
fn model() -> Gguf {
    let text = |text: &str| Value::Text(text.to_owned());
    let tokens = (0..50_000).map(|number| format!("token {number:08}")).collect();
    let metadata = vec![
        ("general.architecture", text("llama")),
        ("llama.block_count", Value::U32(16)),
        ("llama.context_length", Value::U32(131_072)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.tokens", Value::Texts(tokens)),
        ("tokenizer.chat_template", text("{{ messages }}")),
    ];
    let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value));
    Gguf::new(metadata.collect(), vec![Tensor::ones("output_norm.weight", 2048)])
}

fn bytes_of(model: &Gguf) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gguf");
    model.write(&file).unwrap();
    std::fs::read(file).unwrap()
}

async fn with_file(bytes: impl Into<Content>) -> Setup {
    let setup = Setup::new().await;
    setup.repo().file(FILE, bytes);
    setup
}

async fn header(setup: &Setup, size: usize) -> Result<Header, HubError> {
    let hub = setup.restarted();
    hub.header(&repo_id(), &setup.commit(), &path(FILE), size as u64)
        .await
}

fn problem(error: HubError) -> String {
    match error {
        HubError::BadHeader { problem, .. } => problem,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_header_is_read_in_growing_ranges_and_then_known_for_good() {
    let bytes = bytes_of(&model());
    let setup = with_file(bytes.clone()).await;
    let expected = Header::read(bytes.as_slice()).unwrap();
    assert!(expected.data_start > 4 * FIRST);
    assert_eq!(header(&setup, bytes.len()).await.unwrap(), expected);

    let ranges: Vec<_> = setup
        .requests(Server::Cdn)
        .into_iter()
        .filter_map(|request| request.range)
        .collect();
    assert_eq!(ranges[0], "bytes=0-262143");
    assert!(ranges[1].starts_with("bytes=262144-"), "{ranges:?}");
    assert!(ranges.len() <= 5, "{ranges:?}");
    assert_eq!(setup.asked().len(), 1, "one redirect serves all ranges");

    setup.fake.go_offline().await;
    assert_eq!(header(&setup, bytes.len()).await.unwrap(), expected);
}

#[tokio::test]
async fn what_fit_needs_stands_in_the_first_range() {
    let bytes = bytes_of(&model());
    let setup = with_file(bytes).await;
    let metadata = setup
        .hub
        .metadata(&repo_id(), &setup.commit(), &path(FILE))
        .await
        .unwrap();
    assert_eq!(metadata["llama.block_count"], hearth_gguf::Value::Unsigned(16));
    assert_eq!(setup.requests(Server::Cdn).len(), 1);
}

#[tokio::test]
async fn no_fault_of_the_way_changes_a_header() {
    let bytes = bytes_of(&model());
    let expected = Header::read(bytes.as_slice()).unwrap();
    for (fault, times) in [
        (Fault::ExpiredLocation, 1),
        (Fault::IgnoreRange, 20),
        (Fault::Reset { after: 100_000 }, 1),
        (Fault::OtherRange, 1),
        (Fault::ShortBody { after: 100_000 }, 1),
    ] {
        let setup = with_file(bytes.clone()).await;
        let handle = setup.fake.fault(FILE, fault.clone(), times);
        assert_eq!(header(&setup, bytes.len()).await.unwrap(), expected, "{fault:?}");
        assert!(handle.fired() > 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_asked_once_more() {
    let architecture = ("general.architecture".to_owned(), Value::Text("llama".to_owned()));
    let setup = with_file(Gguf::new(vec![architecture], Vec::new()).header()).await;
    let handle = setup.fake.fault(FILE, Fault::Stall { after: 10 }, 1);
    let hub = setup.impatient();
    let metadata = hub
        .metadata(&repo_id(), &setup.commit(), &path(FILE))
        .await
        .unwrap();
    assert!(metadata.contains_key("general.architecture"));
    assert_eq!(handle.fired(), 1);
}

#[tokio::test]
async fn an_address_that_expires_between_two_ranges_is_renewed() {
    let bytes = bytes_of(&model());
    let setup = with_file(bytes.clone()).await;
    setup
        .fake
        .fault(FILE, Fault::Unavailable, 1)
        .at(Stage::Bytes)
        .skip(2);
    header(&setup, bytes.len()).await.unwrap();
    assert_eq!(setup.asked().len(), 2);
}

#[tokio::test]
async fn what_is_no_model_is_refused_in_words() {
    let setup = with_file("forty bytes that are no model whatsoever").await;
    assert_eq!(
        problem(header(&setup, 40).await.unwrap_err()),
        "it does not begin with the letters GGUF"
    );

    let mut cut = bytes_of(&model());
    cut.truncate(40);
    let setup = with_file(cut).await;
    let problem_of_cut = problem(header(&setup, 40).await.unwrap_err());
    assert_eq!(problem_of_cut, "it ends at byte 40, in the middle of its header");
}

#[tokio::test]
async fn a_header_that_lies_about_sizes_is_refused() {
    let mut lying = model();
    lying.tensors[0].claimed_dimensions = Some(vec![1 << 40]);
    let bytes = lying.header();
    let setup = with_file(bytes.clone()).await;
    let problem_of_tensor = problem(header(&setup, bytes.len()).await.unwrap_err());
    assert!(problem_of_tensor.contains("and needs"), "{problem_of_tensor}");

    let mut lying = model();
    lying.claimed_keys = Some(u64::MAX);
    let setup = with_file(lying.header()).await;
    let problem_of_count = problem(header(&setup, bytes.len()).await.unwrap_err());
    assert!(
        problem_of_count.contains("claims 18446744073709551615"),
        "{problem_of_count}"
    );
    assert_eq!(setup.requests(Server::Cdn).len(), 1);
}

#[tokio::test]
async fn a_file_that_is_gone_since_it_was_listed_says_so() {
    let setup = with_file("fox").await;
    let commit = setup.commit();
    setup.repo().without(FILE);
    let error = setup
        .hub
        .metadata(&repo_id(), &commit, &path(FILE))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        HubError::EntryNotFound {
            repo: repo_id(),
            path: path(FILE)
        }
    );
}
