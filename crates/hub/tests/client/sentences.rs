//! What a person reads when the Hub does not give what was asked.

use std::fmt::Write as _;
use std::time::Duration;

use hearth_hub::{HubConfig, HubError, RepoId, Revision};

use crate::setup::{path, repo_id};

#[test]
fn every_error_says_what_happened_and_what_to_do() {
    let host = || "huggingface.co".to_owned();
    let gated = |with_token| HubError::Gated {
        repo: repo_id(),
        page_url: "https://huggingface.co/hearth-demo/fox-GGUF".to_owned(),
        with_token,
    };
    let off = |minutes| HubError::ClockOff { minutes };
    let all = [
        HubError::Offline {
            host: host(),
            detail: "Connection refused (os error 111)".to_owned(),
        },
        HubError::Timeout { host: host() },
        HubError::Insecure {
            host: host(),
            detail: "invalid peer certificate: UnknownIssuer".to_owned(),
        },
        HubError::RateLimited {
            retry_in: Duration::from_secs(55),
        },
        HubError::TokenWrong,
        HubError::NeedsToken {
            what: repo_id().to_string(),
        },
        gated(false),
        gated(true),
        HubError::Refused {
            reason: "This model was disabled by its publisher".to_owned(),
        },
        HubError::RepoNotFound { repo: repo_id() },
        HubError::RevisionNotFound {
            repo: repo_id(),
            revision: Revision::main(),
        },
        HubError::EntryNotFound {
            repo: repo_id(),
            path: path("fox-Q8_0.gguf"),
        },
        HubError::NotJson { host: host() },
        HubError::BadAnswer {
            host: host(),
            detail: "it names no commit".to_owned(),
        },
        HubError::TooLarge {
            host: host(),
            limit_bytes: 16 << 20,
        },
        off(None),
        off(Some(125)),
        off(Some(-7)),
        HubError::Server { status: 503 },
        RepoId::parse("a/../b").unwrap_err(),
        HubConfig::endpoint("hugging face").unwrap_err(),
        HubError::NoModel { repo: repo_id() },
        HubError::BadHeader {
            path: path("fox-Q8_0.gguf"),
            problem: "it ends at byte 40, in the middle of its header".to_owned(),
        },
        HubError::Keychain {
            detail: "no Secret Service is running".to_owned(),
        },
        HubError::TokenFromEnvironment,
    ];
    let mut sentences = String::new();
    for error in all {
        writeln!(sentences, "{error}\n    {}\n", error.advice()).unwrap();
    }
    insta::assert_snapshot!(sentences);
}
