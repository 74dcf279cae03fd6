//! Computers that nobody here has, for tests.

use std::collections::BTreeMap;

use crate::{Machine, Observed};

macro_rules! computers {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../fixtures/", $name, ".json")))),*]
    };
}

/// Each computer of `fixtures/` by its file's name, as [`Machine::from_sources`] judges it.
#[expect(
    clippy::panic,
    reason = "only tests call this, and only with the files that were compiled in"
)]
pub fn fixtures() -> BTreeMap<&'static str, Machine> {
    let computers = computers![
        "container-4gb",
        "dgx-spark",
        "intel-mac",
        "laptop-8gb",
        "macbook-air-16gb",
        "macbook-pro-24gb",
        "rtx-3060",
        "rtx-4090",
        "rx-7900-xtx",
        "strix-halo-128gb",
        "strix-halo-carve-out",
        "strix-halo-windows",
        "wsl2",
    ];
    let machines = computers.iter().map(|(name, json)| {
        let observed: Observed = match serde_json::from_str(json) {
            Ok(observed) => observed,
            Err(error) => panic!("fixtures/{name}.json: {error}"),
        };
        (*name, Machine::from_sources(&observed))
    });
    machines.collect()
}
