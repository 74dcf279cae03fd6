//! The programs that compute: one for each backend that this Hearth was built with, all in one folder.

use std::path::{Path, PathBuf};

use crate::process::WorkerError;
use crate::protocol::Fault;
use crate::supervisor::EngineError;

/// What a worker's program computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// NVIDIA's cards.
    Cuda,
    /// Apple's graphics.
    Metal,
    /// The processor, and Apple's library for products of plain numbers.
    Accelerate,
    /// The processor, and Intel's library for products of plain numbers.
    Mkl,
    /// The processor, with nothing but our own kernels and candle's.
    Cpu,
}

impl Backend {
    /// All of them, the fastest first.
    pub const ALL: [Self; 5] = [Self::Cuda, Self::Metal, Self::Accelerate, Self::Mkl, Self::Cpu];

    /// As the worker says it, and its cargo feature is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Accelerate => "accelerate",
            Self::Mkl => "mkl",
            Self::Cpu => "cpu",
        }
    }

    /// Whether it computes on a graphics card.
    pub fn on_card(self) -> bool {
        matches!(self, Self::Cuda | Self::Metal)
    }

    /// The file of this backend's program beside that of the plain processor's: `hearth-worker-cuda` beside
    /// `hearth-worker`.
    pub fn program(self, processor: &Path) -> PathBuf {
        if self == Self::Cpu {
            return processor.to_path_buf();
        }
        let stem = processor.file_stem().unwrap_or_default().to_string_lossy();
        processor.with_file_name(format!("{stem}-{}{}", self.name(), std::env::consts::EXE_SUFFIX))
    }

    /// The backends whose programs lie beside the plain processor's, which is taken to be there, the fastest first.
    pub fn beside(processor: &Path) -> Vec<Self> {
        let is_there = |backend: &Self| *backend == Self::Cpu || backend.program(processor).is_file();
        Self::ALL.into_iter().filter(is_there).collect()
    }
}

/// A graphics card, as far as a worker has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// As its maker calls it.
    pub name: String,
    /// As CUDA's driver tells it from the others, such as `GPU-…`; `None`: the driver's first.
    pub id: Option<String>,
}

/// A worker that may be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it computes with.
    pub backend: Backend,
    /// Its program.
    pub program: PathBuf,
    /// What it computes on; `None`: the processor.
    pub card: Option<Card>,
}

impl Candidate {
    /// The plain processor's worker.
    pub fn processor(program: PathBuf) -> Self {
        Self {
            backend: Backend::Cpu,
            program,
            card: None,
        }
    }
}

/// A worker that was tried in vain, and is not tried again while Hearth runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which.
    pub candidate: Candidate,
    /// The model that it had no memory for; other models may fit. `None`: it is of no use to any.
    pub model: Option<PathBuf>,
    /// What happened, as part of a sentence.
    pub reason: String,
}

impl PassedOver {
    /// What a load that failed says of the worker; `None` where the model is at fault, or nobody.
    pub(crate) fn of(candidate: &Candidate, model: &Path, error: &EngineError) -> Option<Self> {
        let (reason, full) = match error {
            EngineError::Worker(error) => (reason(error), false),
            EngineError::Fault(Fault::CardFull { detail }) if candidate.card.is_some() => {
                (format!("its memory is full: {detail}"), true)
            }
            EngineError::Fault(Fault::CardFailed { detail }) if candidate.card.is_some() => {
                (detail.clone(), false)
            }
            _ => return None,
        };
        Some(Self {
            candidate: candidate.clone(),
            model: full.then(|| model.to_path_buf()),
            reason,
        })
    }

    /// Whether this speaks against the worker for this model.
    pub fn concerns(&self, candidate: &Candidate, model: &Path) -> bool {
        self.candidate == *candidate && self.model.as_deref().is_none_or(|full| full == model)
    }

    /// What the person is told while the processor answers instead; `None` where that is nobody's concern.
    pub(crate) fn notice(&self) -> Option<String> {
        let card = self.candidate.card.as_ref()?;
        let Self { reason, .. } = self;
        Some(format!(
            "The graphics card {} could not be used ({reason}); answering on the processor.",
            card.name
        ))
    }
}

/// A worker's last words say more of a missing driver than its exit status.
fn reason(error: &WorkerError) -> String {
    let words = match error {
        WorkerError::Died {
            last_words: Some(words),
            ..
        } => words.clone(),
        WorkerError::Died { status, .. } => status.clone(),
        WorkerError::Misbehaved { detail } | WorkerError::NotStarted { detail } => detail.clone(),
        WorkerError::OtherVersion { .. } => "its engine is from another release".to_owned(),
    };
    words.trim_end_matches('.').to_owned()
}
