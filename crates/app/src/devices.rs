//! What models compute on: a graphics card, where there are one and a worker for it, or the processor.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_engine::{Backend, Candidate, Card, EngineStatus};
use hearth_fit::{Plan, Shape, Verdict, verdict};
use hearth_machine::{Gpu, GpuMemory, Machine};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::App;
use crate::lock::lock;

/// What the person wants models to compute on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ComputeOn {
    /// The best that starts.
    #[default]
    Automatic,
    /// The processor, whatever else there is.
    Processor,
    /// One graphics card. While it is not there, the best that starts.
    Card {
        /// As its maker calls it.
        name: String,
    },
}

/// What there is to compute on, and what of it is used.
#[derive(Default)]
pub(crate) struct Devices {
    workers: Mutex<Vec<Candidate>>,
    /// Bytes of the graphics card that the loaded model was reckoned to take.
    on_card_bytes: AtomicU64,
}

/// The graphics cards that a worker among these computes on.
pub(crate) fn cards<'a>(backends: &[Backend], machine: &'a Machine) -> Vec<&'a Gpu> {
    let each = backends.iter().flat_map(|&backend| cards_of(backend, machine));
    each.collect()
}

fn cards_of(backend: Backend, machine: &Machine) -> Vec<&Gpu> {
    let of = |vendor: &'static str| machine.gpus.iter().filter(move |gpu| gpu.vendor == vendor);
    match backend {
        Backend::Cuda => of("NVIDIA").collect(),
        // The worker takes the system's own choice.
        Backend::Metal => of("Apple").take(1).collect(),
        Backend::Accelerate | Backend::Mkl | Backend::Cpu => Vec::new(),
    }
}

/// The workers to try, the best first, the processor's last.
fn candidates(backends: &[Backend], processor: &Path, machine: &Machine, on: &ComputeOn) -> Vec<Candidate> {
    let all = cards(backends, machine);
    let is_wanted = |gpu: &Gpu| match on {
        ComputeOn::Automatic => true,
        ComputeOn::Processor => false,
        ComputeOn::Card { name } => gpu.name == *name || all.iter().all(|gpu| gpu.name != *name),
    };
    let mut candidates = Vec::new();
    for &backend in backends {
        let program = backend.program(processor);
        let on = |card| Candidate {
            backend,
            program: program.clone(),
            card,
        };
        if backend.on_card() {
            let gpus = cards_of(backend, machine)
                .into_iter()
                .filter(|gpu| is_wanted(gpu));
            candidates.extend(gpus.map(|gpu| on(Some(as_card(gpu)))));
        } else {
            candidates.push(on(None));
        }
    }
    candidates
}

fn as_card(gpu: &Gpu) -> Card {
    Card {
        name: gpu.name.clone(),
        id: gpu.id.clone(),
    }
}

impl App {
    /// Has models compute on this, from the next load on.
    pub(crate) async fn use_devices(&self, on: &ComputeOn) {
        let machine = self.machine().await;
        let backends = Backend::beside(&self.config.worker);
        let workers = candidates(&backends, &self.config.worker, &machine, on);
        *lock(&self.devices.workers) = workers.clone();
        self.engine.set_workers(workers);
        // What a model is quantised to follows from the memory that it may lie in.
        self.shelf.forget_fitted();
    }

    /// As [`App::use_devices`], once models may be loaded: the next question loads the one in front anew.
    pub(crate) async fn change_devices(&self, on: &ComputeOn) {
        let before = lock(&self.devices.workers).clone();
        self.use_devices(on).await;
        if before != *lock(&self.devices.workers) && self.active_reply().is_none() {
            self.engine.unload().await;
            self.tell_library().await;
        }
    }

    /// The graphics card that a model is loaded to now: the first that is wanted and has not failed. `None`: the processor.
    pub(crate) fn card_for<'a>(&self, machine: &'a Machine, model: Option<&Path>) -> Option<&'a Gpu> {
        let failed = self.engine.passed_over();
        let workers = lock(&self.devices.workers);
        let model = model.unwrap_or(Path::new(""));
        let may = |worker: &&Candidate| !failed.iter().any(|passed| passed.concerns(worker, model));
        let card = workers
            .iter()
            .filter(may)
            .find_map(|worker| worker.card.clone())?;
        machine.gpus.iter().find(|gpu| as_card(gpu) == card)
    }

    /// The verdict on a model as it would run here now, with what was measured of it under `key`. `model` is its first file,
    /// where it is on this computer.
    pub(crate) async fn verdict_of(
        &self,
        shape: &Shape,
        context: u64,
        draft: Option<&Shape>,
        key: Option<&str>,
        model: Option<&Path>,
    ) -> Verdict {
        let (machine, speeds) = (self.machine().await, self.speeds());
        let measured = match key {
            Some(key) => self.measured(key, model).await,
            None => None,
        };
        let plan = Plan {
            context,
            draft,
            card: self.card_for(&machine, model),
        };
        verdict(&machine, speeds.as_ref(), shape, plan, measured.as_ref())
    }

    /// Notes what the model that is about to be loaded will take of a graphics card.
    pub(crate) fn expect_on_card(&self, verdict: Option<&Verdict>) {
        let share = verdict.and_then(|verdict| verdict.card.as_ref());
        let bytes = share.map_or(0, |share| share.bytes);
        self.devices.on_card_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Counts what the loaded model holds of a graphics card as free: another model takes its place.
    pub(crate) fn free_card(&self, machine: &mut Machine) {
        let Some(name) = self.card_in_use() else { return };
        let held = self.devices.on_card_bytes.load(Ordering::Relaxed);
        for gpu in machine.gpus.iter_mut().filter(|gpu| gpu.name == name) {
            if let GpuMemory::Dedicated {
                total_bytes,
                free_bytes: Some(free),
            } = &mut gpu.memory
            {
                *free = free.saturating_add(held).min(*total_bytes);
            }
        }
    }

    /// The graphics card that the loaded model computes on.
    pub(crate) fn card_in_use(&self) -> Option<String> {
        match &*self.engine.status().borrow() {
            EngineStatus::Ready(ready) | EngineStatus::Answering { ready, .. } => ready.card.clone(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Backend; 3] = [Backend::Cuda, Backend::Metal, Backend::Cpu];

    fn tried(computer: &str, backends: &[Backend], on: &ComputeOn) -> Vec<String> {
        let machine = &hearth_machine::fixtures()[computer];
        let candidates = candidates(backends, Path::new("hearth-worker"), machine, on);
        let words = |one: Candidate| match one.card {
            Some(card) => format!("{} on {}", one.backend.name(), card.name),
            None => one.backend.name().to_owned(),
        };
        candidates.into_iter().map(words).collect()
    }

    #[test]
    fn cards_that_a_worker_knows_come_before_the_processor() {
        let on = ComputeOn::Automatic;
        assert_eq!(
            tried("rtx-4090", &ALL, &on),
            ["cuda on NVIDIA GeForce RTX 4090", "cpu"]
        );
        assert_eq!(
            tried("macbook-pro-24gb", &ALL, &on),
            ["metal on Apple M4 Pro", "cpu"]
        );
        assert_eq!(tried("rtx-4090", &[Backend::Cpu], &on), ["cpu"]);
        for computer in ["rx-7900-xtx", "laptop-8gb", "container-4gb", "intel-mac"] {
            assert_eq!(tried(computer, &ALL, &on), ["cpu"], "{computer}");
        }
        assert_eq!(
            tried("laptop-8gb", &[Backend::Mkl, Backend::Cpu], &on),
            ["mkl", "cpu"]
        );
    }

    #[test]
    fn the_person_s_choice_holds_where_it_can() {
        assert_eq!(tried("rtx-4090", &ALL, &ComputeOn::Processor), ["cpu"]);
        let card = |name: &str| ComputeOn::Card {
            name: name.to_owned(),
        };
        let there = card("NVIDIA GeForce RTX 4090");
        assert_eq!(
            tried("rtx-4090", &ALL, &there),
            ["cuda on NVIDIA GeForce RTX 4090", "cpu"]
        );
        let sold = card("NVIDIA GeForce GTX 970");
        assert_eq!(
            tried("rtx-4090", &ALL, &sold),
            ["cuda on NVIDIA GeForce RTX 4090", "cpu"]
        );
    }
}
