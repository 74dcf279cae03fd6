//! Searching, filtering, sorting and turning pages.

use hearth_fake_hub::{FakeHub, Gate};
use hearth_hub::{Gated, Hub, Kind, SearchPage, SearchQuery, Sort};

use crate::setup::Setup;

fn stock(hub: &FakeHub) {
    hub.repo("qwen/Qwen3-8B-GGUF")
        .file("Qwen3-8B-Q4_K_M.gguf", "q")
        .licence("apache-2.0")
        .task("text-generation")
        .downloads(900)
        .likes(5)
        .trending(10)
        .dates("2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z")
        .gguf(8_190_735_360, "qwen3", 40_960);
    hub.repo("meta/Llama-3.2-1B-GGUF")
        .file("Llama-3.2-1B.Q8_0.gguf", "l")
        .licence("llama3.2")
        .task("text-generation")
        .gated(Gate::Manual)
        .downloads(500)
        .likes(90)
        .trending(30)
        .dates("2026-02-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z")
        .gguf(1_235_814_432, "llama", 131_072);
    hub.repo("tiny/embed-GGUF")
        .file("embed-F16.gguf", "e")
        .licence("apache-2.0")
        .task("feature-extraction")
        .downloads(10)
        .trending(20)
        .gguf(22_713_216, "bert", 512);
    hub.repo("qwen/Qwen3-8B")
        .file("model.safetensors", "s")
        .downloads(9999);
}

fn ids(page: &SearchPage) -> Vec<&str> {
    page.models.iter().map(|model| model.id.as_str()).collect()
}

async fn found(hub: &Hub, query: SearchQuery) -> Vec<String> {
    let page = hub.search(&query).await.unwrap();
    ids(&page).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_model_is_listed_with_what_the_hub_knows_of_it() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let query = SearchQuery {
        text: "llama".to_owned(),
        ..SearchQuery::default()
    };
    let page = setup.hub.search(&query).await.unwrap();
    let [model] = page.models.as_slice() else {
        panic!("{page:?}")
    };
    assert_eq!(model.author, "meta");
    assert_eq!(model.gated, Gated::Manual);
    assert_eq!(model.licence.as_deref(), Some("llama3.2"));
    assert_eq!(model.task.as_deref(), Some("text-generation"));
    assert_eq!(model.last_modified.as_deref(), Some("2026-02-01T00:00:00.000Z"));
    assert_eq!((model.downloads, model.likes), (500, 90));
    assert_eq!(model.parameters, Some(1_235_814_432));
    assert_eq!(model.architecture.as_deref(), Some("llama"));
    assert_eq!(model.context_length, Some(131_072));
    assert!(model.sha.is_some());
    assert_eq!(page.cached_at, None);
}

#[tokio::test]
async fn filters_hold_together_and_only_gguf_is_listed() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let hub = &setup.hub;
    let any = SearchQuery::default;
    assert_eq!(
        found(hub, any()).await.len(),
        3,
        "the safetensors repository is not listed"
    );
    let apache = SearchQuery {
        licence: Some("apache-2.0".to_owned()),
        task: Some("text-generation".to_owned()),
        ..any()
    };
    assert_eq!(found(hub, apache).await, ["qwen/Qwen3-8B-GGUF"]);
    let by_meta = SearchQuery {
        author: Some("meta".to_owned()),
        ..any()
    };
    assert_eq!(found(hub, by_meta).await, ["meta/Llama-3.2-1B-GGUF"]);
}

#[tokio::test]
async fn bounds_of_size_are_exact_where_the_hub_takes_whole_billions() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let between = |min, max| SearchQuery {
        min_parameters: min,
        max_parameters: max,
        ..SearchQuery::default()
    };
    let hub = &setup.hub;
    assert_eq!(
        found(hub, between(None, Some(1_200_000_000))).await,
        ["tiny/embed-GGUF"]
    );
    assert_eq!(
        found(hub, between(None, Some(1_300_000_000))).await,
        ["meta/Llama-3.2-1B-GGUF", "tiny/embed-GGUF"]
    );
    assert_eq!(
        found(hub, between(Some(2_000_000_000), None)).await,
        ["qwen/Qwen3-8B-GGUF"]
    );
    let asked = &setup.asked()[0].query;
    assert!(asked.contains("num_parameters=max%3A2B"), "{asked}");
}

#[tokio::test]
async fn each_order_is_the_hubs_own() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let first = async |sort| {
        let query = SearchQuery {
            sort,
            ..SearchQuery::default()
        };
        found(&setup.hub, query).await.remove(0)
    };
    assert_eq!(first(Sort::Trending).await, "meta/Llama-3.2-1B-GGUF");
    assert_eq!(first(Sort::Downloads).await, "qwen/Qwen3-8B-GGUF");
    assert_eq!(first(Sort::Likes).await, "meta/Llama-3.2-1B-GGUF");
    assert_eq!(first(Sort::Newest).await, "meta/Llama-3.2-1B-GGUF");
}

#[tokio::test]
async fn pages_are_turned_to_the_last_one() {
    let setup = Setup::new().await;
    for number in 0..25 {
        setup
            .fake
            .repo(&format!("many/model-{number:02}-GGUF"))
            .file("m-Q8_0.gguf", "m")
            .downloads(100 - number);
    }
    let mut query = SearchQuery {
        sort: Sort::Downloads,
        limit: 10,
        ..SearchQuery::default()
    };
    let mut all = Vec::new();
    for expected in [10, 10, 5] {
        let page = setup.hub.search(&query).await.unwrap();
        assert_eq!(page.models.len(), expected);
        all.extend(ids(&page).into_iter().map(str::to_owned));
        query.cursor = page.next;
    }
    assert_eq!(query.cursor, None);
    let expected: Vec<_> = (0..25)
        .map(|number| format!("many/model-{number:02}-GGUF"))
        .collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn typing_the_same_word_again_asks_nothing() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let of = |text: &str| SearchQuery {
        text: text.to_owned(),
        ..SearchQuery::default()
    };
    let first = setup.hub.search(&of("qwen")).await.unwrap();
    setup.hub.search(&of("qwen3")).await.unwrap();
    let again = setup.hub.search(&of(" qwen ")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(setup.asked().len(), 2);
}

#[tokio::test]
async fn safetensors_are_those_with_a_chat_template_and_no_gguf_beside_them() {
    let setup = Setup::new().await;
    stock(&setup.fake);
    let tags = ["transformers", "conversational"];
    let saved = |id: &str| setup.fake.repo(id).tags(tags).file("model.safetensors", "s");
    saved("qwen/Qwen3-4B").safetensors(4_022_468_096, "Qwen3ForCausalLM", None);
    saved("qwen/Qwen3-4B-AWQ").safetensors(1_000_000_000, "Qwen3ForCausalLM", Some("awq"));
    saved("both/Fox").file("fox-Q8_0.gguf", "f");
    let query = SearchQuery {
        kind: Kind::Safetensors,
        ..SearchQuery::default()
    };
    let mut models = setup.hub.search(&query).await.unwrap().models;
    models.sort_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
    let told: Vec<_> = models
        .iter()
        .map(|model| (model.id.name(), model.parameters, model.quantised_by.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("Qwen3-4B", Some(4_022_468_096), None),
            ("Qwen3-4B-AWQ", Some(1_000_000_000), Some("awq"))
        ]
    );
    assert_eq!(models[0].class.as_deref(), Some("Qwen3ForCausalLM"));
}

#[tokio::test]
async fn what_has_several_kinds_is_found_once() {
    let setup = Setup::new().await;
    let chats = ["transformers", "conversational"];
    let uqff = |id: &str| setup.fake.repo(id).tags(["uqff", "mistral.rs"]).tags(chats);
    uqff("some/Fox-UQFF")
        .file("q4k-0.uqff", "q")
        .file("residual.safetensors", "r")
        .safetensors(131_072, "LlamaForCausalLM", None);
    uqff("some/Fox-all")
        .file("q4k-0.uqff", "q")
        .file("fox-Q8_0.gguf", "g")
        .file("model.safetensors", "s");
    setup
        .fake
        .repo("some/Fox")
        .tags(chats)
        .file("model.safetensors", "s");
    let of = async |kind| {
        let query = SearchQuery {
            kind,
            ..SearchQuery::default()
        };
        found(&setup.hub, query).await
    };
    assert_eq!(of(Kind::Gguf).await, ["some/Fox-all"]);
    assert_eq!(of(Kind::Safetensors).await, ["some/Fox"]);
    assert_eq!(of(Kind::Uqff).await, ["some/Fox-UQFF"]);
    let query = SearchQuery {
        kind: Kind::Uqff,
        ..SearchQuery::default()
    };
    let model = setup.hub.search(&query).await.unwrap().models.remove(0);
    assert_eq!(model.class.as_deref(), Some("LlamaForCausalLM"));
    assert_eq!(
        model.parameters, None,
        "what the Hub counts in residual.safetensors is no size of a model"
    );
}
