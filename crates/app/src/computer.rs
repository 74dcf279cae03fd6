//! This computer: what it has, what it was measured to do, and what class of model it runs.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hearth_engine::{Backend, EngineConfig, EngineStatus};
use hearth_machine::{Machine, Speeds};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::devices::cards;
use crate::lock::lock;
use crate::suggestions::StartingList;
use crate::{App, AppEvent, ErrorCode, ErrorReport};

const KEY: &str = "speeds";
/// Free memory changes all the time, and looking takes some tenths of a second.
const FRESH: Duration = Duration::from_secs(3);

/// This computer, and what it can run.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ThisComputer {
    /// What was found.
    pub machine: Machine,
    /// What was measured; `None` until it was.
    pub speeds: Option<Speeds>,
    /// It is being measured now.
    pub measuring: bool,
    /// Bytes that are free for a model.
    #[ts(type = "number")]
    pub usable_bytes: u64,
    /// The graphics cards that models can compute on here, by name, the best first: those that this Hearth has a worker for.
    pub cards: Vec<String>,
    /// The one that they are loaded to now; `None`: the processor computes.
    pub card: Option<String>,
    /// The class of model it runs; `None` where memory is too short for any.
    pub runs_well: Option<RunsWell>,
}

/// The class of model that this computer runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RunsWell {
    /// Billions of parameters of the largest model of the starting list that fits with 4,096 tokens of context.
    pub billions: f64,
    /// How fast it would write; `None` until speeds are measured.
    pub tokens_per_second: Option<f64>,
}

/// What was found and measured, kept between questions.
#[derive(Default)]
pub(crate) struct Computer {
    seen: Mutex<Option<(Instant, Machine)>>,
    speeds: Mutex<Option<Speeds>>,
    measuring: AtomicBool,
    /// Threads that compute; 0: as many as there are physical cores.
    threads: AtomicUsize,
}

/// Speeds belong to one processor: a data folder may move to another computer.
#[derive(Serialize, Deserialize)]
struct Kept {
    processor: String,
    speeds: Speeds,
}

impl App {
    /// What this computer has and can do.
    pub async fn this_computer(&self) -> ThisComputer {
        let (machine, speeds) = (self.machine().await, self.speeds());
        let list = StartingList::read(self.config.suggestions.as_deref());
        let card = self.card_for(&machine, None);
        let runs_well = list
            .that_fit(&machine, card, speeds.as_ref())
            .first()
            .map(|largest| RunsWell {
                billions: largest.parameters as f64 / 1e9,
                tokens_per_second: largest
                    .verdict
                    .decode
                    .as_ref()
                    .map(|speed| speed.tokens_per_second),
            });
        let backends = Backend::beside(&self.config.worker);
        let cards = cards(&backends, &machine).into_iter();
        ThisComputer {
            usable_bytes: machine.usable_bytes(),
            cards: cards.map(|gpu| gpu.name.clone()).collect(),
            card: card.map(|gpu| gpu.name.clone()),
            machine,
            speeds,
            measuring: self.computer.measuring.load(Ordering::Relaxed),
            runs_well,
        }
    }

    /// Measures how fast this computer reads memory and multiplies, under ten seconds, and keeps it.
    ///
    /// # Errors
    /// [`ErrorCode::Busy`] while a reply is written or another measurement runs; the engine's; the store's.
    pub async fn measure_computer(&self) -> Result<ThisComputer, ErrorReport> {
        let answering = matches!(
            *self.engine.status().borrow(),
            EngineStatus::Answering { .. } | EngineStatus::Loading { .. }
        );
        if answering || self.computer.measuring.swap(true, Ordering::Relaxed) {
            let message = "The computer is busy with a model. Wait until it is done, then measure again.";
            return Err(ErrorReport::new(ErrorCode::Busy, message));
        }
        self.tell_computer().await;
        let config = EngineConfig {
            threads: self.threads(),
            ..(*self.engine_config).clone()
        };
        let measured = hearth_engine::measure(&config).await;
        self.computer.measuring.store(false, Ordering::Relaxed);
        let kept = match measured {
            Ok(speeds) => self.keep(speeds).await,
            Err(error) => Err(error.into()),
        };
        self.tell_computer().await;
        kept?;
        Ok(self.this_computer().await)
    }

    /// What this computer has now, the memory of the loaded model counted as free: another model takes its place.
    pub(crate) async fn machine(&self) -> Machine {
        let seen = lock(&self.computer.seen).clone();
        let mut machine = match (self.config.computer.clone(), seen) {
            (Some(machine), _) => machine,
            (None, Some((at, machine))) if at.elapsed() < FRESH => machine,
            _ => {
                let look = tokio::task::spawn_blocking(hearth_machine::look);
                // Looking does not panic; if it did, looking on this thread tells where.
                let machine = look.await.unwrap_or_else(|_| hearth_machine::look());
                *lock(&self.computer.seen) = Some((Instant::now(), machine.clone()));
                machine
            }
        };
        let held = match &*self.engine.status().borrow() {
            EngineStatus::Ready(ready) | EngineStatus::Answering { ready, .. } => ready.model.peak_bytes,
            _ => 0,
        };
        let memory = &mut machine.memory;
        let most = memory.limit_bytes.unwrap_or(memory.total_bytes);
        memory.available_bytes = memory.available_bytes.saturating_add(held).min(most);
        self.free_card(&mut machine);
        machine
    }

    /// What was measured, if it was.
    pub(crate) fn speeds(&self) -> Option<Speeds> {
        lock(&self.computer.speeds).clone()
    }

    /// Threads that compute.
    fn threads(&self) -> usize {
        match self.computer.threads.load(Ordering::Relaxed) {
            0 => self.engine_config.threads,
            threads => threads,
        }
    }

    /// Has so many threads compute, from the next load on; `None`: as many as there are physical cores. What was measured
    /// with another number of them does not hold any more.
    pub(crate) async fn change_threads(&self, threads: Option<usize>) -> Result<(), ErrorReport> {
        let before = self.threads();
        self.use_threads(threads);
        if before == self.threads() {
            return Ok(());
        }
        self.open_speeds().await?;
        self.tell_computer().await;
        Ok(())
    }

    /// As [`App::change_threads`], before speeds are known.
    pub(crate) fn use_threads(&self, threads: Option<usize>) {
        let threads = threads.unwrap_or_default();
        self.computer.threads.store(threads, Ordering::Relaxed);
        self.engine.set_threads(self.threads());
    }

    /// Names this computer in measurements: one processor with one number of threads.
    pub(crate) async fn machine_key(&self) -> String {
        format!("{}, {} threads", self.machine().await.cpu.name, self.threads())
    }

    /// The same for measurements of a model, whose first file is `model` where it is here, with the graphics card that it is
    /// loaded to.
    pub(crate) async fn device_key(&self, model: Option<&Path>) -> String {
        let key = self.machine_key().await;
        match self.card_for(&self.machine().await, model) {
            Some(card) => format!("{key}, {}", card.name),
            None => key,
        }
    }

    /// Takes up the speeds of an earlier start, if they are this computer's.
    pub(crate) async fn open_speeds(&self) -> Result<(), ErrorReport> {
        let kept: Option<Kept> = self.store().await?.setting(KEY).await?;
        let here = self.machine_key().await;
        *lock(&self.computer.speeds) = kept.filter(|kept| kept.processor == here).map(|kept| kept.speeds);
        Ok(())
    }

    async fn keep(&self, measured: hearth_engine::protocol::Speeds) -> Result<(), ErrorReport> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let speeds = Speeds {
            read_bytes_per_second: measured.read_bytes_per_second,
            matvec_bytes_per_second: measured.matvec_bytes_per_second,
            prompt_weights_per_second: measured.prompt_weights_per_second,
            layer_seconds: measured.layer_seconds,
            prompt_numbers_per_second: measured.prompt_numbers_per_second,
            key_numbers_per_second: measured.key_numbers_per_second,
            attention_numbers_per_second: measured.attention_numbers_per_second,
            prompt_attention_per_second: measured.prompt_attention_per_second,
            threads: u32::try_from(measured.threads).unwrap_or(u32::MAX),
            measured_at: i64::try_from(now.as_millis()).unwrap_or(i64::MAX),
        };
        *lock(&self.computer.speeds) = Some(speeds.clone());
        let kept = Kept {
            processor: self.machine_key().await,
            speeds,
        };
        Ok(self.store().await?.set_setting(KEY, &kept).await?)
    }

    async fn tell_computer(&self) {
        self.tell_latest(async {
            let computer = Box::new(self.this_computer().await);
            Ok(AppEvent::Computer { computer })
        })
        .await;
    }
}
