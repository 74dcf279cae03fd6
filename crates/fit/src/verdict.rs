//! The verdict.

use hearth_machine::{Gpu, Machine, Speeds};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::constants::{MOST_CORRECTION_DOWN, SPEED_UNCERTAINTY};
use crate::memory::{Placed, place};
use crate::speed::{decode_seconds, prompt_seconds};
use crate::{CardShare, Label, MemoryNeed, Reason, Shape, Speed};

/// The context is judged in steps of the cache's blocks, tokens.
const STEP: u64 = 512;
/// What is said of speed is said of a chat that has filled this share of its context.
const USUALLY_FILLED: u64 = 2;

/// How the model is to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Prompt and reply together, tokens.
    pub context: u64,
    /// A smaller model of the same vocabulary ([`crate::same_vocabulary`]) that drafts for it.
    pub draft: Option<&'a Shape>,
    /// The graphics card that takes as much of it as finds room there; `None`: the processor computes.
    pub card: Option<&'a Gpu>,
}

/// What was measured of the same model on the same computer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Tokens of prompt and reply together.
    pub context: u64,
    /// The most memory held, bytes.
    pub peak_bytes: Option<u64>,
    /// Speed of writing, tokens a second.
    pub decode_tokens_per_second: Option<f64>,
    /// Speed of reading the prompt, tokens a second.
    pub prompt_tokens_per_second: Option<f64>,
}

/// What a verdict rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    /// The model's header and the computer's speeds.
    Formula,
    /// Runs of this model on this computer.
    Measured,
}

/// Whether a model runs here, and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// In a word.
    pub label: Label,
    /// Bytes it takes, wherever they lie.
    pub memory: MemoryNeed,
    /// Bytes that are free for it, a graphics card's with the main memory's.
    #[ts(type = "number")]
    pub usable_bytes: u64,
    /// Bytes of the memory it would lie in, likewise.
    #[ts(type = "number")]
    pub total_bytes: u64,
    /// What of it lies on the graphics card; `None` where it runs on the processor alone.
    pub card: Option<CardShare>,
    /// The context it was judged with, in tokens: the plan's, and no more than the engine runs rightly.
    #[ts(type = "number")]
    pub context: u64,
    /// The largest context with which it fits or is tight, in tokens; `None` when there is none.
    #[ts(type = "number | null")]
    pub largest_context: Option<u64>,
    /// Speed of writing; `None` until the computer's speeds or the model itself were measured.
    pub decode: Option<Speed>,
    /// Speed of reading a prompt; likewise.
    pub prompt: Option<Speed>,
    /// Why its context ends before the one it was trained for.
    pub reason: Option<Reason>,
    /// What memory and speed rest on.
    pub basis: Basis,
}

/// Whether the model of `shape` runs on `machine`, and how fast. A shape is only made of what the engine runs, so the
/// label is never [`Label::EngineCannot`]: that is what [`Shape::of`] says with a [`Reason`].
///
/// What was measured outranks the formula: memory is the measured peak, and the formula only tells how it differs
/// between the measured context and the planned one; so with speed.
pub fn verdict(
    machine: &Machine,
    speeds: Option<&Speeds>,
    shape: &Shape,
    plan: Plan<'_>,
    measured: Option<&Measured>,
) -> Verdict {
    let judge = Judge {
        machine,
        speeds,
        shape,
        draft: plan.draft,
        card: plan.card,
        measured,
    };
    let context = plan.context.clamp(1, shape.reliable_context.max(1));
    let memory = judge.memory(context);
    let placed = judge.placed(&memory, context);
    let main_memory = machine.memory.limit_bytes.unwrap_or(machine.memory.total_bytes);
    let apart = placed.as_ref().filter(|placed| placed.apart);
    let apart = |of: fn(&CardShare) -> u64| apart.map_or(0, |placed| of(&placed.share));
    let speeds = speeds.filter(|_| placed.is_none());
    let judge = Judge { speeds, ..judge };
    let (decode, prompt) = (judge.decode(context), judge.prompt(context));
    let is_limited = shape.reliable_context < shape.trained_context;
    let reason = is_limited.then_some(Reason::ContextLimited {
        trained: shape.trained_context,
        reliable: shape.reliable_context,
    });
    Verdict {
        label: judge.label(context),
        memory,
        usable_bytes: machine
            .usable_bytes()
            .saturating_add(apart(|share| share.usable_bytes)),
        total_bytes: main_memory.saturating_add(apart(|share| share.total_bytes)),
        card: placed.map(|placed| placed.share),
        context,
        largest_context: judge.largest_context(),
        decode,
        prompt,
        reason,
        basis: match measured {
            Some(_) => Basis::Measured,
            None => Basis::Formula,
        },
    }
}

struct Judge<'a> {
    machine: &'a Machine,
    speeds: Option<&'a Speeds>,
    shape: &'a Shape,
    draft: Option<&'a Shape>,
    card: Option<&'a Gpu>,
    measured: Option<&'a Measured>,
}

impl Judge<'_> {
    fn memory(&self, context: u64) -> MemoryNeed {
        let level = self.machine.cpu.level;
        let need = MemoryNeed::of(self.shape, self.draft, level, context);
        let Some(Measured {
            context: then,
            peak_bytes: Some(peak),
            ..
        }) = self.measured
        else {
            return need;
        };
        // Measurements are of the model alone.
        let predicted = MemoryNeed::of(self.shape, None, level, (*then).max(1));
        let most_down = (predicted.fixed_bytes() as f64 * MOST_CORRECTION_DOWN) as u64;
        let down = predicted.peak_bytes.saturating_sub(*peak).min(most_down);
        let up = peak.saturating_sub(predicted.peak_bytes);
        need.corrected(up, down)
    }

    /// What goes where, where a graphics card takes any of it.
    fn placed(&self, need: &MemoryNeed, context: u64) -> Option<Placed> {
        place(self.card?, self.machine, self.shape, self.draft, need, context)
    }

    /// What the main memory says: a graphics card is given no more than fits.
    fn label(&self, context: u64) -> Label {
        let need = self.memory(context);
        let placed = self.placed(&need, context);
        let bytes = placed.map_or(need.peak_bytes, |placed| placed.main_bytes);
        Label::of(bytes, self.machine.usable_bytes())
    }

    /// Memory grows with context, so the largest that fits is found by halving.
    fn largest_context(&self) -> Option<u64> {
        let fits = |steps: u64| self.label(steps.saturating_mul(STEP)) != Label::TooBig;
        let (mut fit, mut beyond) = (0, (self.shape.reliable_context / STEP).saturating_add(1));
        while beyond - fit > 1 {
            let middle = fit + (beyond - fit) / 2;
            if fits(middle) {
                fit = middle;
            } else {
                beyond = middle;
            }
        }
        (fit > 0).then_some(fit * STEP)
    }

    fn decode(&self, context: u64) -> Option<Speed> {
        let measured = self.measured.and_then(|one| one.decode_tokens_per_second);
        self.speed(context, measured, decode_seconds)
    }

    fn prompt(&self, context: u64) -> Option<Speed> {
        let measured = self.measured.and_then(|one| one.prompt_tokens_per_second);
        self.speed(context, measured, prompt_seconds)
    }

    /// `seconds` of one token in a context of so many.
    fn speed(
        &self,
        context: u64,
        measured: Option<f64>,
        seconds: fn(hearth_machine::CpuLevel, &Speeds, &Shape, u64) -> f64,
    ) -> Option<Speed> {
        let predict = |tokens: u64| {
            let speeds = self.speeds?;
            Some(seconds(self.machine.cpu.level, speeds, self.shape, tokens.max(1)))
        };
        let usual = (context / USUALLY_FILLED).max(1);
        let real = measured.filter(|speed| speed.is_finite() && *speed > 0.0);
        let Some((real, then)) = real.zip(self.measured.map(|one| one.context)) else {
            let (usual, full, empty) = (predict(usual)?, predict(context)?, predict(1)?);
            return Speed::of_seconds(usual, full, empty, SPEED_UNCERTAINTY);
        };
        // The formula tells only how other contexts compare with the measured one.
        let compared = |tokens: u64| match predict(tokens).zip(predict(then)) {
            Some((now, then)) if now.is_finite() && then > 0.0 => now / then / real,
            _ => real.recip(),
        };
        Speed::of_seconds(compared(usual), compared(context), compared(1), 0.0)
    }
}
