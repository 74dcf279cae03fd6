//! Finds the models that other programs hold, so that nobody downloads twice.

mod hf_cache;
mod jan;
mod lm_studio;
mod ollama;

use std::collections::HashSet;

use crate::identity;
use crate::model::Found;
use crate::roots::Roots;

/// The models in the folders of other programs, by program and name. A file that several of them hold, by links or
/// in several snapshots, is told once. Nothing is written and nothing is hashed.
pub fn find_elsewhere(roots: &Roots) -> Vec<Found> {
    let mut found = ollama::find(&roots.ollama);
    found.extend(lm_studio::find(&roots.lm_studio));
    found.extend(jan::find(&roots.jan));
    found.extend(hf_cache::find(&roots.hf_cache));
    found.sort_by(|a, b| (a.owner, &a.name, a.path()).cmp(&(b.owner, &b.name, b.path())));
    let mut told = HashSet::new();
    found.retain(|model| match identity::facts(model.path()) {
        Ok(facts) => told.insert(facts.identity),
        // It has just gone.
        Err(_) => false,
    });
    found
}
